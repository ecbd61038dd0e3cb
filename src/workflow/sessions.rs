//! What becomes of an agent's session when an attempt ends: whether a later attempt goes on with it, and where.
//!
//! An agent that was cut off goes on in the worktree as it stands; one whose work was checked goes on in the same place,
//! which then holds what the check let stand. A session in which the agent fails again and again is not taken up.

use crate::domain::task::{AgentSession, AttemptOutcome, FeedbackKind};

/// How often in a row an agent may fail in a session before it begins a new one.
const MOST_FAILURES: u32 = 2;

/// Whether an attempt without a capture ended in the middle of its agent's work.
pub fn cuts_off(outcome: &AttemptOutcome) -> bool {
    match outcome {
        AttemptOutcome::Interrupted { .. }
        | AttemptOutcome::Limited { .. }
        | AttemptOutcome::Asked { .. }
        | AttemptOutcome::Expired { .. }
        | AttemptOutcome::Errored { .. } => true,
        // The operator's: nobody answers its question.
        AttemptOutcome::Rejected { feedback } => {
            matches!(feedback.kind, FeedbackKind::Agent | FeedbackKind::Operator)
        }
        AttemptOutcome::Passed | AttemptOutcome::Unchanged | AttemptOutcome::Unavailable { .. } => false,
    }
}

/// The session after an attempt of its agent ended; `None` where the next attempt is to begin a new one.
pub fn after(session: AgentSession, outcome: &AttemptOutcome, captured: bool) -> Option<AgentSession> {
    let cut_off = session.cut_off && cuts_off(outcome) && !captured;
    // What happened behind the capture is none of the session's doing.
    let failures = if failed(outcome) && !captured { session.failures + 1 } else { 0 };
    (failures < MOST_FAILURES).then_some(AgentSession { cut_off, failures, ..session })
}

/// Whether the session itself may be the reason.
fn failed(outcome: &AttemptOutcome) -> bool {
    match outcome {
        AttemptOutcome::Expired { .. } => true,
        AttemptOutcome::Rejected { feedback } => feedback.kind == FeedbackKind::Agent,
        AttemptOutcome::Passed
        | AttemptOutcome::Unchanged
        | AttemptOutcome::Asked { .. }
        | AttemptOutcome::Unavailable { .. }
        | AttemptOutcome::Interrupted { .. }
        | AttemptOutcome::Limited { .. }
        | AttemptOutcome::Errored { .. } => false,
    }
}
