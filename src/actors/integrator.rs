//! The integrator actor: merges batches, runs their gates and the deciding ones.

mod merge_batch;
mod run_gate;

use std::sync::Arc;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Recipient, WrapFuture};
use tokio_util::sync::CancellationToken;

use crate::actors::coordinator::{After, Coordinator, Shell};
use crate::actors::integrator::merge_batch::merge_batch;
use crate::actors::integrator::run_gate::run_gate;
use crate::domain::decided::Decided;
use crate::domain::event::ActorName;
use crate::domain::evidence::{GateResult, GateScope};
use crate::domain::goal::{Charter, Drive};
use crate::domain::ids::{Batch, CommitId, Seq, TreeId};
use crate::domain::order::{Fault, GateOrder};
use crate::domain::task::{AcceptedPlan, GateSpec};
use crate::messages::goal::{BaseMeasured, Halt, MeasureBase, ProveTip, TipProven};
use crate::messages::journal::Committed;
use crate::messages::slice::{Enqueue, Landed, QueueFailed};
use crate::messages::{Undelivered, tell};
use crate::ports::Effects;
use crate::workflow::gates::GateLedger;
use crate::workflow::integrator::{Integrator, Intent};
use crate::workflow::merge_queue::{MergeQueue, Queued};

/// The mailboxes that the integrator sends to.
pub struct Wires {
    /// Is told what became of enqueued slices.
    pub landed: Recipient<Landed>,
    /// Are told when the queue stands still: who offers slices, and who ends the run.
    pub queue_failed: [Recipient<QueueFailed>; 2],
    /// Is told the verdicts on the base.
    pub base_measured: Recipient<BaseMeasured>,
    /// Is told the verdicts on the tip.
    pub tip_proven: Recipient<TipProven>,
}

/// What an integrator is built from.
pub struct Parts {
    /// The goal.
    pub charter: Arc<Charter>,
    /// Merges and runs gates.
    pub effects: Effects,
    /// How far the run is to go.
    pub drive: Drive,
    /// The queue as folded from the journal.
    pub queue: MergeQueue,
    /// The gates' verdicts as folded from the journal.
    pub ledger: GateLedger,
    /// Kills its gates when cancelled.
    pub stop: CancellationToken,
    /// The mailboxes of the others.
    pub wires: Wires,
    /// What every coordinator has.
    pub shell: Shell<Intent>,
}

/// Merges what was accepted, and has the gates judge the result.
pub struct IntegratorActor {
    charter: Arc<Charter>,
    effects: Effects,
    drive: Drive,
    stop: CancellationToken,
    /// What was folded from the journal, until there is a plan over which to integrate.
    folded: Option<(MergeQueue, GateLedger)>,
    integrator: Option<Integrator>,
    halted: bool,
    wires: Wires,
    shell: Shell<Intent>,
}

impl Coordinator for IntegratorActor {
    const NAME: ActorName = ActorName::Integrator;
    type Intent = Intent;

    fn shell(&mut self) -> &mut Shell<Intent> {
        &mut self.shell
    }

    fn start(&mut self, intent: Intent, after: After, ctx: &mut Context<Self>) -> Result<(), Undelivered> {
        let cause = after.cause;
        match intent {
            Intent::Merge { batch, onto, inputs } => self.merge(batch, onto, inputs, ctx),
            Intent::RunGate { scope, gate, tree } => self.gate(scope, gate, tree, ctx),
            Intent::Tell(fact) => tell(&self.wires.landed, Landed { fact, cause })?,
            Intent::ReportBase(results) => tell(&self.wires.base_measured, BaseMeasured { results, cause })?,
            Intent::ReportTip(results) => self.report_tip(results, cause)?,
        }
        Ok(())
    }
}

impl IntegratorActor {
    /// An integrator over queue and verdicts as they were folded from the journal.
    pub fn new(parts: Parts) -> Self {
        let Parts { charter, effects, drive, queue, ledger, stop, wires, shell } = parts;
        let folded = Some((queue, ledger));
        Self { charter, effects, drive, stop, folded, integrator: None, halted: false, wires, shell }
    }

    /// Builds the integrator as soon as the plan is known. What was left in the queue is taken up by a run that works on
    /// slices; one that only looks changes no history.
    fn take_up(&mut self, plan: &Arc<AcceptedPlan>, ctx: &mut Context<Self>) {
        let Some((queue, ledger)) = self.folded.take() else { return };
        let mut integrator = Integrator::new(Arc::clone(plan), queue, ledger);
        if self.halted {
            integrator.halt();
        }
        self.integrator = Some(integrator);
        if matches!(self.drive, Drive::UntilReady | Drive::Pass) {
            self.decide(None, ctx, Integrator::begin);
        }
    }

