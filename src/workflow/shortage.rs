//! What it means for an attempt that the machine lacks something when it ends: that is nobody's failure but ours.

use crate::domain::order::AttemptEnd;
use crate::domain::shortage::Shortage;
use crate::domain::task::AttemptOutcome;

/// Whether a shortage can be the reason for such an end.
pub fn may_be_due_to_shortage(outcome: &AttemptOutcome) -> bool {
    match outcome {
        AttemptOutcome::Rejected { .. }
        | AttemptOutcome::Unchanged
        | AttemptOutcome::Unavailable { .. }
        | AttemptOutcome::Errored { .. } => true,
        AttemptOutcome::Passed
        | AttemptOutcome::Asked { .. }
        | AttemptOutcome::Interrupted { .. }
        | AttemptOutcome::Expired { .. }
        | AttemptOutcome::Limited { .. } => false,
    }
}

/// The end of an attempt at whose end the machine lacked `shortage`.
pub fn weighed(end: AttemptEnd, shortage: Option<Shortage>) -> AttemptEnd {
    let Some(lack) = shortage else { return end };
    let how = match &end.outcome {
        AttemptOutcome::Rejected { feedback } => &feedback.summary,
        AttemptOutcome::Unchanged => "it changed nothing",
        AttemptOutcome::Unavailable { detail } | AttemptOutcome::Errored { detail } => detail,
        AttemptOutcome::Passed
        | AttemptOutcome::Asked { .. }
        | AttemptOutcome::Interrupted { .. }
        | AttemptOutcome::Expired { .. }
        | AttemptOutcome::Limited { .. } => return end,
    };
    let detail = format!("{lack}; the attempt ended there: {how}");
    AttemptEnd { outcome: AttemptOutcome::Errored { detail }, shortage, ..end }
}
