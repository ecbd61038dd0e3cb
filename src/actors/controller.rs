//! The controller actor: drives the phases of a run and decides the status in which it ends.

use std::sync::Arc;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Recipient, WrapFuture};

use crate::actors::coordinator::{After, Coordinator, Shell};
use crate::domain::event::ActorName;
use crate::domain::evidence::GateResult;
use crate::domain::fact::Branch;
use crate::domain::goal::{Charter, Drive};
use crate::domain::ids::{CommitId, Seq, SliceId, TreeId};
use crate::domain::review::{Role, Subject};
use crate::domain::shortage::Disk;
use crate::domain::task::GateSpec;
use crate::messages::goal::{
    BaseMeasured, Begin, BudgetOpened, Execute, ExecutionSettled, Exhausted, Halt, MakePlan, MeasureBase, OpenBudget,
    PlanMade, ProveTip, StopRun, TipProven,
};
use crate::messages::journal::{Committed, JournalDistressed};
use crate::messages::lifecycle::{RunOver, StopEffects};
use crate::messages::review::{ReviewOrder, Reviewed, StartReviewers};
use crate::messages::slice::QueueFailed;
use crate::messages::{Undelivered, tell};
use crate::ports::Workspace;
use crate::workflow::controller::{Controller, Intent, Proof, TipGates, branch_names};

/// The mailboxes that the controller sends to.
pub struct Wires {
    /// Makes the plan.
    pub planner: Recipient<MakePlan>,
    /// Works on the slices.
    pub execute: Recipient<Execute>,
    /// The scheduler, to be halted.
    pub halt_scheduler: Recipient<Halt>,
    /// The integrator, to be halted.
    pub halt_integrator: Recipient<Halt>,
    /// The budget, to say what is used up before anything starts.
    pub open_budget: Recipient<OpenBudget>,
    /// The budget, to write down the time.
    pub halt_budget: Recipient<Halt>,
    /// Runs the gates on the base.
    pub measure_base: Recipient<MeasureBase>,
    /// Runs the gates on the tip.
    pub prove_tip: Recipient<ProveTip>,
    /// Starts reviewers.
    pub start_reviewers: Recipient<StartReviewers>,
    /// The controller itself, for their reports.
    pub reviewed: Recipient<Reviewed>,
    /// Kills what runs.
    pub stop_effects: Recipient<StopEffects>,
    /// Ends the run.
    pub run_over: Recipient<RunOver>,
}

/// Drives the phases of one run.
pub struct ControllerActor {
    /// The goal.
    pub charter: Arc<Charter>,
    /// How far the run is to go.
    pub drive: Drive,
    /// The decisions, over the record that was folded from the journal.
    pub controller: Controller,
    /// Delivers the result.
    pub workspace: Arc<dyn Workspace>,
    /// The mailboxes of the others.
    pub wires: Wires,
    /// What every coordinator has.
    pub shell: Shell<Intent>,
}

impl Coordinator for ControllerActor {
    const NAME: ActorName = ActorName::Controller;
    type Intent = Intent;

    fn shell(&mut self) -> &mut Shell<Intent> {
        &mut self.shell
    }

    fn start(&mut self, intent: Intent, after: After, ctx: &mut Context<Self>) -> Result<(), Undelivered> {
        let After { cause, at } = after;
        match intent {
            Intent::OpenBudget => tell(&self.wires.open_budget, OpenBudget { begun: at }),
            Intent::MakePlan => tell(&self.wires.planner, MakePlan { cause }),
            Intent::MeasureBase(plan) => tell(&self.wires.measure_base, MeasureBase { plan, cause }),
            Intent::Execute(plan) => tell(&self.wires.execute, Execute { plan, drive: self.drive, cause }),
            Intent::ProveTip(plan, gates) => {
                let run_gates = gates == TipGates::Run;
                tell(&self.wires.prove_tip, ProveTip { run_gates, plan, cause })
            }
            Intent::ReviewGoal { tip, tree, roles, results } => self.review((tip, tree), roles, results, cause),
            Intent::Deliver { tip, slices } => {
                self.deliver(tip, slices, ctx);
                Ok(())
            }
            Intent::LookForMerge { tip } => {
                self.look_for_merge(tip, ctx);
                Ok(())
            }
            Intent::Halt(why) => {
                tell(&self.wires.halt_scheduler, Halt { why: why.clone(), cause })?;
                tell(&self.wires.halt_integrator, Halt { why: why.clone(), cause })?;
                tell(&self.wires.halt_budget, Halt { why, cause })?;
                tell(&self.wires.stop_effects, StopEffects { abandon: false })
            }
            Intent::Abandon => tell(&self.wires.stop_effects, StopEffects { abandon: true }),
            Intent::Over(ruling) => {
                let (status, reason, next) = (ruling.status, ruling.reason, ruling.next);
                tell(&self.wires.run_over, RunOver { status, reason, next })
            }
        }
    }
}

impl ControllerActor {
    fn review(
        &self,
        (tip, tree): (CommitId, TreeId),
        roles: Vec<Role>,
        results: Vec<GateResult>,
        cause: Option<Seq>,
    ) -> Result<(), Undelivered> {
        let gates: Vec<GateSpec> = self.controller.record().plan.as_ref().map(|p| p.gates.clone()).unwrap_or_default();
        let order = ReviewOrder {
            subject: Subject::Goal { tree },
            attempt: None,
            from: self.charter.repository.base.clone(),
            to: tip,
            access: None,
            gates: Arc::new(gates),
            results: Arc::new(results),
        };
        let reply_to = self.wires.reviewed.clone();
        tell(&self.wires.start_reviewers, StartReviewers { order, roles, reply_to, cause })
    }