    fn decide(
        &mut self,
        cause: Option<Seq>,
        ctx: &mut Context<Self>,
        decision: impl FnOnce(&mut Integrator) -> Decided<Intent>,
    ) {
        let Some(integrator) = &mut self.integrator else { return };
        let decided = decision(integrator);
        self.commit(decided, cause, None, ctx);
    }

    fn report_tip(&self, results: Vec<GateResult>, cause: Option<Seq>) -> Result<(), Undelivered> {
        let Some(integrator) = &self.integrator else { return Ok(()) };
        let queue = integrator.queue();
        let slices = queue.integrated.iter().map(|done| (done.slice.clone(), done.capture.commit.clone())).collect();
        let (tip, tree) = (queue.tip.clone(), queue.tree.clone());
        tell(&self.wires.tip_proven, TipProven { tip, tree, slices, results, cause })
    }

    fn merge(&mut self, batch: Batch, onto: CommitId, inputs: Vec<Queued>, ctx: &mut Context<Self>) {
        let merging = merge_batch(self.effects.clone(), Arc::clone(&self.charter), batch, onto, inputs);
        ctx.spawn(merging.into_actor(self).map(|report, actor, ctx| match report {
            Ok(report) => actor.decide(None, ctx, |integrator| integrator.merged(report)),
            Err(fault) => actor.fail(&fault),
        }));
    }

    fn fail(&mut self, fault: &Fault) {
        let detail = fault.to_string();
        let mut concerned = self.wires.queue_failed.iter();
        let told = concerned.try_for_each(|whom| tell(whom, QueueFailed { detail: detail.clone() }));
        self.report(told);
    }

    fn gate(&mut self, scope: GateScope, gate: GateSpec, tree: TreeId, ctx: &mut Context<Self>) {
        let base_tests = match scope {
            GateScope::Base => None,
            GateScope::Attempt { .. } | GateScope::Batch { .. } | GateScope::Tip => {
                self.integrator.as_ref().and_then(|integrator| integrator.ledger().base_tests(&gate.name).cloned())
            }
        };
        let cold = scope == GateScope::Tip;
        let settings = &self.charter.settings;
        let order = GateOrder {
            gate,
            scope: scope.clone(),
            tree,
            cold,
            base_tests,
            grace_ms: settings.grace_ms,
            pulse_ms: settings.pulse_ms(),
            lease_ms: settings.lease_ms,
        };
        // Nobody holds a lease for these gates: their own timeout is their clock.
        let gated = run_gate(self.effects.clone(), order, self.stop.clone());
        ctx.spawn(gated.into_actor(self).map(move |gated, actor, ctx| match gated {
            Ok(result) => actor.decide(None, ctx, |integrator| integrator.gated(&scope, result)),
            Err(fault) => actor.fail(&fault),
        }));
    }
}

impl Actor for IntegratorActor {
    type Context = Context<Self>;
}

impl Handler<MeasureBase> for IntegratorActor {
    type Result = ();
    fn handle(&mut self, order: MeasureBase, ctx: &mut Context<Self>) {
        self.take_up(&order.plan, ctx);
        let base = self.charter.repository.base_tree.clone();
        self.decide(order.cause, ctx, |integrator| integrator.measure_base(&base));
    }
}

impl Handler<Enqueue> for IntegratorActor {
    type Result = ();
    fn handle(&mut self, enqueue: Enqueue, ctx: &mut Context<Self>) {
        let Enqueue { slice, attempt, capture, gates, cause } = enqueue;
        self.decide(cause, ctx, |integrator| integrator.enqueue(Queued { slice, attempt, capture }, gates));
    }
}

impl Handler<ProveTip> for IntegratorActor {
    type Result = ();
    fn handle(&mut self, order: ProveTip, ctx: &mut Context<Self>) {
        self.take_up(&order.plan, ctx);
        if order.run_gates {
            self.decide(order.cause, ctx, Integrator::prove);
        } else {
            let known = self.integrator.as_ref().map(Integrator::known_of_tip).unwrap_or_default();
            let told = self.report_tip(known, order.cause);
            self.report(told);
        }
    }
}

impl Handler<Halt> for IntegratorActor {
    type Result = ();
    fn handle(&mut self, halt: Halt, ctx: &mut Context<Self>) {
        self.halted = true;
        self.decide(halt.cause, ctx, Integrator::halt);
    }
}

impl Handler<Committed> for IntegratorActor {
    type Result = ();
    fn handle(&mut self, committed: Committed, ctx: &mut Context<Self>) {
        self.acknowledge(committed, ctx);
    }
}
