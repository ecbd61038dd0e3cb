//! Facts about the goal as a whole: its runs, its phases, its end.
//!
//! Decided by: controller. Released names and fields keep their meaning; a new field is optional.

use serde::{Deserialize, Serialize};
use strum::VariantNames;

use crate::domain::control::{Holder, Stop};
use crate::domain::goal::{Charter, Drive, GoalStatus, Phase};
use crate::domain::ids::CommitId;

/// A branch in the user's repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branch {
    /// Its name, without `refs/heads/`.
    pub name: String,
    /// The commit that it names.
    pub commit: CommitId,
}

/// Facts about the goal as a whole: its runs, its phases, its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum GoalFact {
    /// The goal exists. Always the first record.
    GoalCreated(Box<Charter>),
    /// A process took the goal up.
    RunStarted {
        /// Which process.
        holder: Holder,
        /// How far it is to go.
        drive: Drive,
    },
    /// The run entered a phase.
    PhaseEntered {
        /// Which.
        phase: Phase,
    },
    /// Somebody asked the run to stop.
    StopRequested {
        /// For now or for good.
        stop: Stop,
        /// Who asked.
        by: String,
    },
    /// The branches exist in the user's repository.
    Delivered {
        /// The integration branch first.
        branches: Vec<Branch>,
    },
    /// The goal came to rest: the end of a run, or of a command that acted without one.
    GoalSettled {
        /// In which status.
        status: GoalStatus,
        /// Why, one sentence.
        reason: String,
        /// The commands that go on, the best first.
        next: Vec<String>,
    },
}
