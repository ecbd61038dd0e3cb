//! What an attempt is told: by which agent, from which state, with which words of earlier checks.

use crate::domain::agent::SCRIPT;
use crate::domain::ids::CommitId;
use crate::domain::task::{AgentSession, Assignment, Feedback, FeedbackKind, Surroundings};
use crate::workflow::slices::{NextStart, SliceRecord};

/// Whether a further attempt of this agent goes on in its earlier work. A script is a function of the tree that it
/// starts from: done twice over its own result it would, say, append a line twice.
pub fn continues(agent: &str) -> bool {
    agent != SCRIPT
}

/// What a claimed attempt is to do, by value.
pub fn assignment_of(record: &SliceRecord, continues: bool) -> Assignment {
    let captured = record.capture_to_take_up().cloned();
    let content = match &record.next_start {
        NextStart::Continue(tree) if continues && captured.is_none() => Some(tree.clone()),
        NextStart::Continue(_) | NextStart::Dependencies | NextStart::Tip => None,
    };
    Assignment {
        spec: record.spec.clone(),
        attempt: record.attempt,
        epoch: record.epoch,
        agent: record.agent.clone(),
        start: record.start.clone().expect_offered(),
        content,
        feedback: told(record),
        captured,
        keep: record.keep.clone(),
        session: session_of(record),
        around: Surroundings::default(),
        lapses: record.lapses,
    }
}

/// The session that the attempt goes on with. What the operator said while its agent worked is news: nobody knows
/// whether the agent has heard it.
fn session_of(record: &SliceRecord) -> Option<AgentSession> {
    let known = record.session.clone();
    let session = known.filter(|it| it.agent == record.agent && record.capture_to_take_up().is_none())?;
    let news = record.feedback.len().saturating_sub(record.session_told);
    Some(AgentSession { news: u32::try_from(news).unwrap_or(u32::MAX), ..session })
}

/// The newest pieces of feedback, and everything that the operator said: what was granted once stays granted. An
/// answer comes with its question, for an agent that did not ask it.
fn told(record: &SliceRecord) -> Vec<Feedback> {
    const NEWEST: usize = 6;
    let older = record.feedback.len().saturating_sub(NEWEST);
    let stays = |(at, one): &(usize, &Feedback)| *at >= older || one.kind == FeedbackKind::Operator;
    let whole = |(at, one): (usize, &Feedback)| match record.answered.get(&at) {
        Some(question) => Feedback { summary: format!("{}, \"{question}\"", one.summary), ..one.clone() },
        None => one.clone(),
    };
    record.feedback.iter().enumerate().filter(stays).map(whole).collect()
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
