//! The supervisor: builds the tree from the journal, starts workers and reviewers, and rebuilds what breaks.
//!
//! Children are started from specifications (`children`), which also say what follows when a child ends where it should
//! not. The coordinators hold each other's addresses, so they are restarted together. A worker lives for one attempt and
//! a reviewer for one review. Invariants: no state survives a restart but the journal's; the journal actor outlives
//! every generation, and its failure ends the run.

mod children;
mod operator;
mod wiring;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, WrapFuture};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::actors::budget::BudgetActor;
use crate::actors::controller::ControllerActor;
use crate::actors::exit_guard::ExitGuard;
use crate::actors::journal::{JournalActor, Superiors};
use crate::actors::scheduler::SchedulerActor;
use crate::actors::seat::seat;
use crate::actors::supervisor::children::{ChildSpec, Restart, Supervised, Task};
use crate::actors::worker::Surroundings;
use crate::domain::control::Holder;
use crate::domain::decided::Decided;
use crate::domain::event::{ActorName, Event};
use crate::domain::fact::{Fact, GoalFact, SupervisionFact};
use crate::domain::goal::{Charter, Drive, GoalStatus};
use crate::domain::ids::AttemptRef;
use crate::domain::review::Role;
use crate::messages::goal::{Begin, StopRun};
use crate::messages::journal::{Committed, JournalDistressed, JournalFailed, Outbox, ReadAll};
use crate::messages::lifecycle::{
    Child, ChildExited, Defect, Exit, RunOver, Sighted, StartWorker, StopEffects, StopWorker, WorkerGone,
};
use crate::messages::review::StartReviewers;
use crate::messages::tell;
use crate::ports::Effects;
use crate::workflow::restart::{RestartDecision, RestartHistory};
use crate::workflow::state::GoalState;

/// What a run is to do, and where its result goes.
pub struct Run {
    /// The goal.
    pub charter: Arc<Charter>,
    /// How far to go.
    pub drive: Drive,
    /// This process.
    pub holder: Holder,
    /// The journal so far.
    pub state: GoalState,
    /// The effects.
    pub effects: Effects,
    /// Receives every durable record, in order.
    pub observer: UnboundedSender<Event>,
    /// Receives how the run ended, once.
    pub over: oneshot::Sender<RunOver>,
}

/// The addresses of one generation of coordinators.
struct Generation {
    controller: Addr<ControllerActor>,
    scheduler: Addr<SchedulerActor>,
    budget: Addr<BudgetActor>,
    around: Surroundings,
    /// Kills every agent and gate of the generation when cancelled.
    stop: CancellationToken,
    /// Cancelled when the generation is to be replaced: its coordinators decide nothing more, and end.
    retired: CancellationToken,
}

/// What the tree is doing.
enum Phase {
    /// The coordinators work.
    Running(Box<Generation>),
    /// A child broke. Its workers end; then the journal is read, because nothing adds to it any more.
    Draining {
        /// The child.
        child: ActorName,
        /// How it ended.
        cause: String,
    },
    /// The journal is read, or the restart is being recorded.
    Rebuilding,
    /// The run has ended.
    Over,
}

/// What every generation is told when it begins.
#[derive(Default)]
struct Standing {
    stop: Option<StopRun>,
    /// The disk does not get better while the run goes on.
    distress: Option<JournalDistressed>,
}

/// Supervises every actor of one run.
pub struct Supervisor {
    charter: Arc<Charter>,
    drive: Drive,
    holder: Holder,
    effects: Effects,
    journal: Addr<JournalActor>,
    outbox: Outbox<Intent>,
    /// Taken when the run is over.
    over: Option<oneshot::Sender<RunOver>>,
    phase: Phase,
    /// The number of the generation; 0 is the one that the run began with.
    number: u32,
    children: BTreeMap<Child, Supervised>,
    reviewers_started: u64,
    standing: Standing,
    /// The restarts so far, as the journal has them.
    restarts: RestartHistory,
}

/// What follows once the journal has it.
enum Intent {
    /// The next generation, over this state.
    Build(Box<GoalState>),
    /// A review is begun anew.
    Review(Box<StartReviewers>, Role),
    /// The run ends: something ended too often.
    End(RunOver),
}

