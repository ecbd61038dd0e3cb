//! Sentences about checks and merges: gates, reviews, batches, conflicts.

use crate::cli::narrative::{Act, FAILED, Line, WARNED, act};
use crate::cli::output::{style, units, words};
use crate::domain::evidence::{GateResult, GateScope};
use crate::domain::ids::{Attempt, Batch, CommitId, GateName, SliceId};
use crate::domain::review::{Review, Subject, Verdict};

const GREEN: Act = act("Gate", "gate", style::GOOD);
const RED: Act = act("Gate", "gate", style::BAD);
const REVIEWED: Act = act("Reviewed", "review", style::GOOD);
const BLOCKED: Act = act("Blocked", "block", style::BAD);
const BATCHED: Act = act("Batched", "batch", style::DIM);
const CONFLICT: Act = act("Conflict", "conflict", style::WARN);
const MERGED: Act = act("Merged", "merge", style::GOOD);
const BLAMED: Act = act("Blamed", "blame", style::BAD);

pub(super) fn gate(scope: &GateScope, result: &GateResult) -> Line {
    let green = result.outcome.is_green();
    let act = if green { GREEN } else { RED };
    let text = format!("{} {} {}   {}", result.gate, words::outcome(&result.outcome), place(scope), measure(result));
    let mut line = match scope {
        GateScope::Base | GateScope::Tip => Line::main(act, text),
        GateScope::Attempt { slice, .. } => Line::detail(act, text).of(slice),
        GateScope::Batch { .. } if green => Line::detail(act, text),
        GateScope::Batch { .. } => Line::main(act, text),
    };
    if !green {
        line = line.quoting(&result.excerpt).see(format!("log: {}", result.log.path));
    }
    if !result.lost_tests.is_empty() {
        line = line.see(format!("tests gone or ignored: {}", result.lost_tests.join(", ")));
    }
    if !result.survivors.is_empty() {
        line = line.see(format!("killed what outlived it: {}", result.survivors.join(", ")));
    }
    line
}

fn place(scope: &GateScope) -> String {
    match scope {
        GateScope::Base => "on the base".to_owned(),
        GateScope::Attempt { attempt, .. } => format!("on attempt {attempt}"),
        GateScope::Batch { batch } => format!("on batch {batch}"),
        GateScope::Tip => "on the integrated tree".to_owned(),
    }
}

fn measure(result: &GateResult) -> String {
    let tests = result.tests.map(|count| format!("{}  ", units::tests(&count))).unwrap_or_default();
    format!("{tests}{}", units::duration(result.duration_ms))
}

pub(super) fn review(subject: &Subject, review: &Review) -> Line {
    let role = review.role;
    let line = match review.verdict {
        Verdict::Passed => Line::detail(REVIEWED, format!("{role} passed: {}", review.summary)),
        Verdict::NotApplicable => Line::detail(REVIEWED, format!("{role} does not apply: {}", review.summary)),
        Verdict::Blocked => Line::main(BLOCKED, format!("{role}: {}", review.summary)),
    };
    let line = review.findings.iter().take(5).fold(line, |line, found| line.see(words::finding(found)));
    match subject {
        Subject::Slice { slice, .. } => line.of(slice),
        Subject::Goal { .. } => line,
    }
}

pub(super) fn batched(batch: Batch, onto: &CommitId, slices: &[SliceId]) -> Line {
    Line::detail(BATCHED, format!("batch {batch} onto {}: {}", onto.short(), names(slices)))
}

pub(super) fn conflict(slice: &SliceId, with: &[SliceId], paths: &[String]) -> Line {
    Line::main(CONFLICT, format!("with {} in {}", names(with), paths.join(", "))).of(slice)
}

pub(super) fn flake(scope: &GateScope, gate: &GateName) -> Line {
    let place = match scope {
        GateScope::Base => "the base".to_owned(),
        GateScope::Attempt { slice, attempt } => format!("{slice}.{attempt}"),
        GateScope::Batch { batch } => format!("batch {batch}"),
        GateScope::Tip => "the integrated tree".to_owned(),
    };
    let text = format!("gate {gate} was red and then green on one tree ({place}): a flake, nobody is blamed");
    Line::main(WARNED, text)
}

pub(super) fn red_before(batch: Batch, gate: &GateName, onto: &CommitId) -> Line {
    Line::main(FAILED, format!("gate {gate} is red on batch {batch} and was red before, at {}", onto.short()))
}

pub(super) fn blamed(slice: &SliceId, batch: Batch, gate: &GateName) -> Line {
    Line::main(BLAMED, format!("it turns gate {gate} red in batch {batch}")).of(slice)
}

pub(super) fn integrated(slice: &SliceId, attempt: Attempt, merge: &CommitId) -> Line {
    let tries = if attempt.0 > 1 { format!("attempt {attempt}  ") } else { String::new() };
    Line::main(MERGED, format!("{tries}{}", merge.short())).of(slice)
}

pub(super) fn lost(slices: &[SliceId], begin_again: &[SliceId], tip: &CommitId) -> Line {
    let text = format!("the private repository has lost the merges after {}: {}", tip.short(), names(slices));
    let line = Line::main(WARNED, text);
    match begin_again {
        [] => line.see("their work is whole and is merged again"),
        again => line.see(format!("the work itself is lost and is done again: {}", names(again))),
    }
}

fn names(slices: &[SliceId]) -> String {
    slices.iter().map(SliceId::as_str).collect::<Vec<_>>().join(", ")
}
