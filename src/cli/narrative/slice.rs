//! Sentences about a slice: its attempts, what came of them, what it asks.

use std::path::Path;

use crate::cli::narrative::{Act, FAILED, Line, NOTED, STARTED, WARNED, act};
use crate::cli::output::{style, units, words};
use crate::domain::agent::{AgentEnd, AgentReport};
use crate::domain::budget::SLICE_USED_UP;
use crate::domain::ids::{Attempt, AttemptRef, CommitId, SliceId};
use crate::domain::question::answer_command;
use crate::domain::supervision::Quarantine;
use crate::domain::task::{AttemptOutcome, Capture, Feedback, UnchangedReason};
use crate::domain::vitals::Sighting;

const OFFERED: Act = act("Offered", "offer", style::DIM);
const PASSED: Act = act("Passed", "pass", style::GOOD);
const RETURNED: Act = act("Returned", "return", style::WARN);
const GIVEN_UP: Act = act("Gave up", "give-up", style::BAD);
const REOPENED: Act = act("Reopened", "reopen", style::LIVE);
const ASKS: Act = act("Asks", "ask", style::WARN);
const ANSWERED: Act = act("Answered", "answer", style::GOOD);
const CAPTURED: Act = act("Captured", "capture", style::DIM);

pub(super) fn offered(attempt: &AttemptRef, start: &CommitId, agent: &str) -> Line {
    let text = format!("attempt {} from {}, agent {agent}", attempt.attempt, start.short());
    Line::detail(OFFERED, text).of(&attempt.slice)
}

pub(super) fn claimed(attempt: &AttemptRef) -> Line {
    Line::main(STARTED, format!("attempt {}", attempt.attempt)).of(&attempt.slice)
}

pub(super) fn finished(attempt: &AttemptRef, outcome: &AttemptOutcome) -> Line {
    let number = attempt.attempt;
    let line = match outcome {
        AttemptOutcome::Passed => Line::detail(PASSED, format!("attempt {number}, its gates are green")),
        AttemptOutcome::Rejected { feedback } => {
            let line = Line::main(FAILED, format!("attempt {number}: {}", feedback.summary));
            line.hint("see", format!("omk goal logs {{id}} --slice {}", attempt.slice))
        }
        AttemptOutcome::Unchanged => Line::detail(NOTED, format!("attempt {number} changed nothing")),
        AttemptOutcome::Asked { .. } => Line::detail(NOTED, format!("attempt {number} ended with a question")),
        AttemptOutcome::Unavailable { detail } => {
            Line::main(FAILED, format!("attempt {number}: the agent cannot be used: {detail}"))
        }
        AttemptOutcome::Limited { detail, .. } => {
            Line::detail(NOTED, format!("attempt {number} met a limit of its provider: {detail}"))
        }
        AttemptOutcome::Interrupted { by } => Line::detail(NOTED, format!("attempt {number} was stopped by {by}")),
        AttemptOutcome::Expired { detail } => Line::main(FAILED, format!("attempt {number} expired: {detail}")),
        AttemptOutcome::Errored { detail } => {
            Line::main(FAILED, format!("attempt {number}: omk itself failed: {detail}"))
        }
    };
    line.of(&attempt.slice)
}

pub(super) fn dropped(attempt: &AttemptRef, detail: &str) -> Line {
    Line::detail(NOTED, format!("dropped a late result of {attempt}: {detail}")).of(&attempt.slice)
}

pub(super) fn worktree(path: &Path) -> Line {
    Line::detail(NOTED, format!("worktree {}", path.display()))
}

/// The operator said something to an agent at work.
pub(super) fn steered(slice: &SliceId, text: &str) -> Line {
    Line::main(NOTED, format!("the operator says: {text}")).of(slice)
}