impl Supervisor {
    /// Starts the supervisor of one run, and with it the journal and the coordinators.
    pub fn start(run: Run) -> Addr<Self> {
        Self::create(|ctx| {
            let Run { charter, drive, holder, state, effects, observer, over } = run;
            let seat = seat();
            let journal = seat.address();
            let name = ActorName::Supervisor;
            let mut supervisor = Self {
                outbox: Outbox::new(name, journal.clone().recipient(), ctx.address().recipient()),
                journal,
                charter,
                drive,
                holder,
                effects,
                over: Some(over),
                phase: Phase::Rebuilding,
                number: 0,
                children: BTreeMap::new(),
                reviewers_started: 0,
                standing: Standing::default(),
                restarts: state.restarts.clone(),
            };
            let guard = supervisor.guard(Child::Coordinator(ActorName::Journal), ctx);
            let superiors = Superiors { failed: ctx.address().recipient(), distressed: ctx.address().recipient() };
            let Effects { journal, clock, .. } = supervisor.effects.clone();
            let actor = JournalActor::new(journal, clock, observer, superiors, guard);
            supervisor.supervise(ChildSpec {
                child: Child::Coordinator(ActorName::Journal),
                restart: Restart::EndsTheRun,
                drain: Duration::ZERO,
                task: Task::Coordinates,
                start: Box::new(move || seat.run(actor)),
            });
            supervisor.build(state, ctx);
            supervisor
        })
    }

    fn guard(&self, child: Child, ctx: &Context<Self>) -> ExitGuard {
        ExitGuard::new(child, self.number, ctx.address().recipient())
    }

    /// Starts a child and remembers what its specification says about its end.
    fn supervise(&mut self, spec: ChildSpec) {
        let ChildSpec { child, restart, drain, task, start } = spec;
        self.children.insert(child, Supervised { restart, drain, task });
        start();
    }

    /// Builds every coordinator over the folded state and lets them begin.
    fn build(&mut self, state: GoalState, ctx: &mut Context<Self>) {
        let (generation, specs) = self.coordinators(state, ctx);
        specs.into_iter().for_each(|spec| self.supervise(spec));
        let controller = generation.controller.clone();
        self.phase = Phase::Running(Box::new(generation));
        let Standing { stop, distress } = &self.standing;
        let begun = tell(&controller.clone().recipient(), Begin)
            .and_then(|()| stop.iter().try_for_each(|stop| tell(&controller.clone().recipient(), stop.clone())))
            .and_then(|()| distress.iter().try_for_each(|it| tell(&controller.clone().recipient(), it.clone())));
        if let Err(error) = begun {
            self.restart(ActorName::Controller, &error.to_string(), ctx);
        }
    }

    fn generation(&self) -> Option<&Generation> {
        match &self.phase {
            Phase::Running(generation) => Some(generation),
            Phase::Draining { .. } | Phase::Rebuilding | Phase::Over => None,
        }
    }

    /// Retires the coordinators; they are rebuilt from the journal, or given up when that happened too often.
    fn restart(&mut self, child: ActorName, cause: &str, ctx: &mut Context<Self>) {
        let Some(generation) = self.generation() else { return };
        tracing::error!(actor = %child, cause, "an actor ended where it should not have");
        generation.stop.cancel();
        generation.retired.cancel();
        // Nobody waits for reviewers any more; the next generation asks for what is missing.
        self.children.retain(|_, child| !matches!(child.task, Task::Reviews { .. }));
        self.number += 1;
        self.phase = Phase::Draining { child, cause: cause.to_owned() };
        self.bound_the_drain(ctx);
        self.read_journal(ctx);
    }

    /// Ends the run if a worker outlives its drain timeout: what it does cannot be known, so nothing is built beside it.
    fn bound_the_drain(&self, ctx: &mut Context<Self>) {
        let number = self.number;
        for (attempt, drain) in self.workers().map(|(attempt, child)| (attempt.clone(), child.drain)) {
            ctx.run_later(drain, move |actor, ctx| {
                let drains = matches!(actor.phase, Phase::Draining { .. }) && actor.number == number;
                if drains && actor.children.contains_key(&Child::Worker(attempt.clone())) {
                    let detail = format!("the worker of {attempt} did not end within {}s", drain.as_secs());
                    actor.finish(failed(&detail, &actor.charter), ctx);
                }
            });
        }
    }

    fn task(&mut self, child: Child) -> Option<&mut Task> {
        self.children.get_mut(&child).map(|supervised| &mut supervised.task)
    }

    fn workers(&self) -> impl Iterator<Item = (&AttemptRef, &Supervised)> {
        self.children.iter().filter_map(|(child, supervised)| match child {
            Child::Worker(attempt) => Some((attempt, supervised)),
            Child::Coordinator(_) | Child::Reviewer(..) => None,
        })
    }

