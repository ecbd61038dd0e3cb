//! The supervisor: builds the tree from the journal, starts workers and reviewers, and rebuilds what breaks.
//!
//! The coordinators (controller, planner, scheduler, integrator, budget) hold each other's addresses, so they are
//! restarted together: one for all. A worker lives for one attempt and a reviewer for one review; their ends are
//! told to whoever waits for them. Invariants: no state survives a restart but the journal's; the journal actor
//! outlives every generation, and its failure ends the run.

mod operator;
mod wiring;

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::{Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, Recipient, WrapFuture};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::actors::budget::BudgetActor;
use crate::actors::controller::ControllerActor;
use crate::actors::exit_guard::ExitGuard;
use crate::actors::journal::{JournalActor, Superiors};
use crate::actors::reviewer::ReviewerActor;
use crate::actors::scheduler::SchedulerActor;
use crate::actors::seat::seat;
use crate::actors::supervisor::wiring::Seats;
use crate::actors::worker::{Surroundings, WorkerActor};
use crate::domain::control::Holder;
use crate::domain::decided::Decided;
use crate::domain::event::{ActorName, Event, Fact};
use crate::domain::goal::{Charter, Drive, GoalStatus};
use crate::domain::ids::{AttemptRef, Moment};
use crate::domain::review::Role;
use crate::domain::vitals::Sighting;
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
    /// Gets every durable record, in order.
    pub observer: UnboundedSender<Event>,
    /// Gets how the run ended, once.
    pub over: oneshot::Sender<RunOver>,
}

/// The addresses of one generation of coordinators.
struct Generation {
    controller: Addr<ControllerActor>,
    scheduler: Addr<SchedulerActor>,
    budget: Addr<BudgetActor>,
    around: Surroundings,
    stop: CancellationToken,
    /// Cancelled when the generation is to be replaced: its coordinators decide nothing more, and end.
    retired: CancellationToken,
}

/// One attempt under way.
struct AtWork {
    worker: Addr<WorkerActor>,
    stop: CancellationToken,
}

/// The actor.
pub struct Supervisor {
    charter: Arc<Charter>,
    drive: Drive,
    holder: Option<Holder>,
    effects: Effects,
    observer: UnboundedSender<Event>,
    over: Option<oneshot::Sender<RunOver>>,
    state: Option<GoalState>,
    journal: Option<Addr<JournalActor>>,
    number: u32,
    generation: Option<Generation>,
    attempts: BTreeMap<AttemptRef, AtWork>,
    /// The newest sighting of each attempt under way, and when it came.
    sightings: BTreeMap<AttemptRef, (Moment, Sighting)>,
    reviewers: BTreeMap<u64, (StartReviewers, Role)>,
    reviewers_started: u64,
    stop_wanted: Option<StopRun>,
    /// Said to every generation: the disk does not get better while the run goes on.
    distress: Option<JournalDistressed>,
    /// Who ended where it should not have, and how: the next generation is built once every worker is gone.
    broken: Option<(ActorName, String)>,
    /// The restarts so far, as the journal has them.
    restarts: RestartHistory,
    outbox: Option<Outbox<Intent>>,
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
    /// A supervisor for one run.
    pub fn new(run: Run) -> Self {
        let Run { charter, drive, holder, state, effects, observer, over } = run;
        Self {
            charter,
            drive,
            holder: Some(holder),
            effects,
            observer,
            over: Some(over),
            state: Some(state),
            journal: None,
            number: 0,
            generation: None,
            attempts: BTreeMap::new(),
            sightings: BTreeMap::new(),
            reviewers: BTreeMap::new(),
            reviewers_started: 0,
            stop_wanted: None,
            distress: None,
            broken: None,
            restarts: RestartHistory::default(),
            outbox: None,
        }
    }

    fn guard(&self, child: Child, ctx: &Context<Self>) -> ExitGuard {
        ExitGuard::new(child, self.number, ctx.address().recipient())
    }

    /// An outbox that no restart shuts: what a worker and a reviewer record is theirs whatever becomes of the rest.
    fn lasting_outbox<I>(&self, name: ActorName, reply_to: Recipient<Committed>) -> Option<Outbox<I>> {
        Some(Outbox::new(name, self.journal.clone()?.recipient(), reply_to))
    }

    /// The outbox of a coordinator: shut when its generation is retired.
    fn outbox<I>(&self, name: ActorName, reply_to: Recipient<Committed>) -> Option<Outbox<I>> {
        let retired = self.generation.as_ref()?.retired.clone();
        Some(self.lasting_outbox(name, reply_to)?.until(retired))
    }