    /// Sees whether the branch that the goal began on holds its result.
    fn look_for_merge(&self, tip: CommitId, ctx: &mut Context<Self>) {
        let branch = self.charter.repository.branch.clone();
        let workspace = Arc::clone(&self.workspace);
        let looking = async move {
            match branch {
                Some(branch) => workspace.is_on_branch(branch, tip).await.map_err(|fault| fault.to_string()),
                None => Ok(false),
            }
        };
        ctx.spawn(looking.into_actor(self).map(|merged, actor, ctx| {
            let decided = actor.controller.merge_looked_for(merged);
            actor.commit(decided, None, None, ctx);
        }));
    }

    /// Delivers only a history from which every slice that is called done can be reached.
    fn deliver(&mut self, tip: CommitId, slices: Vec<(SliceId, CommitId)>, ctx: &mut Context<Self>) {
        let workspace = Arc::clone(&self.workspace);
        let ids: Vec<_> = slices.iter().map(|(slice, _)| slice.clone()).collect();
        let commits = std::iter::once(tip.clone()).chain(slices.into_iter().map(|(_, commit)| commit));
        let names = branch_names(&self.charter.id, &ids);
        let branches: Vec<_> = names.into_iter().zip(commits).map(|(name, commit)| Branch { name, commit }).collect();
        let delivery = async move {
            let wanted = branches.iter().map(|branch| branch.commit.clone()).collect();
            let lost = workspace.unreachable(tip, wanted).await.map_err(|fault| fault.to_string())?;
            if let Some(commit) = lost.first() {
                return Err(format!("commit {commit} of a slice cannot be reached from the integrated history"));
            }
            workspace.deliver(branches.clone()).await.map_err(|fault| fault.to_string())?;
            Ok(branches)
        };
        let workspace = Arc::clone(&self.workspace);
        let delivery = async move {
            let delivered = delivery.await;
            let shortage = if delivered.is_ok() { None } else { workspace.shortage(Disk::User).await };
            (delivered, shortage)
        };
        ctx.spawn(delivery.into_actor(self).map(|(delivered, shortage), actor, ctx| {
            let decided = actor.controller.delivered(delivered, shortage);
            actor.commit(decided, None, None, ctx);
        }));
    }
}

impl Actor for ControllerActor {
    type Context = Context<Self>;
}

impl Handler<Begin> for ControllerActor {
    type Result = ();
    fn handle(&mut self, _: Begin, ctx: &mut Context<Self>) {
        let decided = self.controller.begin();
        self.commit(decided, None, None, ctx);
    }
}

impl Handler<BudgetOpened> for ControllerActor {
    type Result = ();
    fn handle(&mut self, opened: BudgetOpened, ctx: &mut Context<Self>) {
        let decided = self.controller.budget_opened();
        self.commit(decided, opened.cause, None, ctx);
    }
}

impl Handler<PlanMade> for ControllerActor {
    type Result = ();
    fn handle(&mut self, made: PlanMade, ctx: &mut Context<Self>) {
        let decided = self.controller.plan_made(made.result);
        self.commit(decided, made.cause, None, ctx);
    }
}

impl Handler<BaseMeasured> for ControllerActor {
    type Result = ();
    fn handle(&mut self, measured: BaseMeasured, ctx: &mut Context<Self>) {
        let decided = self.controller.base_measured(&measured.results);
        self.commit(decided, measured.cause, None, ctx);
    }
}

impl Handler<ExecutionSettled> for ControllerActor {
    type Result = ();
    fn handle(&mut self, settled: ExecutionSettled, ctx: &mut Context<Self>) {
        let decided = self.controller.execution_settled(settled.settlement);
        self.commit(decided, settled.cause, None, ctx);
    }
}

impl Handler<TipProven> for ControllerActor {
    type Result = ();
    fn handle(&mut self, proven: TipProven, ctx: &mut Context<Self>) {
        let TipProven { tip, tree, slices, results, cause } = proven;
        let decided = self.controller.tip_proven(Proof { tip, tree, slices, results });
        self.commit(decided, cause, None, ctx);
    }
}

impl Handler<QueueFailed> for ControllerActor {
    type Result = ();
    fn handle(&mut self, failed: QueueFailed, ctx: &mut Context<Self>) {
        let decided = self.controller.integration_failed(failed.detail);
        self.commit(decided, None, None, ctx);
    }
}

impl Handler<Reviewed> for ControllerActor {
    type Result = ();
    fn handle(&mut self, reviewed: Reviewed, ctx: &mut Context<Self>) {
        let decided = self.controller.reviewed(&reviewed.subject, reviewed.result);
        self.commit(decided, reviewed.cause, None, ctx);
    }
}

impl Handler<StopRun> for ControllerActor {
    type Result = ();
    fn handle(&mut self, stop: StopRun, ctx: &mut Context<Self>) {
        let decided = self.controller.stop(stop.stop, stop.by);
        self.commit(decided, None, None, ctx);
    }
}

impl Handler<Exhausted> for ControllerActor {
    type Result = ();
    fn handle(&mut self, exhausted: Exhausted, ctx: &mut Context<Self>) {
        let decided = self.controller.exhausted(exhausted.budget, exhausted.account);
        self.commit(decided, exhausted.cause, None, ctx);
    }
}

impl Handler<JournalDistressed> for ControllerActor {
    type Result = ();
    fn handle(&mut self, distress: JournalDistressed, ctx: &mut Context<Self>) {
        let decided = self.controller.distressed(distress.detail);
        self.commit(decided, None, None, ctx);
    }
}

impl Handler<Committed> for ControllerActor {
    type Result = ();
    fn handle(&mut self, committed: Committed, ctx: &mut Context<Self>) {
        self.acknowledge(committed, ctx);
    }
}
