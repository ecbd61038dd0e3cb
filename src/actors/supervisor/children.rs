//! Child specifications: what starts a child, and what follows when it ends where it should not.

use std::sync::Arc;
use std::time::Duration;

use actix::{Addr, Context};
use tokio_util::sync::CancellationToken;

use crate::actors::reviewer::ReviewerActor;
use crate::actors::seat::seat;
use crate::actors::supervisor::{Generation, Supervisor};
use crate::actors::worker::WorkerActor;
use crate::domain::event::ActorName;
use crate::domain::ids::{AttemptRef, Moment};
use crate::domain::review::Role;
use crate::domain::vitals::Sighting;
use crate::messages::journal::Outbox;
use crate::messages::lifecycle::Child;
use crate::messages::review::StartReviewers;

/// How long a worker may take to end beyond the grace period of its processes: to kill, to verify, to record.
const DRAIN: Duration = Duration::from_secs(120);

/// What follows when a child ends where it should not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Restart {
    /// Every coordinator is built anew: they hold each other's addresses.
    AllTogether,
    /// The child alone is started again if it panicked.
    Alone,
    /// It is not started again; whoever waits for it is told.
    Never,
    /// The run ends.
    EndsTheRun,
}

/// What a child does, with what the supervisor needs while it does it.
pub(super) enum Task {
    /// It lives as long as the run.
    Coordinates,
    /// It works on one attempt.
    Works {
        /// The attempt.
        attempt: AttemptRef,
        /// The worker's mailbox.
        worker: Addr<WorkerActor>,
        /// Kills what works on the attempt when cancelled.
        stop: CancellationToken,
        /// The newest sighting of the attempt, and when it came.
        sighting: Option<Box<(Moment, Sighting)>>,
    },
    /// It reviews one change in one role.
    Reviews {
        /// What it was asked for.
        order: Box<StartReviewers>,
        /// The role.
        role: Role,
    },
}

/// Everything that the supervisor needs to start a child and to act on its end.
pub(super) struct ChildSpec {
    /// The child's name.
    pub(super) child: Child,
    /// What follows when it ends where it should not.
    pub(super) restart: Restart,
    /// How long it may take to end once it was told to.
    pub(super) drain: Duration,
    /// What it does.
    pub(super) task: Task,
    /// Starts it.
    pub(super) start: Box<dyn FnOnce()>,
}

/// A child that was started.
pub(super) struct Supervised {
    pub(super) restart: Restart,
    pub(super) drain: Duration,
    pub(super) task: Task,
}

impl Supervisor {
    /// A worker for an offered attempt. What it records is kept whatever becomes of the coordinators.
    pub(super) fn worker(&self, attempt: AttemptRef, generation: &Generation, ctx: &Context<Self>) -> ChildSpec {
        let seat = seat::<WorkerActor>();
        let stop = generation.stop.child_token();
        let child = Child::Worker(attempt.clone());
        let outbox = Outbox::new(ActorName::Worker, self.journal.clone().recipient(), seat.address().recipient());
        let worker = seat.address();
        let (around, guard) = (generation.around.clone(), self.guard(child.clone(), ctx));
        let actor = WorkerActor::new(attempt.clone(), around, stop.clone(), outbox, guard);
        ChildSpec {
            child,
            restart: Restart::Never,
            drain: Duration::from_millis(self.charter.settings.grace_ms) + DRAIN,
            task: Task::Works { attempt, worker, stop, sighting: None },
            start: Box::new(move || seat.run(actor)),
        }
    }

    /// A reviewer of one role. It ends at once: nothing of what it does outlives it.
    pub(super) fn reviewer(&self, number: u64, order: StartReviewers, role: Role, ctx: &Context<Self>) -> ChildSpec {
        let seat = seat::<ReviewerActor>();
        let child = Child::Reviewer(number, role);
        let outbox =
            Outbox::new(ActorName::Reviewer(role), self.journal.clone().recipient(), seat.address().recipient());
        let guard = self.guard(child.clone(), ctx);
        let reply = (order.reply_to.clone(), order.cause);
        let workspace = Arc::clone(&self.effects.workspace);
        let actor = ReviewerActor::new((role, order.order.clone()), workspace, outbox, reply, guard);
        ChildSpec {
            child,
            restart: Restart::Alone,
            drain: Duration::ZERO,
            task: Task::Reviews { order: Box::new(order), role },
            start: Box::new(move || seat.run(actor)),
        }
    }
}
