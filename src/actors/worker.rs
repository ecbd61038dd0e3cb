//! A worker: one attempt of one slice, from its claim to its end.
//!
//! Talks to the scheduler through the `WorkPlane` only. It ends after every process of its attempt has ended.

mod hints;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use actix::fut::ready;
use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Recipient, WrapFuture};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::actors::exit_guard::ExitGuard;
use crate::actors::gating::run_gate;
use crate::actors::worker::hints::Hints;
use crate::domain::agent::{AgentSign, AgentTask};
use crate::domain::budget::Spender;
use crate::domain::decided::Decided;
use crate::domain::evidence::{ArtifactRef, GateScope};
use crate::domain::fact::{AttemptFact, Fact};
use crate::domain::goal::Charter;
use crate::domain::ids::{AttemptRef, CommitId, TreeId};
use crate::domain::order::{
    AttemptEnd, CaptureLimits, CaptureOrder, Fault, GateOrder, LeaseOver, Place, Prepared, WorktreeOrder,
};
use crate::domain::shortage::Disk;
use crate::domain::task::{Assignment, Capture, GateSpec, KeptLines};
use crate::domain::vitals::Vitals;
use crate::messages::budget::{Purse, Reserve, Settle};
use crate::messages::journal::{Committed, Outbox, Released};
use crate::messages::lifecycle::Sighted;
use crate::messages::{Undelivered, tell};
use crate::ports::{Effect, Effects, WorkPlane};
use crate::workflow::heartbeat::Heartbeat;
use crate::workflow::shortage::{may_be_due_to_shortage, weighed};
use crate::workflow::vigil::Vigil;
use crate::workflow::worker::{Progress, Step, Worker, still_there};

/// What every worker of a run knows.
#[derive(Clone)]
pub struct Surroundings {
    /// The goal.
    pub charter: Arc<Charter>,
    /// The gates of the plan.
    pub gates: Arc<Vec<GateSpec>>,
    /// The effects.
    pub effects: Effects,
    /// The scheduler.
    pub plane: Arc<dyn WorkPlane>,
    /// Where money is asked for, and use is reported.
    pub budget: Purse,
    /// Where it goes what is seen of an attempt.
    pub sighted: Recipient<Sighted>,
}

/// The actor. It lives for one attempt.
pub struct WorkerActor {
    attempt: AttemptRef,
    around: Surroundings,
    stop: CancellationToken,
    outbox: Outbox<Step>,
    worker: Option<Worker>,
    worktree: Option<PathBuf>,
    heartbeat: Heartbeat,
    /// The watch over the agent, while it works.
    vigil: Option<Vigil>,
    /// What the agent shows of itself, while it works.
    signs: Option<UnboundedReceiver<AgentSign>>,
    /// What a gate's keeper says of it, while it runs.
    pulse: Option<UnboundedReceiver<Vitals>>,
    /// The agent's model has answered.
    answered: bool,
    /// What the operator says to the agent.
    hints: Hints,
    /// Ends the agent, and nothing else of the attempt.
    agent_stop: CancellationToken,
    _guard: ExitGuard,
}

impl WorkerActor {
    /// A worker for one offered attempt. `stop` kills what it started.
    pub fn new(
        attempt: AttemptRef,
        around: Surroundings,
        stop: CancellationToken,
        outbox: Outbox<Step>,
        guard: ExitGuard,
    ) -> Self {
        Self {
            attempt,
            around,
            agent_stop: stop.child_token(),
            stop,
            outbox,
            worker: None,
            worktree: None,
            heartbeat: Heartbeat::default(),
            vigil: None,
            signs: None,
            pulse: None,
            answered: false,
            hints: Hints::open(),
            _guard: guard,
        }
    }

    fn claimed(&mut self, claimed: Result<Assignment, LeaseOver>, ctx: &mut Context<Self>) {
        match claimed {
            Ok(assignment) => {
                let worker = Worker::new(assignment, &self.around.charter, &self.around.gates);
                let first = worker.begin();
                self.worker = Some(worker);
                self.renew_later(ctx);
                self.take(first, ctx);
            }
            Err(over) => {
                tracing::debug!(%over, "the claim was refused");
                ctx.stop();
            }
        }
    }

