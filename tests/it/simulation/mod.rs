//! The whole program on a paused clock: every actor, scripted agents, effects in memory, a seed.
//!
//! The same seed gives the same journal. `omk` can be made to die after any record and at five points of any effect;
//! effects, the journal and actors can be made to fail; the next run begins with what the journal has.

mod agents;
mod clocks;
mod deaths;
mod fate;
mod invariants;
mod journals;
mod long;
mod matrix;
mod ports;
mod recorded;
mod repository;
mod retries;
mod scenario;
mod seeds;
mod tests;
mod world;

use std::sync::Arc;
use std::time::Duration;

use actix::{Addr, System};
use omk::actors::supervisor::{Run, Supervisor};
use omk::domain::budget::{Account, Limits};
use omk::domain::control::{Holder, Stop};
use omk::domain::event::Event;
use omk::domain::goal::Drive;
use omk::messages::goal::StopRun;
use omk::messages::lifecycle::{ChildExited, Defect, RunOver};
use omk::messages::operator::{AddBudget, AnswerQuestion, RetrySlice, SteerSlice};
use omk::workflow::slices::Stage;
use omk::workflow::state::GoalState;
use tokio::sync::{mpsc, oneshot};

pub(crate) use scenario::{Behaviour, Scenario};
pub(crate) use world::World;

/// The longest that one run may take, by the clock of the simulation.
const LONGEST: Duration = Duration::from_secs(3 * 24 * 3600);

/// How one run of the program ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It came to rest.
    Settled(RunOver),
    /// It died, as it was told to.
    Died,
}

/// Something that is said to the run from outside while it is under way.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Stop(Stop),
    /// The first open question is answered, where there is one.
    Answer,
    /// The first slice that was given up gets attempts again, where there is one.
    Retry,
    /// The agent of the first slice that is worked on is told something, where there is one.
    Steer,
    /// So many tokens more.
    AddTokens(u64),
    /// What an exit guard says of an actor.
    Exit(ChildExited),
    /// What an actor says of itself.
    Defect(Defect),
}

/// Runs the program once over a world, from what its journal has to its end or its death.
pub(crate) fn run(world: &Arc<World>, drive: Drive) -> Ended {
    run_with(world, drive, Vec::new())
}

/// The same; each act is done once the journal has that many records.
pub(crate) fn run_with(world: &Arc<World>, drive: Drive, acts: Vec<(usize, Act)>) -> Ended {
    let system = System::with_tokio_rt(|| {
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
    });
    system.block_on(drive_once(Arc::clone(world), drive, acts))
}

async fn drive_once(world: Arc<World>, drive: Drive, acts: Vec<(usize, Act)>) -> Ended {
    let (observer, observed) = mpsc::unbounded_channel::<Event>();
    let (over, ended) = oneshot::channel();
    let died = world.begin_life();
    let state = GoalState::replay(&world.events());
    let run = Run {
        charter: state.goal.charter.clone().expect("the journal begins with the goal"),
        drive,
        holder: Holder { pid: 1, host: "sim".into(), boot_id: "sim".into(), version: "0".into() },
        state,
        effects: world.effects(),
        observer,
        over,
    };
    let supervisor = Supervisor::start(run);
    actix::spawn(play(Arc::clone(&world), supervisor, observed, acts));
    let ended = tokio::select! {
        over = ended => Ended::Settled(over.expect("the supervisor says how the run ended")),
        _ = died => Ended::Died,
        () = tokio::time::sleep(LONGEST) => {
            panic!("the run neither settled nor died in {LONGEST:?}; journal:\n{}", world.narrative())
        }
    };
    world.end_life();
    ended
}

async fn play(
    world: Arc<World>,
    supervisor: Addr<Supervisor>,
    mut observed: mpsc::UnboundedReceiver<Event>,
    acts: Vec<(usize, Act)>,
) {
    let mut acts = std::collections::VecDeque::from(acts);
    while let Some(event) = observed.recv().await {
        while acts.front().is_some_and(|(at, _)| event.seq.0 as usize >= *at) {
            if let Some((_, act)) = acts.pop_front() {
                say(&world, &supervisor, act);
            }
        }
    }
}

/// What is said is answered to nobody: the journal shows what came of it.
fn say(world: &World, supervisor: &Addr<Supervisor>, act: Act) {
    let slices = world.folded().slices;
    let asked = slices.iter().find_map(|record| match &record.stage {
        Stage::Asking { question, .. } => Some(question.clone()),
        _ => None,
    });
    let at_work = slices.iter().find(|record| matches!(record.stage, Stage::Offered | Stage::Running { .. }));
    let given_up = slices.iter().find(|record| matches!(record.stage, Stage::GivenUp { .. }));
    if let (Act::Steer, Some(record)) = (&act, at_work) {
        let (reply_to, _) = oneshot::channel();
        let (slice, text) = (record.spec.id.clone(), world.words());
        supervisor.try_send(SteerSlice { slice, text, reply_to }).unwrap();
    }
    match (act, asked, given_up) {
        (Act::Stop(stop), ..) => supervisor.try_send(StopRun { stop, by: "test".into() }).unwrap(),
        (Act::Exit(exited), ..) => supervisor.try_send(exited).unwrap(),
        (Act::Defect(defect), ..) => supervisor.try_send(defect).unwrap(),
        (Act::Answer, Some(question), _) => {
            let (reply_to, _) = oneshot::channel();
            supervisor.try_send(AnswerQuestion { question, answer: "left".into(), reply_to }).unwrap();
        }
        (Act::Retry, _, Some(record)) => {
            let (reply_to, _) = oneshot::channel();
            let slice = record.spec.id.clone();
            supervisor.try_send(RetrySlice { slice, fresh: false, hint: None, reply_to }).unwrap();
        }
        (Act::AddTokens(tokens), ..) => {
            let (reply_to, _) = oneshot::channel();
            let more = Limits { tokens: Some(tokens), ..Limits::default() };
            supervisor.try_send(AddBudget { account: Account::Goal, more, reply_to }).unwrap();
        }
        (Act::Answer | Act::Retry | Act::Steer, ..) => {}
    }
}
