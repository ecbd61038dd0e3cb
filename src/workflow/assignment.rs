//! What an attempt is told: by which agent, from which state, with which words of earlier checks.

use crate::domain::ids::CommitId;
use crate::domain::task::{Assignment, Surroundings};
use crate::workflow::profiles::SCRIPT;
use crate::workflow::slices::{NextStart, SliceRecord};

/// Whether a further attempt of this agent goes on in its earlier work. A script is a function of the tree that it
/// starts from: done twice over its own result it would, say, append a line twice.
pub fn continues(agent: &str) -> bool {
    agent != SCRIPT
}

/// What a claimed attempt is to do, by value.
pub fn assignment_of(record: &SliceRecord, continues: bool) -> Assignment {
    const NEWEST: usize = 6;
    let captured = record.capture_to_take_up().cloned();
    let content = match &record.next_start {
        NextStart::Continue(tree) if continues && captured.is_none() => Some(tree.clone()),
        NextStart::Continue(_) | NextStart::Dependencies | NextStart::Tip => None,
    };
    let told = record.feedback.len().saturating_sub(NEWEST);
    Assignment {
        spec: record.spec.clone(),
        attempt: record.attempt,
        epoch: record.epoch,
        agent: record.agent.clone(),
        start: record.start.clone().expect_offered(),
        content,
        feedback: record.feedback[told..].to_vec(),
        captured,
        keep: record.keep.clone(),
        session: record
            .session
            .clone()
            .filter(|session| session.agent == record.agent && record.capture_to_take_up().is_none()),
        around: Surroundings::default(),
    }
}

/// States the invariant that an offered attempt has a start.
trait Offered {
    fn expect_offered(self) -> CommitId;
}

impl Offered for Option<CommitId> {
    #[expect(clippy::expect_used, reason = "the fold sets the start with every offer, and only offers are claimed")]
    fn expect_offered(self) -> CommitId {
        self.expect("an offered attempt has a start")
    }
}
