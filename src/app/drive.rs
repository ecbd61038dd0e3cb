//! Taking a goal up: the one way from a command to a run.

use tokio::sync::mpsc;

use crate::app::EventSink;
use crate::app::Omk;
use crate::app::control::reopened;
use crate::app::create::{infra, usage};
use crate::app::error::AppError;
use crate::app::projection::Projector;
use crate::app::surroundings::require_own_proc;
use crate::app::system::{Order, run};
use crate::domain::event::Event;
use crate::domain::goal::{Drive, GoalStatus, Verb};
use crate::domain::ids::GoalId;
use crate::domain::view::{GoalView, Settled};
use crate::messages::lifecycle::RunOver;
use crate::store::journal::Opened;
use crate::store::layout::GoalDir;
use crate::workflow::state::GoalState;
use crate::workflow::view::goal_view;

/// A goal that this process holds and that may be driven; nothing was done with it yet.
pub struct TakenUp<'a> {
    omk: &'a Omk,
    id: GoalId,
    drive: Drive,
    opened: Opened,
    state: GoalState,
}

impl Omk {
    /// Takes the goal's lock and opens its journal, where the goal may be driven so.
    pub fn take_up(&self, id: &GoalId, drive: Drive) -> Result<TakenUp<'_>, AppError> {
        require_own_proc()?;
        let verb = match drive {
            Drive::UntilReady | Drive::Scaffold => Verb::Resume,
            Drive::Pass => Verb::Execute,
            Drive::Verify => Verb::Verify,
            Drive::Review => Verb::Review,
        };
        let (opened, state) = self.open_journal(id, verb)?;
        Ok(TakenUp { omk: self, id: id.clone(), drive, opened, state })
    }

    /// Drives a goal in this process, blocking, until it settles. SIGINT, SIGTERM and SIGHUP pause it.
    pub fn drive(&self, id: &GoalId, drive: Drive, sink: EventSink) -> Result<Settled, AppError> {
        self.take_up(id, drive)?.drive(sink)
    }

    /// Starts `omk goal resume ID` in the background, detached from the terminal, and returns its process id once it
    /// holds the goal.
    pub fn detach(&self, id: &GoalId, drive: Drive) -> Result<u32, AppError> {
        if drive != Drive::UntilReady {
            return Err(infra("only a run to the end can be detached"));
        }
        let state = self.state.path().as_os_str().to_owned();
        let arguments = ["goal".into(), "resume".into(), id.as_str().into(), "--state-dir".into(), state];
        let log = self.goal_dir(id).join("detached.log");
        let pid = crate::process::detached::start(&self.omk, &arguments, &self.place.cwd, &log)
            .map_err(|error| infra(format!("failed to start in the background: {error}")))?;
        self.wait_for_holder(id, pid)
    }

    /// Waits until the process holds the goal, or has ended without.
    fn wait_for_holder(&self, id: &GoalId, pid: u32) -> Result<u32, AppError> {
        use crate::domain::view::Liveness;
        for _ in 0..500 {
            if let Liveness::Held { holder, .. } = self.liveness(id)?
                && holder.pid == pid
            {
                return Ok(pid);
            }
            if self.view(id, None)?.status != GoalStatus::Planned {
                return Ok(pid);
            }
            crate::process::detached::breathe();
        }
        Err(infra(format!(
            "process {pid} did not take the goal up; see detached.log in {}",
            self.goal_dir(id).display()
        )))
    }
}

impl Omk {
    /// How a run came back, in the goal's own status: a look at a `ready` goal that came to no verdict left that as it was.
    fn as_it_stands(&self, settled: Settled) -> Settled {
        let stands = self.settled(&settled.id).map(|stands| stands.status);
        match stands {
            Ok(status @ GoalStatus::Ready) if settled.status != status => Settled {
                status,
                reason: format!("ready as before; this check came to no verdict: {}", settled.reason),
                next: vec![format!("omk goal verify {}", settled.id)],
                obstacle: Some(settled.status),
                ..settled
            },
            Ok(_) | Err(_) => settled,
        }
    }
}

impl TakenUp<'_> {
    /// The goal as it stands.
    pub fn view(&self) -> Result<GoalView, AppError> {
        let unborn = || {
            let message = format!("goal {} was never recorded: its creation was cut short", self.id);
            usage(message, &[&format!("its directory can be removed: {}", self.omk.goal_dir(&self.id).display())])
        };
        goal_view(&self.state).ok_or_else(unborn)
    }

    /// Drives the goal in this process, blocking, until it settles. SIGINT, SIGTERM and SIGHUP pause it.
    pub fn drive(self, sink: EventSink) -> Result<Settled, AppError> {
        let Self { omk, id, drive, opened, state } = self;
        let before = match drive {
            Drive::UntilReady | Drive::Pass => reopened(&state),
            Drive::Scaffold | Drive::Verify | Drive::Review => Vec::new(),
        };
        let (observer, observed) = mpsc::unbounded_channel();
        let watching = watch(omk.state.goal(&id), state, observed, sink)?;
        let order = Order {
            dir: omk.state.goal(&id),
            opened,
            drive,
            before,
            omk: omk.omk.clone(),
            cwd: omk.place.cwd.clone(),
            variables: omk.variables.clone(),
            agents: omk.config.agents.clone(),
            observer,
        };
        let outcome = run(order);
        // The last sender is gone with the run: the thread ends when it has shown everything.
        watching.join().map_err(|_| infra("the thread that shows progress panicked"))?;
        let outcome = outcome?;
        let RunOver { status, reason, next } = outcome.over;
        let settled = Settled { id, status, reason, next, signal: outcome.signal, obstacle: None };
        Ok(omk.as_it_stands(settled))
    }
}

/// Shows every record and keeps the derived files current, on a thread of its own: a slow terminal holds nothing up.
fn watch(
    dir: GoalDir,
    state: GoalState,
    mut observed: mpsc::UnboundedReceiver<Event>,
    mut sink: EventSink,
) -> Result<std::thread::JoinHandle<()>, AppError> {
    let watching = move || {
        let mut projector = Projector::new(dir, state);
        // What was lost or damaged while nobody looked after it.
        if let Err(error) = projector.rebuild() {
            tracing::warn!(%error, "the derived files were not written; the journal has everything");
        }
        while let Some(event) = observed.blocking_recv() {
            sink(&event);
            projector.follow(&event);
        }
        projector.catch_up();
    };
    std::thread::Builder::new()
        .name("omk-watch".to_owned())
        .spawn(watching)
        .map_err(|error| infra(format!("no thread to show progress: {error}")))
}
