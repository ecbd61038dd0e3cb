//! The coordinators of one generation, each over its part of the folded state, and the messages that connect them.
//!
//! Owns the wires and nothing else; the supervisor decides when children start and end.

use std::sync::Arc;
use std::time::Duration;

use actix::{Addr, AsyncContext, Context, Recipient};
use tokio_util::sync::CancellationToken;

use crate::actors::budget::{self, BudgetActor};
use crate::actors::controller::{self, ControllerActor};
use crate::actors::coordinator::{Coordinator, Shell};
use crate::actors::integrator::{self, IntegratorActor};
use crate::actors::planner::PlannerActor;
use crate::actors::scheduler::plane::LocalPlane;
use crate::actors::scheduler::{self, SchedulerActor};
use crate::actors::seat::{Seat, seat};
use crate::actors::supervisor::children::{ChildSpec, Restart, Task};
use crate::actors::supervisor::{Generation, Supervisor};
use crate::actors::worker::Surroundings;
use crate::domain::event::ActorName;
use crate::domain::goal::Drive;
use crate::messages::budget::Purse;
use crate::messages::journal::{Committed, Outbox};
use crate::messages::lifecycle::Child;
use crate::ports::Effects;
use crate::workflow::budget::Ledger;
use crate::workflow::controller::Controller;
use crate::workflow::merge_queue::MergeQueue;
use crate::workflow::settling::settlement_of;
use crate::workflow::state::GoalState;

/// The addresses of one generation, and the token that retires it.
struct Addresses {
    pub(super) controller: Addr<ControllerActor>,
    pub(super) scheduler: Addr<SchedulerActor>,
    pub(super) integrator: Addr<IntegratorActor>,
    pub(super) planner: Addr<PlannerActor>,
    pub(super) budget: Addr<BudgetActor>,
    retired: CancellationToken,
}

impl Supervisor {
    /// The coordinators of a new generation over the folded state, and the specifications that start them.
    pub(super) fn coordinators(&self, state: GoalState, ctx: &Context<Self>) -> (Generation, Vec<ChildSpec>) {
        let (controller, scheduler, integrator) = (seat(), seat(), seat());
        let (planner, budget) = (seat(), seat());
        let (stop, retired) = (CancellationToken::new(), CancellationToken::new());
        let others = Addresses {
            controller: controller.address(),
            scheduler: scheduler.address(),
            integrator: integrator.address(),
            planner: planner.address(),
            budget: budget.address(),
            retired: retired.clone(),
        };
        let generation = Generation {
            controller: others.controller.clone(),
            scheduler: others.scheduler.clone(),
            budget: others.budget.clone(),
            around: self.surroundings(&state, &others, ctx),
            stop: stop.clone(),
            retired: retired.clone(),
        };
        let specs = vec![
            coordinator(planner, self.planner(&others, ctx), &retired),
            coordinator(budget, self.budget(state.budget.clone(), &others, ctx), &retired),
            coordinator(integrator, self.integrator(&state, &others, stop, ctx), &retired),
            coordinator(scheduler, self.scheduler(&state, &others, ctx), &retired),
            coordinator(controller, self.controller(state, &others, ctx), &retired),
        ];
        (generation, specs)
    }

    fn surroundings(&self, state: &GoalState, others: &Addresses, ctx: &Context<Self>) -> Surroundings {
        let gates = match &state.goal.plan {
            Some(plan) => plan.gates.clone(),
            None => self.charter.proposal.gates.clone(),
        };
        Surroundings {
            charter: Arc::clone(&self.charter),
            gates: Arc::new(gates),
            effects: self.effects.clone(),
            plane: Arc::new(LocalPlane {
                claim: others.scheduler.clone().recipient(),
                renew: others.scheduler.clone().recipient(),
                base_tests: others.scheduler.clone().recipient(),
                progressed: others.scheduler.clone().recipient(),
                finish: others.scheduler.clone().recipient(),
            }),
            budget: Purse {
                reserve: others.budget.clone().recipient(),
                used: others.budget.clone().recipient(),
                settle: others.budget.clone().recipient(),
            },
            sighted: ctx.address().recipient(),
        }
    }

    /// The shell of a coordinator of this generation: its outbox is shut when the generation is retired.
    fn shell<I>(
        &self,
        name: ActorName,
        acknowledged: Recipient<Committed>,
        others: &Addresses,
        ctx: &Context<Self>,
    ) -> Shell<I> {
        let outbox = Outbox::new(name, self.journal.clone().recipient(), acknowledged).until(others.retired.clone());
        let guard = self.guard(Child::Coordinator(name), ctx);
        Shell { outbox, supervisor: ctx.address().recipient(), guard }
    }

