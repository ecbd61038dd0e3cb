//! The integrator actor: merges batches, runs their gates and the deciding ones.

use std::sync::Arc;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Recipient, WrapFuture};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::actors::exit_guard::ExitGuard;
use crate::actors::gating::run_gate;
use crate::domain::decided::Decided;
use crate::domain::event::ActorName;
use crate::domain::evidence::{GateResult, GateScope};
use crate::domain::goal::{Charter, Drive};
use crate::domain::ids::{Batch, CommitId, Seq, TreeId};
use crate::domain::order::{ConflictPath, Fault, GateOrder, MergeInput, Merged};
use crate::domain::task::{AcceptedPlan, GateSpec};
use crate::messages::goal::{BaseMeasured, Halt, MeasureBase, ProveTip, TipProven};
use crate::messages::journal::{Committed, Outbox, Released};
use crate::messages::lifecycle::Defect;
use crate::messages::slice::{Enqueue, Landed, QueueFailed};
use crate::messages::{Undelivered, tell};
use crate::ports::{Effects, conflict_artifact};
use crate::workflow::gates::GateLedger;
use crate::workflow::integrator::{ConflictedSlice, Integrator, Intent, MergeReport};
use crate::workflow::judgement::MergedSlice;
use crate::workflow::merge_queue::{MergeQueue, Queued};

/// Whom the integrator speaks to.
pub struct Wires {
    /// Is told what became of enqueued slices.
    pub landed: Recipient<Landed>,
    /// Are told when the queue stands still: who offers slices, and who ends the run.
    pub queue_failed: [Recipient<QueueFailed>; 2],
    /// Is told the verdicts on the base.
    pub base_measured: Recipient<BaseMeasured>,
    /// Is told the verdicts on the tip.
    pub tip_proven: Recipient<TipProven>,
    /// What cannot be goes here.
    pub supervisor: Recipient<Defect>,
}

/// The actor.
pub struct IntegratorActor {
    charter: Arc<Charter>,
    effects: Effects,
    drive: Drive,
    stop: CancellationToken,
    /// What was folded from the journal, until there is a plan over which to integrate.
    folded: Option<(MergeQueue, GateLedger)>,
    integrator: Option<Integrator>,
    halted: bool,
    outbox: Outbox<Intent>,
    wires: Wires,
    _guard: ExitGuard,
}

impl IntegratorActor {
    /// An actor over queue and verdicts as they were folded from the journal. `stop` kills its gates.
    pub fn new(
        (charter, effects, drive): (Arc<Charter>, Effects, Drive),
        folded: (MergeQueue, GateLedger),
        (outbox, stop): (Outbox<Intent>, CancellationToken),
        wires: Wires,
        guard: ExitGuard,
    ) -> Self {
        let folded = Some(folded);
        Self { charter, effects, drive, stop, folded, integrator: None, halted: false, outbox, wires, _guard: guard }
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
        let committed = self.outbox.commit(decided, cause, None);
        let performed = committed.and_then(|released| self.perform(released, ctx));
        self.report(performed);
    }

    fn report(&self, result: Result<(), Undelivered>) {
        if let Err(error) = result {
            let defect = Defect { actor: ActorName::Integrator, detail: error.to_string() };
            tell(&self.wires.supervisor, defect).unwrap_or_else(|error| tracing::error!(%error, "no supervisor"));
        }
    }

    fn perform(&mut self, released: Released<Intent>, ctx: &mut Context<Self>) -> Result<(), Undelivered> {
        let cause = released.cause;
        released.intents.into_iter().try_for_each(|intent| self.start(intent, cause, ctx))
    }

