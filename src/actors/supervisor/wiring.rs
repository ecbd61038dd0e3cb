//! Who speaks to whom: the coordinators of one generation, each over its part of the folded state.
//!
//! Owns the wires and nothing else; when children start and end is the supervisor's affair.

use std::sync::Arc;

use actix::{Addr, AsyncContext, Context};
use tokio_util::sync::CancellationToken;

use crate::actors::budget::{self, BudgetActor};
use crate::actors::controller::{self, ControllerActor};
use crate::actors::integrator::{self, IntegratorActor};
use crate::actors::planner::{self, PlannerActor};
use crate::actors::scheduler::plane::LocalPlane;
use crate::actors::scheduler::{self, SchedulerActor};
use crate::actors::supervisor::Supervisor;
use crate::actors::worker::Surroundings;
use crate::domain::event::ActorName;
use crate::domain::goal::Drive;
use crate::messages::budget::Purse;
use crate::messages::lifecycle::Child;
use crate::ports::Effects;
use crate::workflow::budget::Ledger;
use crate::workflow::controller::Controller;
use crate::workflow::settling::settlement_of;
use crate::workflow::state::GoalState;

/// The addresses that wires are made of.
pub(super) struct Seats {
    pub(super) controller: Addr<ControllerActor>,
    pub(super) scheduler: Addr<SchedulerActor>,
    pub(super) integrator: Addr<IntegratorActor>,
    pub(super) planner: Addr<PlannerActor>,
    pub(super) budget: Addr<BudgetActor>,
}

impl Supervisor {
    pub(super) fn surroundings(&self, state: &GoalState, seats: &Seats, ctx: &Context<Self>) -> Surroundings {
        let gates = match &state.goal.plan {
            Some(plan) => plan.gates.clone(),
            None => self.charter.proposal.gates.clone(),
        };
        Surroundings {
            charter: Arc::clone(&self.charter),
            gates: Arc::new(gates),
            effects: self.effects.clone(),
            plane: Arc::new(LocalPlane {
                claim: seats.scheduler.clone().recipient(),
                renew: seats.scheduler.clone().recipient(),
                base_tests: seats.scheduler.clone().recipient(),
                progressed: seats.scheduler.clone().recipient(),
                finish: seats.scheduler.clone().recipient(),
            }),
            budget: Purse {
                reserve: seats.budget.clone().recipient(),
                used: seats.budget.clone().recipient(),
                settle: seats.budget.clone().recipient(),
            },
            sighted: ctx.address().recipient(),
        }
    }

    pub(super) fn planner(&self, seats: &Seats, ctx: &Context<Self>) -> Option<PlannerActor> {
        let outbox = self.outbox(ActorName::Planner, seats.planner.clone().recipient())?;
        let wires =
            planner::Wires { controller: seats.controller.clone().recipient(), supervisor: ctx.address().recipient() };
        let guard = self.guard(Child::Coordinator(ActorName::Planner), ctx);
        Some(PlannerActor::new(Arc::clone(&self.charter), outbox, wires, guard))
    }

    pub(super) fn budget(&self, ledger: Ledger, seats: &Seats, ctx: &Context<Self>) -> Option<BudgetActor> {
        let outbox = self.outbox(ActorName::Budget, seats.budget.clone().recipient())?;
        let wires = budget::Wires {
            controller: seats.controller.clone().recipient(),
            opened: seats.controller.clone().recipient(),
            scheduler: seats.scheduler.clone().recipient(),
            booked: seats.scheduler.clone().recipient(),
            supervisor: ctx.address().recipient(),
        };
        let guard = self.guard(Child::Coordinator(ActorName::Budget), ctx);
        Some(BudgetActor::new(ledger, Arc::clone(&self.effects.clock), outbox, wires, guard))
    }

    pub(super) fn integrator(
        &self,
        state: &GoalState,
        seats: &Seats,
        stop: CancellationToken,
        ctx: &Context<Self>,
    ) -> Option<IntegratorActor> {
        let outbox = self.outbox(ActorName::Integrator, seats.integrator.clone().recipient())?;
        let wires = integrator::Wires {
            landed: seats.scheduler.clone().recipient(),
            queue_failed: [seats.scheduler.clone().recipient(), seats.controller.clone().recipient()],
            base_measured: seats.controller.clone().recipient(),
            tip_proven: seats.controller.clone().recipient(),
            supervisor: ctx.address().recipient(),
        };
        let folded = (state.queue.clone()?, state.gates.clone());
        let guard = self.guard(Child::Coordinator(ActorName::Integrator), ctx);
        let world = (Arc::clone(&self.charter), self.effects.clone(), self.drive);
        Some(IntegratorActor::new(world, folded, (outbox, stop), wires, guard))
    }

    pub(super) fn scheduler(&self, state: &GoalState, seats: &Seats, ctx: &Context<Self>) -> Option<SchedulerActor> {
        let outbox = self.outbox(ActorName::Scheduler, seats.scheduler.clone().recipient())?;
        let wires = scheduler::Wires {
            start_worker: ctx.address().recipient(),
            stop_worker: ctx.address().recipient(),
            tell_agent: ctx.address().recipient(),
            start_reviewers: ctx.address().recipient(),
            reviewed: seats.scheduler.clone().recipient(),
            reopened: seats.budget.clone().recipient(),
            integrator: seats.integrator.clone().recipient(),
            controller: seats.controller.clone().recipient(),
            supervisor: ctx.address().recipient(),
        };
        let guard = self.guard(Child::Coordinator(ActorName::Scheduler), ctx);
        let Effects { clock, agents, .. } = self.effects.clone();
        let world = (Arc::clone(&self.charter), clock, agents);
        Some(SchedulerActor::new(world, state.slices.clone(), outbox, wires, guard))
    }

    pub(super) fn controller(
        &mut self,
        state: GoalState,
        seats: &Seats,
        ctx: &Context<Self>,
    ) -> Option<ControllerActor> {
        let outbox = self.outbox(ActorName::Controller, seats.controller.clone().recipient())?;
        let wires = controller::Wires {
            planner: seats.planner.clone().recipient(),
            execute: seats.scheduler.clone().recipient(),
            halt_scheduler: seats.scheduler.clone().recipient(),
            halt_integrator: seats.integrator.clone().recipient(),
            open_budget: seats.budget.clone().recipient(),
            halt_budget: seats.budget.clone().recipient(),
            measure_base: seats.integrator.clone().recipient(),
            prove_tip: seats.integrator.clone().recipient(),
            start_reviewers: ctx.address().recipient(),
            reviewed: seats.controller.clone().recipient(),
            stop_effects: ctx.address().recipient(),
            run_over: ctx.address().recipient(),
            supervisor: ctx.address().recipient(),
        };
        let mut decisions = Controller::new(state.goal, self.drive, self.holder.take());
        if matches!(self.drive, Drive::Verify | Drive::Review) {
            decisions.adopt(settlement_of(&state.slices));
        }
        let guard = self.guard(Child::Coordinator(ActorName::Controller), ctx);
        let workspace = Arc::clone(&self.effects.workspace);
        Some(ControllerActor::new(
            (Arc::clone(&self.charter), self.drive),
            (decisions, workspace),
            outbox,
            wires,
            guard,
        ))
    }
}