    /// Reads what the next generation is built over, as soon as no worker of the one before adds to it and no process
    /// of its attempts lives.
    fn read_journal(&mut self, ctx: &mut Context<Self>) {
        if self.workers().next().is_some() {
            return;
        }
        let Phase::Draining { child, cause } = &self.phase else { return };
        let (child, cause) = (*child, cause.clone());
        self.phase = Phase::Rebuilding;
        let (reply_to, events) = oneshot::channel();
        if let Err(error) = tell(&self.journal.clone().recipient(), ReadAll { reply_to }) {
            return self.finish(failed(&error.to_string(), &self.charter), ctx);
        }
        ctx.spawn(events.into_actor(self).map(move |events, actor, ctx| match events {
            Ok(events) => actor.rebuild(child, cause, &events, ctx),
            Err(_) => actor.finish(failed("the journal gave no answer", &actor.charter), ctx),
        }));
    }

    fn rebuild(&mut self, child: ActorName, cause: String, events: &[Event], ctx: &mut Context<Self>) {
        if let Some(over) = settled(events) {
            return self.finish(over, ctx);
        }
        let state = GoalState::replay(events);
        self.restarts = state.restarts.clone();
        let decided = match self.may_restart() {
            RestartDecision::Restart => {
                let restarted = Fact::Supervision(SupervisionFact::ActorRestarted { child, cause });
                Decided::new(vec![restarted], vec![Intent::Build(Box::new(state))])
            }
            RestartDecision::Escalate => {
                let over = failed(&format!("actor {child} ended too often: {cause}"), &self.charter);
                let RunOver { status, reason, next } = over.clone();
                let settled = Fact::Goal(GoalFact::GoalSettled { status, reason, next });
                Decided::new(
                    vec![Fact::Supervision(SupervisionFact::RestartsExceeded { child, cause }), settled],
                    vec![Intent::End(over)],
                )
            }
        };
        self.commit(decided, ctx);
    }

    fn may_restart(&self) -> RestartDecision {
        let settings = &self.charter.settings;
        self.restarts.decide(self.effects.clock.now(), settings.restart_intensity, settings.restart_period_ms)
    }

    fn commit(&mut self, decided: Decided<Intent>, ctx: &mut Context<Self>) {
        if let Err(error) = self.outbox.commit(decided, None, None) {
            self.finish(failed(&error.to_string(), &self.charter), ctx);
        }
    }

    fn finish(&mut self, over: RunOver, ctx: &mut Context<Self>) {
        if let Some(generation) = self.generation() {
            generation.stop.cancel();
            generation.retired.cancel();
        }
        self.phase = Phase::Over;
        if let Some(sender) = self.over.take() {
            // Whoever started the run may be gone; then nobody asks how it ended.
            drop(sender.send(over));
        }
        ctx.stop();
    }

    /// Acts on the end of a child as its specification says.
    fn exited(&mut self, exited: ChildExited, ctx: &mut Context<Self>) {
        let ChildExited { child, generation, exit } = exited;
        // A coordinator of an earlier generation ends because it was retired.
        let stale =
            matches!(child, Child::Coordinator(name) if name != ActorName::Journal) && generation != self.number;
        if stale || matches!(self.phase, Phase::Over) {
            return;
        }
        let Some(Supervised { restart, task, .. }) = self.children.remove(&child) else { return };
        let how = match exit {
            Exit::Normal => "stopped by itself",
            Exit::Panic => "panicked",
        };
        match restart {
            Restart::EndsTheRun => {
                self.finish(failed(&format!("the {}'s actor {how}", child.actor()), &self.charter), ctx);
            }
            Restart::AllTogether => self.restart(child.actor(), &format!("it {how}"), ctx),
            Restart::Alone | Restart::Never => match task {
                Task::Works { attempt, .. } => self.worker_gone(attempt, exit, ctx),
                Task::Reviews { order, role } => self.reviewer_gone(*order, role, exit, ctx),
                Task::Coordinates => {}
            },
        }
    }

    fn worker_gone(&mut self, attempt: AttemptRef, exit: Exit, ctx: &mut Context<Self>) {
        self.read_journal(ctx);
        let crash = match exit {
            Exit::Normal => None,
            Exit::Panic => Some("its worker panicked".to_owned()),
        };
        let Some(generation) = self.generation() else { return };
        if let Err(error) = tell(&generation.scheduler.clone().recipient(), WorkerGone { attempt, crash }) {
            tracing::warn!(%error, "the scheduler does not hear of a worker's end");
        }
    }

    /// A reviewer that panics is started again, within the same intensity as every other actor.
    fn reviewer_gone(&mut self, order: StartReviewers, role: Role, exit: Exit, ctx: &mut Context<Self>) {
        if exit == Exit::Normal {
            return;
        }
        let (child, cause) = (ActorName::Reviewer(role), "it panicked");
        match self.may_restart() {
            RestartDecision::Restart => {
                let restarted = Fact::Supervision(SupervisionFact::ActorRestarted { child, cause: cause.to_owned() });
                self.restarts.apply(&restarted, self.effects.clock.now());
                self.commit(Decided::new(vec![restarted], vec![Intent::Review(Box::new(order), role)]), ctx);
            }
            RestartDecision::Escalate => self.restart(child, cause, ctx),
        }
    }

