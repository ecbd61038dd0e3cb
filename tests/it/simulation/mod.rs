//! The whole program on a paused clock: every actor, scripted agents, effects in memory, a seed.
//!
//! The same seed gives the same journal. `omk` can be made to die after any record; the next run begins with what the
//! journal has.

mod invariants;
mod repository;
mod scenario;
mod tests;
mod world;

use std::sync::Arc;

use actix::{Actor, System};
use omk::actors::supervisor::{Run, Supervisor};
use omk::domain::control::Holder;
use omk::domain::event::Event;
use omk::domain::goal::Drive;
use omk::messages::goal::StopRun;
use omk::messages::lifecycle::RunOver;
use omk::workflow::state::GoalState;
use tokio::sync::{mpsc, oneshot};

pub(crate) use scenario::{Behaviour, Scenario};
pub(crate) use world::World;

/// How one run of the program ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It came to rest.
    Settled(RunOver),
    /// It died, as it was told to.
    Died,
}

/// Runs the program once over a world, from what its journal has to its end or its death.
pub(crate) fn run(world: &Arc<World>, drive: Drive) -> Ended {
    run_with(world, drive, None)
}

/// The same; `stop` is sent once the journal has that many records.
pub(crate) fn run_with(world: &Arc<World>, drive: Drive, stop: Option<(usize, StopRun)>) -> Ended {
    let system = System::with_tokio_rt(|| {
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
    });
    system.block_on(drive_once(Arc::clone(world), drive, stop))
}

async fn drive_once(world: Arc<World>, drive: Drive, stop: Option<(usize, StopRun)>) -> Ended {
    let (observer, mut observed) = mpsc::unbounded_channel::<Event>();
    let (over, ended) = oneshot::channel();
    let died = world.begin_life();
    let run = Run {
        charter: world.charter(),
        drive,
        holder: Holder { pid: 1, host: "sim".into(), boot_id: "sim".into(), version: "0".into() },
        state: GoalState::replay(&world.events()),
        effects: world.effects(),
        observer,
        over,
    };
    let supervisor = Supervisor::new(run).start();
    let watch = async move {
        let mut stop = stop;
        while let Some(event) = observed.recv().await {
            if stop.as_ref().is_some_and(|(at, _)| event.seq.0 as usize >= *at)
                && let Some((_, request)) = stop.take()
            {
                supervisor.try_send(request).unwrap();
            }
        }
    };
    actix::spawn(watch);
    let limit = tokio::time::sleep(std::time::Duration::from_secs(30 * 24 * 3600));
    tokio::select! {
        over = ended => Ended::Settled(over.expect("the supervisor says how the run ended")),
        _ = died => Ended::Died,
        () = limit => panic!("the run neither settled nor died within a month; journal:\n{}", world.narrative()),
    }
}
