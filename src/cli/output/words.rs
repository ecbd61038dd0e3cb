//! States, verdicts and findings in words, each with its mark: the same everywhere.

use anstyle::Style;

use crate::cli::output::style::{self, Glyphs};
use crate::cli::output::{safe, units};
use crate::domain::evidence::GateOutcome;
use crate::domain::goal::{GoalStatus, SandboxLevel};
use crate::domain::ids::{Attempt, Timestamp};
use crate::domain::refusal::Refusals;
use crate::domain::review::{Finding, Review, Verdict};
use crate::domain::task::{Feedback, FeedbackKind, WaitingFor};
use crate::domain::view::{Health, SliceState, SliceView};

/// How a gate ended.
pub fn outcome(outcome: &GateOutcome) -> String {
    match outcome {
        GateOutcome::Green => "green".to_owned(),
        GateOutcome::TestsFailed { failed } => format!("red (exit 0, but {failed} failed in its own summary)"),
        GateOutcome::NoTests => "red (exit 0, but no test ran)".to_owned(),
        GateOutcome::Red { exit } => format!("red (exit {exit})"),
        GateOutcome::TimedOut => "timed out".to_owned(),
        GateOutcome::Unstartable { detail } => format!("cannot be started ({})", safe::line(detail)),
        GateOutcome::Stopped => "stopped".to_owned(),
    }
}

/// A finding, on one line: severity, place, message, rule.
pub fn finding(found: &Finding) -> String {
    let place = found.line.map(|line| format!(":{line}")).unwrap_or_default();
    let text = format!("{}  {}{place}  {}  ({})", found.severity.as_str(), found.path, found.message, found.rule);
    safe::line(&text)
}

/// A verdict of a reviewer.
pub fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Blocked => "blocked",
        Verdict::NotApplicable => "not applicable",
    }
}

/// The reviews in sum: `5/6 passed, 1 not applicable   2 findings`.
pub fn reviews(reviews: &[Review]) -> String {
    let of = |wanted: Verdict| reviews.iter().filter(|review| review.verdict == wanted).count();
    let findings: usize = reviews.iter().map(|review| review.findings.len()).sum();
    let mut text = format!("{}/{} passed", of(Verdict::Passed), reviews.len());
    if of(Verdict::Blocked) > 0 {
        text.push_str(&format!(", {} blocked", of(Verdict::Blocked)));
    }
    if of(Verdict::NotApplicable) > 0 {
        text.push_str(&format!(", {} not applicable", of(Verdict::NotApplicable)));
    }
    format!("{text}   {}", units::counted(findings, "finding"))
}

/// The colour of a status.
pub fn status_style(status: GoalStatus) -> Style {
    match status {
        GoalStatus::Ready => style::GOOD,
        GoalStatus::Planned | GoalStatus::Running => style::LIVE,
        GoalStatus::Paused
        | GoalStatus::BlockedOnHuman
        | GoalStatus::BlockedOnExternal
        | GoalStatus::NeedsMoreBudget => style::WARN,
        GoalStatus::NotReady | GoalStatus::FailedInfra => style::BAD,
        GoalStatus::Cancelled => style::DIM,
    }
}

/// A status, with what is known of a goal that says `running` and has no process.
pub fn status(status: GoalStatus, orphaned: bool) -> String {
    if orphaned { format!("{status} (orphaned)") } else { status.to_string() }
}

/// How the process that runs a goal looks, behind its name; empty where nothing is wrong.
pub fn health(health: Health) -> &'static str {
    match health {
        Health::Well => "",
        Health::Stopped => ", stopped",
        Health::Silent => ", gives no answer",
    }
}

/// The mark and the colour of a slice's state.
pub fn state_mark(state: SliceState, glyphs: Glyphs) -> (&'static str, Style) {
    match state {
        SliceState::Waiting => (glyphs.waits, style::DIM),
        SliceState::Running | SliceState::Reviewing | SliceState::Accepted => (glyphs.working, style::LIVE),
        SliceState::Integrated | SliceState::Unchanged => (glyphs.done, style::GOOD),
        SliceState::Asking => (glyphs.asks, style::WARN),
        SliceState::GivenUp => (glyphs.failed, style::BAD),
        SliceState::Cancelled => (glyphs.failed, style::DIM),
    }
}