    fn start_reviewer(&mut self, order: StartReviewers, role: Role, ctx: &mut Context<Self>) {
        self.reviewers_started += 1;
        let spec = self.reviewer(self.reviewers_started, order, role, ctx);
        self.supervise(spec);
    }
}

/// How the newest run has ended, where its end is durable already: then nothing is built anew.
fn settled(events: &[Event]) -> Option<RunOver> {
    let bounds_a_run =
        |event: &&Event| matches!(event.fact, Fact::Goal(GoalFact::RunStarted { .. } | GoalFact::GoalSettled { .. }));
    if let Fact::Goal(GoalFact::GoalSettled { status, reason, next }) = &events.iter().rev().find(bounds_a_run)?.fact {
        return Some(RunOver { status: *status, reason: reason.clone(), next: next.clone() });
    }
    None
}

fn failed(detail: &str, charter: &Charter) -> RunOver {
    let next = vec![format!("omk goal resume {}", charter.id)];
    RunOver { status: GoalStatus::FailedInfra, reason: detail.to_owned(), next }
}

impl Actor for Supervisor {
    type Context = Context<Self>;
}

impl Handler<StartWorker> for Supervisor {
    type Result = ();
    fn handle(&mut self, start: StartWorker, ctx: &mut Context<Self>) {
        let Some(generation) = self.generation() else { return };
        let spec = self.worker(start.attempt, generation, ctx);
        self.supervise(spec);
    }
}

impl Handler<StopWorker> for Supervisor {
    type Result = ();
    fn handle(&mut self, stop: StopWorker, _ctx: &mut Context<Self>) {
        if let Some(Task::Works { stop, .. }) = self.task(Child::Worker(stop.attempt)) {
            stop.cancel();
        }
    }
}

impl Handler<Sighted> for Supervisor {
    type Result = ();
    fn handle(&mut self, sighted: Sighted, _ctx: &mut Context<Self>) {
        let now = self.effects.clock.moment();
        let seen = sighted.sighting;
        if let Some(Task::Works { sighting, .. }) = self.task(Child::Worker(seen.attempt.clone())) {
            *sighting = Some(Box::new((now, seen)));
        }
    }
}

impl Handler<StopEffects> for Supervisor {
    type Result = ();
    fn handle(&mut self, stop: StopEffects, _ctx: &mut Context<Self>) {
        if let Some(generation) = self.generation() {
            generation.stop.cancel();
        }
        // After the token: whoever sees a step end knows by then that it was asked to stop.
        if stop.abandon {
            self.effects.workspace.abandon();
        }
    }
}

impl Handler<StartReviewers> for Supervisor {
    type Result = ();
    fn handle(&mut self, start: StartReviewers, ctx: &mut Context<Self>) {
        for role in start.roles.clone() {
            self.start_reviewer(start.clone(), role, ctx);
        }
    }
}

impl Handler<ChildExited> for Supervisor {
    type Result = ();
    fn handle(&mut self, exited: ChildExited, ctx: &mut Context<Self>) {
        self.exited(exited, ctx);
    }
}

impl Handler<Defect> for Supervisor {
    type Result = ();
    fn handle(&mut self, defect: Defect, ctx: &mut Context<Self>) {
        self.restart(defect.actor, &defect.detail, ctx);
    }
}

impl Handler<Committed> for Supervisor {
    type Result = ();
    fn handle(&mut self, committed: Committed, ctx: &mut Context<Self>) {
        for intent in self.outbox.acknowledge(committed).intents {
            match intent {
                Intent::Build(state) => self.build(*state, ctx),
                Intent::Review(order, role) => self.start_reviewer(*order, role, ctx),
                Intent::End(over) => self.finish(over, ctx),
            }
        }
    }
}

impl Handler<JournalFailed> for Supervisor {
    type Result = ();
    fn handle(&mut self, journal: JournalFailed, ctx: &mut Context<Self>) {
        self.finish(failed(&journal.detail, &self.charter), ctx);
    }
}

impl Handler<JournalDistressed> for Supervisor {
    type Result = ();
    fn handle(&mut self, distress: JournalDistressed, _ctx: &mut Context<Self>) {
        self.standing.distress = Some(distress.clone());
        let Some(generation) = self.generation() else { return };
        if let Err(error) = tell(&generation.controller.clone().recipient(), distress) {
            tracing::warn!(%error, "the controller is being rebuilt; it will hear of the distress then");
        }
    }
}

impl Handler<RunOver> for Supervisor {
    type Result = ();
    fn handle(&mut self, over: RunOver, ctx: &mut Context<Self>) {
        self.finish(over, ctx);
    }
}
