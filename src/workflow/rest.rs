//! How slices stand that no run works on: nothing moves at a goal at rest, whatever stage its run left a slice in.
//!
//! Pure, and only of what is shown: the stages themselves stay as the journal has them, and a run that takes the goal up
//! goes on from those.

use crate::domain::goal::GoalStatus;
use crate::domain::ids::Attempt;
use crate::domain::task::WaitingFor;
use crate::domain::view::SliceState;
use crate::workflow::slices::{SliceRecord, Stage};
use crate::workflow::view::waits;

/// Whether slices can move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// A run is under way, or died.
    Runs,
    /// No run is, by the journal; one can take the goal up.
    Rests(GoalStatus),
    /// Nothing more happens.
    Cancelled,
}

impl Course {
    /// Of a goal that stands so.
    pub fn of(status: Option<GoalStatus>) -> Self {
        match status {
            None | Some(GoalStatus::Running) => Self::Runs,
            Some(GoalStatus::Cancelled) => Self::Cancelled,
            Some(
                status @ (GoalStatus::Planned
                | GoalStatus::Ready
                | GoalStatus::BlockedOnHuman
                | GoalStatus::BlockedOnExternal
                | GoalStatus::NotReady
                | GoalStatus::Paused
                | GoalStatus::NeedsMoreBudget
                | GoalStatus::FailedInfra),
            ) => Self::Rests(status),
        }
    }
}

/// What is shown of a stage.
pub(super) fn state(stage: &Stage, course: Course) -> SliceState {
    match (stage, course) {
        (Stage::Integrated { .. }, _) => SliceState::Integrated,
        (Stage::Unchanged { .. }, _) => SliceState::Unchanged,
        (Stage::GivenUp { .. }, _) => SliceState::GivenUp,
        (_, Course::Cancelled) => SliceState::Cancelled,
        (Stage::Asking { .. }, _) => SliceState::Asking,
        (Stage::Accepted, _) => SliceState::Accepted,
        (Stage::Waiting, _) => SliceState::Waiting,
        (Stage::Offered | Stage::Running { .. }, Course::Runs) => SliceState::Running,
        (Stage::Reviewing { .. }, Course::Runs) => SliceState::Reviewing,
        (Stage::Offered | Stage::Running { .. } | Stage::Reviewing { .. }, Course::Rests(_)) => SliceState::Waiting,
    }
}

/// What a slice waits for that would move in a run; `None` in a run, and where nothing follows.
pub(super) fn waiting_for(record: &SliceRecord, course: Course) -> Option<WaitingFor> {
    let Course::Rests(status) = course else { return None };
    let then = match &record.stage {
        Stage::Waiting if record.attempt == Attempt(0) => "starts".to_owned(),
        Stage::Waiting | Stage::Offered | Stage::Running { .. } => format!("{} follows", record.next_try()),
        Stage::Reviewing { .. } => "its reviews follow".to_owned(),
        Stage::Accepted => "it is merged".to_owned(),
        Stage::Asking { .. } | Stage::Integrated { .. } | Stage::Unchanged { .. } | Stage::GivenUp { .. } => {
            return None;
        }
    };
    Some(waits(record, "goal", status.as_str(), format!("{then} when the goal goes on")))
}