    /// Records what happened, then goes on.
    fn advance(&mut self, progress: Progress, ctx: &mut Context<Self>) {
        let decided = Decided::new(progress.fact.into_iter().collect(), vec![progress.step]);
        match self.commit(decided) {
            Ok(released) => released.intents.into_iter().for_each(|step| self.take(step, ctx)),
            Err(error) => {
                tracing::error!(%error, attempt = %self.attempt, "the worker cannot go on");
                ctx.stop();
            }
        }
    }

    /// Hands facts to the journal, and says so to the scheduler, whose slices follow from them.
    fn commit(&mut self, decided: Decided<Step>) -> Result<Released<Step>, Undelivered> {
        for fact in &decided.facts {
            self.around.plane.progressed(self.attempt.clone(), fact.clone());
        }
        self.outbox.commit(decided, None, Some(&self.attempt))
    }

    fn take(&mut self, step: Step, ctx: &mut Context<Self>) {
        let ends = matches!(step, Step::Finish { .. });
        match (self.stop.is_cancelled() && !ends, &self.worker) {
            (true, Some(worker)) => {
                let stopped = worker.stopped();
                self.perform(stopped, ctx);
            }
            (false, _) | (true, None) => self.perform(step, ctx),
        }
    }

    fn perform(&mut self, step: Step, ctx: &mut Context<Self>) {
        if !matches!(step, Step::Prepare | Step::RunAgent) {
            self.hints.close();
        }
        match step {
            Step::Prepare => {
                self.around.effects.agents.expect();
                self.prepare(ctx);
            }
            Step::RunAgent => self.reserve(ctx),
            Step::Capture => self.capture(ctx),
            Step::CheckKept { capture } => self.check_kept(capture.commit, ctx),
            Step::RunGate { gate, capture } => self.run_gate(*gate, &capture, ctx),
            Step::Finish { outcome, capture, gates } => {
                self.weigh(AttemptEnd { outcome, capture, gates, shortage: None }, ctx);
            }
        }
    }

    /// An effect of our own failed, or was ended because we were asked to stop.
    fn fail(&mut self, fault: &Fault, ctx: &mut Context<Self>) {
        if let Some(worker) = &self.worker {
            let step = if self.stop.is_cancelled() { worker.stopped() } else { worker.failed(&fault.to_string()) };
            self.perform(step, ctx);
        }
    }

    fn prepare(&mut self, ctx: &mut Context<Self>) {
        let Some(assignment) = self.worker.as_ref().map(Worker::assignment) else { return };
        let order = WorktreeOrder {
            attempt: self.attempt.clone(),
            start: assignment.start.clone(),
            content: assignment.content.clone(),
            place: assignment
                .session
                .as_ref()
                .map(|session| Place { worktree: session.worktree.clone(), as_it_stands: session.cut_off }),
        };
        let prepared = self.around.effects.workspace.prepare(order);
        ctx.spawn(prepared.into_actor(self).map(|prepared, actor, ctx| match prepared {
            Ok(prepared) => actor.prepared(prepared, ctx),
            Err(fault) => actor.fail(&fault, ctx),
        }));
    }

    fn prepared(&mut self, prepared: Prepared, ctx: &mut Context<Self>) {
        let Prepared { path, stood } = prepared;
        let Some(worker) = &mut self.worker else { return };
        let progress = worker.prepared(name_of(&path), stood);
        self.worktree = Some(path);
        self.advance(progress, ctx);
    }

    /// Has something of the budget set aside, then lets the agent work.
    fn reserve(&mut self, ctx: &mut Context<Self>) {
        let (reply_to, answer) = oneshot::channel();
        let reserve = Reserve { attempt: self.attempt.clone(), role: Spender::Executor, reply_to };
        if let Err(error) = tell(&self.around.budget.reserve, reserve) {
            tracing::debug!(%error, attempt = %self.attempt, "nobody sets anything aside");
        }
        ctx.spawn(answer.into_actor(self).map(|answer, actor, ctx| {
            let refused = match answer {
                // What is set aside is given back by the agent's end, also where that comes at once.
                Ok(Ok(())) => return actor.run_agent(ctx),
                Ok(Err(reason)) => reason,
                Err(_) => "a stop of the run".to_owned(),
            };
            if let Some(worker) = &actor.worker {
                let step = worker.denied(refused);
                actor.perform(step, ctx);
            }
        }));
    }