pub(super) fn reported(report: &AgentReport) -> Line {
    let refused = match report.refused.count {
        0 => String::new(),
        count => format!(", refused {} by the policy", words::times(count)),
    };
    let took = format!("{}{refused}", units::duration(report.duration_ms));
    let line = match &report.end {
        AgentEnd::Finished => Line::detail(NOTED, format!("the agent finished after {took}")),
        AgentEnd::Asked { .. } => Line::detail(NOTED, format!("the agent asked something after {took}")),
        AgentEnd::Failed { detail } => Line::detail(FAILED, format!("the agent failed after {took}: {detail}")),
        AgentEnd::Unavailable { detail } => {
            Line::detail(FAILED, format!("the agent cannot be used{refused}: {detail}"))
        }
        AgentEnd::Limited { detail, .. } => {
            Line::detail(NOTED, format!("the agent met a limit after {took}: {detail}"))
        }
        AgentEnd::TimedOut => Line::detail(FAILED, format!("the agent was killed at its timeout, after {took}")),
        AgentEnd::Stopped => Line::detail(NOTED, format!("the agent was stopped after {took}")),
        AgentEnd::Lapsed => Line::detail(NOTED, format!("the agent was killed after {took}: omk stood still")),
        AgentEnd::Faulted { detail } => Line::detail(NOTED, format!("the agent could not work: omk {detail}")),
    };
    let line = line.listing(&words::refusals(&report.refused));
    if report.survivors.is_empty() {
        return line;
    }
    line.see(format!("killed what outlived it: {}", report.survivors.join(", ")))
}

pub(super) fn captured(capture: &Capture) -> Line {
    let (added, removed) = (capture.added, capture.removed);
    let files = units::counted(capture.paths.len(), "file");
    let line = Line::detail(CAPTURED, format!("+{added} -{removed} in {files} @ {}", capture.commit.short()));
    if capture.ignored.is_empty() {
        return line;
    }
    line.see(format!("left out, because the repository ignores them: {}", capture.ignored.join(", ")))
}

/// The user's checkout is no place for an agent.
pub(super) fn checkout_changed(paths: &[String]) -> Line {
    let text = format!("your own checkout changed during the attempt: {}", paths.join(", "));
    Line::main(WARNED, text).see("if that was not you, the agent left its worktree: see `git status` there")
}

pub(super) fn accepted(slice: &SliceId, attempt: Attempt) -> Line {
    Line::detail(PASSED, format!("attempt {attempt} passed its reviews, to be merged")).of(slice)
}

pub(super) fn returned(slice: &SliceId, attempt: Attempt, feedback: &Feedback) -> Line {
    let line = Line::main(RETURNED, format!("attempt {attempt}: {}", feedback.summary)).of(slice);
    line.hint("see", format!("omk goal logs {{id}} --slice {slice}"))
}

pub(super) fn given_up(slice: &SliceId, reason: &str) -> Line {
    let line = Line::main(GIVEN_UP, reason).of(slice);
    match reason.starts_with(SLICE_USED_UP) {
        true => line.hint("more", format!("omk goal budget-add {{id}} --slice {slice} …")),
        false => line.hint("another attempt", format!("omk goal retry {{id}} --slice {slice}")),
    }
}

pub(super) fn unchanged(slice: &SliceId, why: &UnchangedReason) -> Line {
    Line::main(PASSED, format!("done: {why}")).of(slice)
}

pub(super) fn reopened(slice: &SliceId, fresh: bool, hint: Option<&str>) -> Line {
    let way = if fresh { "from the base" } else { "with what there is of its work" };
    let hint = hint.map(|hint| format!(", told: {hint}")).unwrap_or_default();
    Line::main(REOPENED, format!("{way}{hint}")).of(slice)
}

pub(super) fn asked(id: &str, slice: &SliceId, text: &str) -> Line {
    let line = Line::main(ASKS, format!("{id}: {text}")).of(slice);
    line.hint("answer", answer_command("{id}", id, text))
}

pub(super) fn answered(id: &str, answer: &str) -> Line {
    Line::main(ANSWERED, format!("{id}: {answer}"))
}

pub(super) fn quarantined(quarantine: &Quarantine) -> Line {
    let then = match &quarantine.successor {
        Some(agent) => format!("{agent} takes over"),
        None => "the slice is given up".to_owned(),
    };
    let Quarantine { slice, agent, ends, reason, .. } = quarantine;
    Line::main(FAILED, format!("agent {agent} is in quarantine here after {ends} stale attempts: {reason}; {then}"))
        .of(slice)
}

pub(super) fn quiet(sighting: &Sighting) -> Line {
    let doing = match (&sighting.tool_call, sighting.last_event.as_str()) {
        (Some(call), _) => format!(", in {call}"),
        (None, "") => String::new(),
        (None, event) => format!(", last: {event}"),
    };
    let text = format!(
        "attempt {} has been quiet for {}{doing}",
        sighting.attempt.attempt,
        units::duration(sighting.quiet_ms)
    );
    Line::main(WARNED, text)
        .of(&sighting.attempt.slice)
        .hint("see", format!("omk goal why {{id}} --slice {}", sighting.attempt.slice))
}