    /// Builds every coordinator over the folded state and lets them begin.
    fn build(&mut self, state: GoalState, ctx: &mut Context<Self>) {
        let (controller, scheduler, integrator) = (seat(), seat(), seat());
        let (planner, budget) = (seat(), seat());
        let (stop, retired) = (CancellationToken::new(), CancellationToken::new());
        let seats = Seats {
            controller: controller.address(),
            scheduler: scheduler.address(),
            integrator: integrator.address(),
            planner: planner.address(),
            budget: budget.address(),
        };
        let generation = Generation {
            controller: seats.controller.clone(),
            scheduler: seats.scheduler.clone(),
            budget: seats.budget.clone(),
            around: self.surroundings(&state, &seats, ctx),
            stop: stop.clone(),
            retired: retired.clone(),
        };
        self.generation = Some(generation);
        if let Some(actor) = self.planner(&seats, ctx) {
            planner.run_until(retired.clone(), actor);
        }
        if let Some(actor) = self.budget(state.budget.clone(), &seats, ctx) {
            budget.run_until(retired.clone(), actor);
        }
        if let Some(actor) = self.integrator(&state, &seats, stop, ctx) {
            integrator.run_until(retired.clone(), actor);
        }
        if let Some(actor) = self.scheduler(&state, &seats, ctx) {
            scheduler.run_until(retired.clone(), actor);
        }
        if let Some(actor) = self.controller(state, &seats, ctx) {
            controller.run_until(retired, actor);
        }
        self.begin(ctx);
    }

    fn begin(&mut self, ctx: &mut Context<Self>) {
        let Some(generation) = &self.generation else { return };
        let begun = tell(&generation.controller.clone().recipient(), Begin)
            .and_then(|()| match self.stop_wanted.clone() {
                Some(stop) => tell(&generation.controller.clone().recipient(), stop),
                None => Ok(()),
            })
            .and_then(|()| match self.distress.clone() {
                Some(distress) => tell(&generation.controller.clone().recipient(), distress),
                None => Ok(()),
            });
        if let Err(error) = begun {
            self.restart(ActorName::Controller, &error.to_string(), ctx);
        }
    }

    /// Retires the coordinators; they are rebuilt from the journal, or given up when that happened too often.
    fn restart(&mut self, child: ActorName, cause: &str, ctx: &mut Context<Self>) {
        let Some(generation) = self.generation.take() else { return };
        tracing::error!(actor = %child, cause, "an actor ended where it should not have");
        generation.stop.cancel();
        generation.retired.cancel();
        // Nobody waits for them any more; the next generation asks for what is missing.
        self.reviewers.clear();
        self.number += 1;
        self.broken = Some((child, cause.to_owned()));
        self.read_journal(ctx);
    }

    /// Reads what the next generation is built over, as soon as no worker of the one before adds to it and no process
    /// of its attempts lives.
    fn read_journal(&mut self, ctx: &mut Context<Self>) {
        if !self.attempts.is_empty() {
            return;
        }
        let (Some((child, cause)), Some(journal)) = (self.broken.take(), self.journal.clone()) else { return };
        let (reply_to, events) = oneshot::channel();
        if let Err(error) = tell(&journal.recipient(), ReadAll { reply_to }) {
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
                let restarted = Fact::ActorRestarted { child, cause };
                Decided::new(vec![restarted], vec![Intent::Build(Box::new(state))])
            }
            RestartDecision::Escalate => {
                let over = failed(&format!("actor {child} ended too often: {cause}"), &self.charter);
                let RunOver { status, reason, next } = over.clone();
                let settled = Fact::GoalSettled { status, reason, next };
                Decided::new(vec![Fact::RestartsExceeded { child, cause }, settled], vec![Intent::End(over)])
            }
        };
        self.commit(decided, ctx);
    }

    fn may_restart(&self) -> RestartDecision {
        let settings = &self.charter.settings;
        self.restarts.decide(self.effects.clock.now(), settings.restart_intensity, settings.restart_period_ms)
    }

    fn commit(&mut self, decided: Decided<Intent>, ctx: &mut Context<Self>) {
        let committed = self.outbox.as_mut().map(|outbox| outbox.commit(decided, None, None));
        if let Some(Err(error)) = committed {
            self.finish(failed(&error.to_string(), &self.charter), ctx);
        }
    }

    fn finish(&mut self, over: RunOver, ctx: &mut Context<Self>) {
        if let Some(generation) = self.generation.take() {
            generation.stop.cancel();
            generation.retired.cancel();
        }
        if let Some(sender) = self.over.take() {
            // Whoever started the run may be gone; then nobody asks how it ended.
            drop(sender.send(over));
        }
        ctx.stop();
    }

    fn worker_gone(&mut self, attempt: AttemptRef, exit: Exit, ctx: &mut Context<Self>) {
        self.attempts.remove(&attempt);
        self.sightings.remove(&attempt);
        self.read_journal(ctx);
        let crash = match exit {
            Exit::Normal => None,
            Exit::Panic => Some("its worker panicked".to_owned()),
        };
        let Some(generation) = &self.generation else { return };
        if let Err(error) = tell(&generation.scheduler.clone().recipient(), WorkerGone { attempt, crash }) {
            tracing::warn!(%error, "the scheduler does not hear of a worker's end");
        }
    }

    /// A reviewer that panics is begun anew, within the same intensity as every other actor.
    fn reviewer_gone(&mut self, number: u64, exit: Exit, ctx: &mut Context<Self>) {
        let Some((order, role)) = self.reviewers.remove(&number).filter(|_| exit == Exit::Panic) else { return };
        let (child, cause) = (ActorName::Reviewer(role), "it panicked");
        match self.may_restart() {
            RestartDecision::Restart => {
                let restarted = Fact::ActorRestarted { child, cause: cause.to_owned() };
                self.restarts.apply(&restarted, self.effects.clock.now());
                self.commit(Decided::new(vec![restarted], vec![Intent::Review(Box::new(order), role)]), ctx);
            }
            RestartDecision::Escalate => self.restart(child, cause, ctx),
        }
    }

    fn start_reviewer(&mut self, start: StartReviewers, role: Role, ctx: &mut Context<Self>) {
        let seat = seat::<ReviewerActor>();
        let Some(outbox) = self.lasting_outbox(ActorName::Reviewer(role), seat.address().recipient()) else { return };
        self.reviewers_started += 1;
        let number = self.reviewers_started;
        let guard = self.guard(Child::Reviewer(number), ctx);
        let reviewed = (role, start.order.clone());
        let reply = (start.reply_to.clone(), start.cause);
        self.reviewers.insert(number, (start, role));
        let workspace = Arc::clone(&self.effects.workspace);
        seat.run(ReviewerActor::new(reviewed, workspace, outbox, reply, guard));
    }
}