/// A slice's state as people read it.
pub fn state(state: SliceState) -> &'static str {
    match state {
        SliceState::Waiting => "waiting",
        SliceState::Running => "running",
        SliceState::Reviewing => "in review",
        SliceState::Accepted => "to be merged",
        SliceState::Integrated => "merged",
        SliceState::Unchanged => "unchanged",
        SliceState::Asking => "asks you",
        SliceState::GivenUp => "given up",
        SliceState::Cancelled => "cancelled",
    }
}

/// The attempts of a slice.
#[derive(Clone, Copy, Debug)]
pub struct Tries {
    /// Where the slice stands.
    pub state: SliceState,
    /// The number of the newest attempt, 0 before the first.
    pub attempt: Attempt,
    /// Those that failed.
    pub failures: u32,
    /// How many may fail.
    pub most: u32,
}

impl Tries {
    /// Of a slice.
    pub fn of(slice: &SliceView) -> Self {
        let (attempt, failures) = (slice.attempt, slice.failures);
        Self { state: slice.state, attempt, failures, most: slice.spec.max_attempts() }
    }

    /// In words: `attempt 2 of 3`, `1 of 3 attempts failed`. Interrupted attempts have numbers and count against nothing:
    /// where there were any, the number in all is said too. Empty before the first attempt.
    pub fn text(self) -> String {
        if self.attempt == Attempt(0) {
            return String::new();
        }
        let this = self.failures.saturating_add(1).min(self.most);
        let in_all = format!("{} in all", units::counted(self.attempt.0 as usize, "attempt"));
        match self.state {
            SliceState::Waiting | SliceState::GivenUp | SliceState::Cancelled if self.failures == 0 => in_all,
            SliceState::Waiting | SliceState::GivenUp | SliceState::Cancelled => {
                let all = if self.attempt.0 == self.failures { String::new() } else { format!(", {in_all}") };
                format!("{} of {} attempts failed{all}", self.failures, self.most)
            }
            SliceState::Running
            | SliceState::Reviewing
            | SliceState::Accepted
            | SliceState::Integrated
            | SliceState::Unchanged
            | SliceState::Asking => {
                let all = if self.attempt.0 == this { String::new() } else { format!(" ({} in all)", self.attempt) };
                format!("attempt {this} of {}{all}", self.most)
            }
        }
    }
}

/// Why a slice waits: `slice s4, since 12m: starts when s4 is merged`; without a moment, without the age.
pub fn waiting(waiting: &WaitingFor, now: Option<Timestamp>) -> String {
    let since = now.map(|now| format!(", {}", units::age(now.since(waiting.since)))).unwrap_or_default();
    let next = if waiting.next.is_empty() { String::new() } else { format!(": {}", waiting.next) };
    let of = if waiting.kind == "quota" { "of " } else { "" };
    safe::line(&format!("{} {of}{}{since}{next}", waiting.kind, waiting.reference))
}

/// What an attempt was told, on a line: of the operator the words, of a check what it found.
pub fn told(feedback: &Feedback) -> String {
    match feedback.kind {
        FeedbackKind::Operator => safe::line(&format!("{}: {}", feedback.summary, feedback.detail)),
        FeedbackKind::Gate
        | FeedbackKind::Review
        | FeedbackKind::Policy
        | FeedbackKind::Conflict
        | FeedbackKind::Agent => safe::line(&feedback.summary),
    }
}

/// How often something happened: `once`, `3 times`.
pub fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

/// What the policy refused to an agent, a line for each act, and one for those that are not listed.
pub fn refusals(refused: &Refusals) -> Vec<String> {
    let repeated = |count: u64| if count == 1 { String::new() } else { format!(" ({})", times(count)) };
    let each = refused.first.iter().map(|one| format!("{}{}: {}", one.act, repeated(one.times), one.reason));
    let list = refused.list.as_ref().map(|list| format!(", see {}", list.path)).unwrap_or_default();
    let unlisted = refused.unlisted();
    each.chain((unlisted > 0).then(|| format!("and {unlisted} more{list}"))).map(|line| safe::line(&line)).collect()
}

/// What confines agents and gates, in a phrase.
pub fn sandbox(level: SandboxLevel) -> &'static str {
    match level {
        SandboxLevel::None => "none: agents and gates run unconfined",
    }
}