    fn run_agent(&mut self, ctx: &mut Context<Self>) {
        let (Some(worker), Some(worktree)) = (&self.worker, &self.worktree) else { return };
        let charter = &self.around.charter;
        let task = AgentTask {
            goal: charter.id.clone(),
            goal_text: charter.goal.clone(),
            criteria: charter.criteria.clone(),
            constraints: charter.constraints.clone(),
            assignment: worker.assignment().clone(),
            worktree: worktree.clone(),
            timeout_ms: worker.deadline_ms(),
            grace_ms: charter.settings.grace_ms,
            pulse_ms: charter.settings.pulse_ms(),
            lease_ms: charter.settings.lease_ms,
        };
        let (events, received) = mpsc::unbounded_channel();
        self.watch(received, ctx);
        let hints = self.hints.agent_begins();
        let report = self.around.effects.agents.run(task, events, hints, self.agent_stop.clone());
        ctx.spawn(report.into_actor(self).map(|report, actor, ctx| {
            actor.unwatch();
            let (attempt, role) = (actor.attempt.clone(), Spender::Executor);
            if let Err(error) = tell(&actor.around.budget.settle, Settle { attempt, role, report: report.clone() }) {
                tracing::debug!(%error, attempt = %actor.attempt, "nobody settles");
            }
            if let Some(worker) = &mut actor.worker {
                let progress = worker.agent_reported(report);
                actor.advance(progress, ctx);
            }
        }));
    }

    fn capture(&mut self, ctx: &mut Context<Self>) {
        let (Some(worker), Some(worktree)) = (&self.worker, &self.worktree) else { return };
        let assignment = worker.assignment();
        let order = CaptureOrder {
            attempt: self.attempt.clone(),
            worktree: worktree.clone(),
            start: assignment.start.clone(),
            access: assignment.spec.access.clone(),
            limits: CaptureLimits {
                file: self.around.charter.settings.max_file_size,
                attempt: self.around.charter.settings.max_attempt_size,
            },
            message: commit_message(&self.around.charter, assignment),
            at: self.around.effects.clock.now(),
        };
        let captured = self.around.effects.workspace.capture(order);
        ctx.spawn(captured.into_actor(self).map(|captured, actor, ctx| match (captured, &mut actor.worker) {
            (Ok(captured), Some(worker)) => {
                let checkout = captured.checkout.clone();
                let progress = worker.captured(captured);
                actor.checkout_changed(checkout);
                actor.advance(progress, ctx);
            }
            (Err(fault), _) => actor.fail(&fault, ctx),
            (Ok(_), None) => {}
        }));
    }

    /// Records what changed in the user's checkout meanwhile.
    fn checkout_changed(&mut self, paths: Vec<String>) {
        if paths.is_empty() {
            return;
        }
        if let Err(error) =
            self.commit(Decided::new(vec![Fact::Attempt(AttemptFact::CheckoutChanged { paths })], Vec::new()))
        {
            tracing::error!(%error, attempt = %self.attempt, "the worker cannot record a change of the checkout");
        }
    }

    fn check_kept(&mut self, commit: CommitId, ctx: &mut Context<Self>) {
        let Some(worker) = &self.worker else { return };
        let keep = worker.assignment().keep.clone();
        if keep.is_empty() {
            let step = worker.kept_checked(&[]);
            return self.take(step, ctx);
        }
        let missing = missing_lines(&self.around.effects, worker.assignment().start.clone(), commit, keep);
        ctx.spawn(missing.into_actor(self).map(|missing, actor, ctx| match (missing, &actor.worker) {
            (Ok(missing), Some(worker)) => {
                let step = worker.kept_checked(&missing);
                actor.take(step, ctx);
            }
            (Err(fault), _) => actor.fail(&fault, ctx),
            (Ok(_), None) => {}
        }));
    }

    /// Looks up which tests the gate named on the base, then runs it.
    fn run_gate(&mut self, gate: GateSpec, capture: &Capture, ctx: &mut Context<Self>) {
        let (base_tests, tree) = (self.around.plane.base_tests(gate.name.clone()), capture.tree.clone());
        let looked_up = base_tests.into_actor(self);
        ctx.spawn(looked_up.map(move |tests, actor, ctx| actor.start_gate(gate, tree, tests, ctx)));
    }