/// How the newest run has ended, where its end is durable already: then nothing is built anew.
fn settled(events: &[Event]) -> Option<RunOver> {
    let end = |event: &&Event| matches!(event.fact, Fact::RunStarted { .. } | Fact::GoalSettled { .. });
    match &events.iter().rev().find(end)?.fact {
        Fact::GoalSettled { status, reason, next } => {
            Some(RunOver { status: *status, reason: reason.clone(), next: next.clone() })
        }
        _ => None,
    }
}

fn failed(detail: &str, charter: &Charter) -> RunOver {
    let next = vec![format!("omk goal resume {}", charter.id)];
    RunOver { status: GoalStatus::FailedInfra, reason: detail.to_owned(), next }
}

impl Actor for Supervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let journal = JournalActor::new(
            Arc::clone(&self.effects.journal),
            Arc::clone(&self.effects.clock),
            self.observer.clone(),
            Superiors { failed: ctx.address().recipient(), distressed: ctx.address().recipient() },
            self.guard(Child::Coordinator(ActorName::Journal), ctx),
        );
        let seat = seat();
        self.journal = Some(seat.address());
        seat.run(journal);
        self.outbox = self.lasting_outbox(ActorName::Supervisor, ctx.address().recipient());
        if let Some(state) = self.state.take() {
            self.restarts = state.restarts.clone();
            self.build(state, ctx);
        }
    }
}

impl Handler<StartWorker> for Supervisor {
    type Result = ();
    fn handle(&mut self, start: StartWorker, ctx: &mut Context<Self>) {
        let Some(generation) = &self.generation else { return };
        let (around, token) = (generation.around.clone(), generation.stop.child_token());
        let attempt = start.attempt;
        let seat = seat::<WorkerActor>();
        let Some(outbox) = self.lasting_outbox(ActorName::Worker, seat.address().recipient()) else { return };
        let guard = self.guard(Child::Worker(attempt.clone()), ctx);
        self.attempts.insert(attempt.clone(), AtWork { worker: seat.address(), stop: token.clone() });
        seat.run(WorkerActor::new(attempt, around, token, outbox, guard));
    }
}

impl Handler<StopWorker> for Supervisor {
    type Result = ();
    fn handle(&mut self, stop: StopWorker, _ctx: &mut Context<Self>) {
        if let Some(at_work) = self.attempts.get(&stop.attempt) {
            at_work.stop.cancel();
        }
    }
}

impl Handler<Sighted> for Supervisor {
    type Result = ();
    fn handle(&mut self, sighted: Sighted, _ctx: &mut Context<Self>) {
        let Sighted { sighting } = sighted;
        if self.attempts.contains_key(&sighting.attempt) {
            let now = self.effects.clock.moment();
            self.sightings.insert(sighting.attempt.clone(), (now, sighting));
        }
    }
}

impl Handler<StopEffects> for Supervisor {
    type Result = ();
    fn handle(&mut self, stop: StopEffects, _ctx: &mut Context<Self>) {
        if let Some(generation) = &self.generation {
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
        match exited.child {
            Child::Worker(attempt) => self.worker_gone(attempt, exited.exit, ctx),
            Child::Reviewer(number) => self.reviewer_gone(number, exited.exit, ctx),
            Child::Coordinator(ActorName::Journal) if self.over.is_some() => {
                self.finish(failed("the journal's actor panicked", &self.charter), ctx);
            }
            Child::Coordinator(name) if exited.generation == self.number && self.over.is_some() => {
                let cause = match exited.exit {
                    Exit::Normal => "it stopped by itself",
                    Exit::Panic => "it panicked",
                };
                self.restart(name, cause, ctx);
            }
            Child::Coordinator(_) => {}
        }
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
        let Some(outbox) = &mut self.outbox else { return };
        for intent in outbox.acknowledge(committed).intents {
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
        self.distress = Some(distress.clone());
        let Some(generation) = &self.generation else { return };
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
