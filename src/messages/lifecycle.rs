//! Supervisor <-> its children: starting, ending, being over.

use actix::Message;

use crate::domain::event::ActorName;
use crate::domain::goal::GoalStatus;
use crate::domain::ids::{AttemptRef, Seq};
use crate::domain::review::Role;
use crate::domain::vitals::Sighting;

/// Scheduler -> supervisor: start a worker for an offered attempt.
#[derive(Clone, Debug, Message, PartialEq, Eq)]
#[rtype(result = "()")]
pub struct StartWorker {
    /// The attempt.
    pub attempt: AttemptRef,
    /// The record that led to this.
    pub cause: Option<Seq>,
}

/// Scheduler -> supervisor: kill what works on an attempt.
#[derive(Clone, Debug, Message, PartialEq, Eq)]
#[rtype(result = "()")]
pub struct StopWorker {
    /// The attempt.
    pub attempt: AttemptRef,
}

/// Controller -> supervisor: kill every agent and gate; no new ones.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct StopEffects {
    /// Whether the results of our own steps (worktrees, captures, merges, a delivery) are not needed either.
    pub abandon: bool,
}

/// Supervisor -> scheduler: the worker is gone, and with it every process of its attempt.
#[derive(Clone, Debug, Message, PartialEq, Eq)]
#[rtype(result = "()")]
pub struct WorkerGone {
    /// The attempt.
    pub attempt: AttemptRef,
    /// How it ended, where it did not end by itself.
    pub crash: Option<String>,
}

/// Worker -> supervisor: what was just seen of an attempt.
#[derive(Clone, Debug, Message, PartialEq, Eq)]
#[rtype(result = "()")]
pub struct Sighted {
    /// What.
    pub sighting: Sighting,
}

/// How an actor ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It stopped.
    Normal,
    /// It panicked.
    Panic,
}

/// The name of a child of the supervisor.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Child {
    /// One of the actors that live as long as the run.
    Coordinator(ActorName),
    /// The worker of one attempt.
    Worker(AttemptRef),
    /// A reviewer, by its number.
    Reviewer(u64, Role),
}

impl Child {
    /// Returns the name under which the child records facts.
    pub fn actor(&self) -> ActorName {
        match self {
            Self::Coordinator(name) => *name,
            Self::Worker(_) => ActorName::Worker,
            Self::Reviewer(_, role) => ActorName::Reviewer(*role),
        }
    }
}

/// Exit guard -> supervisor: a child ended.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct ChildExited {
    /// Which.
    pub child: Child,
    /// The generation of the tree that it belonged to.
    pub generation: u32,
    /// How.
    pub exit: Exit,
}

/// Controller -> supervisor: the goal is at rest, stop everything.
#[derive(Clone, Debug, Message, PartialEq, Eq)]
#[rtype(result = "()")]
pub struct RunOver {
    /// Where the goal stands.
    pub status: GoalStatus,
    /// Why.
    pub reason: String,
    /// What goes on.
    pub next: Vec<String>,
}

/// Any actor -> supervisor: something that cannot be is. Ends the run like a crash of that actor.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Defect {
    /// Who says so.
    pub actor: ActorName,
    /// What it saw.
    pub detail: String,
}