    fn start_gate(&mut self, gate: GateSpec, tree: TreeId, base_tests: Option<ArtifactRef>, ctx: &mut Context<Self>) {
        let order = GateOrder {
            gate,
            scope: GateScope::Attempt { slice: self.attempt.slice.clone(), attempt: self.attempt.attempt },
            tree,
            cold: false,
            base_tests,
            grace_ms: self.around.charter.settings.grace_ms,
            pulse_ms: self.around.charter.settings.pulse_ms(),
            lease_ms: self.around.charter.settings.lease_ms,
        };
        let (pulse, heard) = mpsc::unbounded_channel();
        self.listen(heard, ctx);
        let gated = run_gate(self.around.effects.clone(), order, pulse, self.stop.clone());
        ctx.spawn(gated.into_actor(self).map(|gated, actor, ctx| {
            actor.unwatch();
            match (gated, &mut actor.worker) {
                (Ok(result), Some(worker)) => {
                    let progress = worker.gated(result);
                    actor.advance(progress, ctx);
                }
                (Err(fault), _) => actor.fail(&fault, ctx),
                (Ok(_), None) => {}
            }
        }));
    }

    /// Ends the attempt; one that failed not before it is known that the machine lacked nothing.
    fn weigh(&mut self, end: AttemptEnd, ctx: &mut Context<Self>) {
        if !may_be_due_to_shortage(&end.outcome) {
            return self.finish(end, ctx);
        }
        let shortage = self.around.effects.workspace.shortage(Disk::Goal);
        ctx.spawn(shortage.into_actor(self).map(|shortage, actor, ctx| actor.finish(weighed(end, shortage), ctx)));
    }

    fn finish(&mut self, end: AttemptEnd, ctx: &mut Context<Self>) {
        if self.worker.as_ref().is_some_and(|worker| worker.leaves_worktree(&end.outcome)) {
            self.worktree = None;
        }
        let finished = self.around.plane.finish(self.attempt.clone(), end);
        ctx.spawn(finished.into_actor(self).then(|finished, actor, ctx| {
            if let Err(over) = finished {
                tracing::debug!(%over, "the result came late");
                // The next attempt may go on in it, and begins as soon as this one is gone.
                actor.worktree.take_if(|_| actor.worker.as_ref().is_some_and(Worker::leaves_worktree_late));
            }
            actor.clean_up(ctx);
            ready(())
        }));
    }

    /// Gives the worktree up: all that counts of it is captured. Only then is the attempt gone, so that the next one of
    /// its slice never meets this one's worktree.
    fn clean_up(&mut self, ctx: &mut Context<Self>) {
        let Some(worktree) = self.worktree.take() else { return ctx.stop() };
        let discarded = self.around.effects.workspace.discard(worktree);
        ctx.spawn(discarded.into_actor(self).map(|discarded, actor, ctx| {
            if let Err(fault) = discarded {
                tracing::warn!(%fault, attempt = %actor.attempt, "a worktree was left behind");
            }
            ctx.stop();
        }));
    }
}

/// A worktree's path, relative to the goal's directory.
fn name_of(worktree: &Path) -> PathBuf {
    Path::new("worktrees").join(worktree.file_name().unwrap_or_default())
}

/// The lines that an attempt dropped, of those that it found at its start: what another slice has rightly removed
/// since they were added is not asked for.
fn missing_lines(
    effects: &Effects,
    start: CommitId,
    commit: CommitId,
    keep: Vec<KeptLines>,
) -> Effect<Result<Vec<KeptLines>, Fault>> {
    let workspace = Arc::clone(&effects.workspace);
    Box::pin(async move {
        let gone = workspace.missing_lines(start, keep.clone()).await?;
        workspace.missing_lines(commit, still_there(keep, &gone)).await
    })
}

/// The message of the commit of a slice, with its trailers.
fn commit_message(charter: &Charter, assignment: &Assignment) -> String {
    let Assignment { spec, attempt, .. } = assignment;
    let title = spec.title.lines().next().unwrap_or_default();
    let body = match spec.description.trim() {
        "" => String::new(),
        text => format!("{text}\n\n"),
    };
    format!("{title}\n\n{body}Omk-Goal: {}\nOmk-Slice: {}\nOmk-Attempt: {attempt}\n", charter.id, spec.id)
}

impl Actor for WorkerActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let claimed = self.around.plane.claim(self.attempt.clone());
        ctx.spawn(claimed.into_actor(self).map(|claimed, actor, ctx| actor.claimed(claimed, ctx)));
    }
}

impl Handler<Committed> for WorkerActor {
    type Result = ();
    fn handle(&mut self, committed: Committed, ctx: &mut Context<Self>) {
        let released = self.outbox.acknowledge(committed);
        released.intents.into_iter().for_each(|step| self.take(step, ctx));
    }
}