    fn planner(&self, others: &Addresses, ctx: &Context<Self>) -> PlannerActor {
        let shell = self.shell(ActorName::Planner, others.planner.clone().recipient(), others, ctx);
        let controller = others.controller.clone().recipient();
        PlannerActor { charter: Arc::clone(&self.charter), controller, shell }
    }

    fn budget(&self, ledger: Ledger, others: &Addresses, ctx: &Context<Self>) -> BudgetActor {
        let shell = self.shell(ActorName::Budget, others.budget.clone().recipient(), others, ctx);
        let wires = budget::Wires {
            controller: others.controller.clone().recipient(),
            opened: others.controller.clone().recipient(),
            scheduler: others.scheduler.clone().recipient(),
            booked: others.scheduler.clone().recipient(),
        };
        BudgetActor::new(ledger, Arc::clone(&self.effects.clock), wires, shell)
    }

    fn integrator(
        &self,
        state: &GoalState,
        others: &Addresses,
        stop: CancellationToken,
        ctx: &Context<Self>,
    ) -> IntegratorActor {
        let shell = self.shell(ActorName::Integrator, others.integrator.clone().recipient(), others, ctx);
        let wires = integrator::Wires {
            landed: others.scheduler.clone().recipient(),
            queue_failed: [others.scheduler.clone().recipient(), others.controller.clone().recipient()],
            base_measured: others.controller.clone().recipient(),
            tip_proven: others.controller.clone().recipient(),
        };
        IntegratorActor::new(integrator::Parts {
            charter: Arc::clone(&self.charter),
            effects: self.effects.clone(),
            drive: self.drive,
            // A goal whose first record is lost has no queue; the charter says where one begins.
            queue: state.queue.clone().unwrap_or_else(|| MergeQueue::new(&self.charter.repository)),
            ledger: state.gates.clone(),
            stop,
            wires,
            shell,
        })
    }

    fn scheduler(&self, state: &GoalState, others: &Addresses, ctx: &Context<Self>) -> SchedulerActor {
        let shell = self.shell(ActorName::Scheduler, others.scheduler.clone().recipient(), others, ctx);
        let wires = scheduler::Wires {
            start_worker: ctx.address().recipient(),
            stop_worker: ctx.address().recipient(),
            tell_agent: ctx.address().recipient(),
            start_reviewers: ctx.address().recipient(),
            reviewed: others.scheduler.clone().recipient(),
            reopened: others.budget.clone().recipient(),
            integrator: others.integrator.clone().recipient(),
            controller: others.controller.clone().recipient(),
        };
        let Effects { clock, agents, .. } = self.effects.clone();
        let (charter, slices) = (Arc::clone(&self.charter), state.slices.clone());
        SchedulerActor::new(scheduler::Parts { charter, clock, agents, slices, wires, shell })
    }

    fn controller(&self, state: GoalState, others: &Addresses, ctx: &Context<Self>) -> ControllerActor {
        let shell = self.shell(ActorName::Controller, others.controller.clone().recipient(), others, ctx);
        let wires = controller::Wires {
            planner: others.planner.clone().recipient(),
            execute: others.scheduler.clone().recipient(),
            halt_scheduler: others.scheduler.clone().recipient(),
            halt_integrator: others.integrator.clone().recipient(),
            open_budget: others.budget.clone().recipient(),
            halt_budget: others.budget.clone().recipient(),
            measure_base: others.integrator.clone().recipient(),
            prove_tip: others.integrator.clone().recipient(),
            start_reviewers: ctx.address().recipient(),
            reviewed: others.controller.clone().recipient(),
            stop_effects: ctx.address().recipient(),
            run_over: ctx.address().recipient(),
        };
        // Only the first generation records that the run has started.
        let holder = (self.number == 0).then(|| self.holder.clone());
        let mut decisions = Controller::new(state.goal, self.drive, holder);
        if matches!(self.drive, Drive::Verify | Drive::Review) {
            decisions.adopt(settlement_of(&state.slices));
        }
        ControllerActor {
            charter: Arc::clone(&self.charter),
            drive: self.drive,
            controller: decisions,
            workspace: Arc::clone(&self.effects.workspace),
            wires,
            shell,
        }
    }
}

/// The specification of a coordinator that ends, whatever it does then, when its generation is retired.
fn coordinator<A>(seat: Seat<A>, actor: A, retired: &CancellationToken) -> ChildSpec
where
    A: Coordinator,
{
    let retired = retired.clone();
    ChildSpec {
        child: Child::Coordinator(A::NAME),
        restart: Restart::AllTogether,
        drain: Duration::ZERO,
        task: Task::Coordinates,
        start: Box::new(move || seat.run_until(retired, actor)),
    }
}