    fn start(&mut self, intent: Intent, cause: Option<Seq>, ctx: &mut Context<Self>) -> Result<(), Undelivered> {
        match intent {
            Intent::Merge { batch, onto, inputs } => self.merge(batch, onto, inputs, ctx),
            Intent::RunGate { scope, gate, tree } => self.run_gate(scope, gate, tree, ctx),
            Intent::Tell(fact) => tell(&self.wires.landed, Landed { fact, cause })?,
            Intent::ReportBase(results) => tell(&self.wires.base_measured, BaseMeasured { results, cause })?,
            Intent::ReportTip(results) => self.report_tip(results, cause)?,
        }
        Ok(())
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

    fn run_gate(&mut self, scope: GateScope, gate: GateSpec, tree: TreeId, ctx: &mut Context<Self>) {
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
        let gated = run_again_after_a_fault(self.effects.clone(), order, self.stop.clone());
        ctx.spawn(gated.into_actor(self).map(move |gated, actor, ctx| match gated {
            Ok(result) => actor.decide(None, ctx, |integrator| integrator.gated(&scope, result)),
            Err(fault) => actor.fail(&fault),
        }));
    }
}

/// Runs a gate, and once more where our own machinery failed at it: one fault is no reason to end a run.
async fn run_again_after_a_fault(
    effects: Effects,
    order: GateOrder,
    stop: CancellationToken,
) -> Result<GateResult, Fault> {
    let run = || {
        let (pulse, _unheard) = mpsc::unbounded_channel();
        run_gate(effects.clone(), order.clone(), pulse, stop.clone())
    };
    match run().await {
        Err(fault) if !stop.is_cancelled() => {
            tracing::warn!(%fault, gate = %order.gate.name, "the gate is run once more");
            run().await
        }
        gated => gated,
    }
}

/// Merges a batch; for each conflict, saves both sides and finds what others added to its paths.
async fn merge_batch(
    effects: Effects,
    charter: Arc<Charter>,
    batch: Batch,
    onto: CommitId,
    inputs: Vec<Queued>,
) -> Result<MergeReport, Fault> {
    let orders = inputs.iter().map(|queued| MergeInput {
        slice: queued.slice.clone(),
        attempt: queued.attempt,
        capture: queued.capture.clone(),
        message: merge_message(&charter, queued),
    });
    let merged = effects.workspace.merge(onto, orders.collect(), effects.clock.now()).await?;
    let mut report = MergeReport::default();
    for (queued, merged) in inputs.into_iter().zip(merged) {
        match merged {
            Merged::Clean { merge, tree } => report.merged.push(MergedSlice { queued, merge, tree }),
            Merged::Conflict { onto, paths } => {
                report.conflicted.push(conflicted(&effects, batch, queued, onto, paths).await?);
            }
        }
    }
    Ok(report)
}

fn merge_message(charter: &Charter, queued: &Queued) -> String {
    let slice = &queued.slice;
    let spec = charter.proposal.slices.iter().find(|spec| spec.id == *slice);
    let title = spec.map(|spec| spec.title.lines().next().unwrap_or_default().to_owned()).unwrap_or_default();
    format!(
        "Merge slice {slice}: {title}\n\nOmk-Goal: {}\nOmk-Slice: {slice}\nOmk-Attempt: {}\n",
        charter.id, queued.attempt
    )
}

async fn conflicted(
    effects: &Effects,
    batch: Batch,
    queued: Queued,
    onto: CommitId,
    paths: Vec<ConflictPath>,
) -> Result<ConflictedSlice, Fault> {
    let (mut evidence, mut added) = (Vec::new(), Vec::new());
    for (index, conflict) in paths.iter().enumerate() {
        for (side, content) in [("base", &conflict.base), ("ours", &conflict.ours), ("theirs", &conflict.theirs)] {
            if let Some(bytes) = content {
                let name = conflict_artifact(batch, &queued.slice, index, side);
                evidence.push(effects.artifacts.put(&name, bytes.clone()).await?);
            }
        }
        let start = queued.capture.start.clone();
        let lines = effects.workspace.added_lines(start, onto.clone(), conflict.path.clone()).await?;
        added.push((conflict.path.clone(), lines));
    }
    let detail = both_sides(&paths);
    let paths = paths.into_iter().map(|conflict| conflict.path).collect();
    Ok(ConflictedSlice { queued, onto, paths, evidence, added, detail })
}

/// Both sides in words, bounded.
fn both_sides(paths: &[ConflictPath]) -> String {
    const MOST: usize = 4096;
    let mut text = String::new();
    for conflict in paths {
        let sides = [("integrated", &conflict.ours), ("this slice", &conflict.theirs)];
        for (name, content) in sides {
            let content = content.as_deref().map_or("(not there)".into(), String::from_utf8_lossy);
            text.push_str(&format!("--- {} ({name})\n{content}\n", conflict.path));
        }
    }
    if text.len() > MOST {
        let cut = (0..=MOST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(cut);
        text.push_str("\n… (the whole is in artifacts/integration/)");
    }
    text
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
        let released = self.outbox.acknowledge(committed);
        let performed = self.perform(released, ctx);
        self.report(performed);
    }
}
