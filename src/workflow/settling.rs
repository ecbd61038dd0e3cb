//! How slices end: given up and why, sent back with which words, and how all of them stand when nothing runs.

use crate::domain::fact::{AttemptFact, Fact};
use crate::domain::review::Review;
use crate::domain::settlement::Settlement;
use crate::domain::task::{AttemptOutcome, Feedback, FeedbackKind};
use crate::workflow::slices::{SliceRecord, SliceTable, Stage};

/// How the slices of a table stand, for drives in which no slice is worked on.
pub fn settlement_of(table: &SliceTable) -> Settlement {
    let mut settlement = Settlement::default();
    for record in table.iter() {
        let id = record.spec.id.clone();
        match &record.stage {
            Stage::Integrated { .. } => settlement.integrated.push(id),
            Stage::Unchanged { .. } => settlement.unchanged.push(id),
            Stage::GivenUp { reason } => settlement.given_up.push((id, reason.clone())),
            Stage::Asking { question, text, about: _ } => settlement.asking.push((id, question.clone(), text.clone())),
            Stage::Waiting | Stage::Offered | Stage::Running { .. } | Stage::Reviewing { .. } | Stage::Accepted => {
                settlement.open.push(id);
            }
        }
    }
    settlement
}

/// So many attempts in a row under which our own machinery failed end the run.
const MOST_FAULTS: u32 = 3;

/// Whether a slice has used up its attempts, or met a second conflict.
pub fn is_exhausted(record: &SliceRecord) -> bool {
    let waiting = record.stage == Stage::Waiting;
    let failed = record.failures >= record.spec.max_attempts() || record.conflicts.len() > 1;
    waiting && (failed || is_faulted(record))
}

/// Whether our own machinery fails again and again under a slice's attempts: that uses up none of them, and ends the run.
pub fn is_faulted(record: &SliceRecord) -> bool {
    record.faults >= MOST_FAULTS
}

/// Why such a slice is given up, naming the slices that it conflicts with.
pub fn reason_to_give_up(record: &SliceRecord) -> String {
    let attempts = match record.failures {
        0 | 1 => format!("its attempt {} failed", record.attempt),
        several => format!("{several} attempts failed"),
    };
    match record.conflicts.last() {
        Some(conflict) => {
            let others: Vec<_> = conflict.with.iter().map(|slice| format!("`{slice}`")).collect();
            format!(
                "it conflicts with slice {} in {} and no attempt on the integrated state kept both sides: {}",
                others.join(", "),
                conflict.paths.join(", "),
                record.last_failure
            )
        }
        None => format!("{attempts}, the last: {}", record.last_failure),
    }
}

/// What ends an attempt that the run before left open.
const END_OF_RUN: &str = "the end of the run before";

/// The end of an attempt that the run before left open, where a slice has one.
pub fn cut_off_by_the_end(record: &SliceRecord) -> Option<Fact> {
    let outcome = AttemptOutcome::Interrupted { by: END_OF_RUN.to_owned() };
    record.is_at_work().then(|| Fact::Attempt(AttemptFact::AttemptFinished { attempt: record.attempt_ref(), outcome }))
}

/// Whether an attempt ended with the run that it was part of.
pub fn died_with_its_run(outcome: &AttemptOutcome) -> bool {
    matches!(outcome, AttemptOutcome::Interrupted { by } if by == END_OF_RUN)
}

/// An outcome as one word.
pub fn describe(outcome: &AttemptOutcome) -> &'static str {
    match outcome {
        AttemptOutcome::Passed => "passed",
        AttemptOutcome::Rejected { .. } => "rejected",
        AttemptOutcome::Unchanged => "unchanged",
        AttemptOutcome::Asked { .. } => "asked",
        AttemptOutcome::Unavailable { .. } => "unavailable",
        AttemptOutcome::Interrupted { .. } => "interrupted",
        AttemptOutcome::Expired { .. } => "expired",
        AttemptOutcome::Limited { .. } => "limited",
        AttemptOutcome::Errored { .. } => "errored",
    }
}

/// An agent's question on one line, bounded. Whatever it says, none of its words begins a line of feedback.
pub fn one_line(question: &str) -> String {
    const MOST: usize = 600;
    let line = question.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// What the next attempt is told where its agent asked and nobody answers.
pub fn nobody_answers(question: &str) -> Feedback {
    Feedback {
        kind: FeedbackKind::Operator,
        summary: "nobody answers questions in this run: decide yourself and say what you assumed".to_owned(),
        detail: format!("you asked: {}", one_line(question)),
        paths: Vec::new(),
    }
}

/// What the next attempt is told of blocking reviews.
pub fn review_feedback(blocking: &[Review]) -> Feedback {
    const MOST: usize = 20;
    let findings: Vec<_> =
        blocking.iter().flat_map(|r| &r.findings).filter(|f| f.severity.blocks()).take(MOST).collect();
    let lines: Vec<_> = findings
        .iter()
        .map(|f| {
            let line = f.line.map(|line| format!(":{line}")).unwrap_or_default();
            format!("{}{line}: {} [{}, {}]", f.path, f.message, f.rule, f.severity.as_str())
        })
        .collect();
    let roles: Vec<_> = blocking.iter().map(|r| r.role.as_str()).collect();
    let mut paths: Vec<_> = findings.iter().map(|f| f.path.clone()).collect();
    paths.sort();
    paths.dedup();
    let first = lines.first().map(|line| format!(": {line}")).unwrap_or_default();
    Feedback {
        kind: FeedbackKind::Review,
        summary: format!("review {} blocks{first}", roles.join(", ")),
        detail: lines.join("\n"),
        paths,
    }
}
