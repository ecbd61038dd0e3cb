//! One attempt of one slice, step by step.
//!
//! Pure: each input is the result of the step before. Invariants: nothing that the agent says decides anything; an
//! attempt passes only with a change that is within its rights and green on every one of its gates.

use std::path::PathBuf;
use std::time::Duration;

use crate::domain::access::AccessSet;
use crate::domain::agent::{AgentEnd, AgentReport};
use crate::domain::deceptive::{is_ambiguous, spelled_out};
use crate::domain::evidence::{GateOutcome, GateResult, GateScope};
use crate::domain::fact::{AttemptFact, Fact, GateFact};
use crate::domain::goal::Charter;
use crate::domain::order::{Captured, Uncapturable};
use crate::domain::task::{Assignment, AttemptOutcome, Capture, Feedback, FeedbackKind, GateSpec, KeptLines};
use crate::workflow::gate_words::{counts_failures, ran_no_test, without_tests};
use crate::workflow::sessions::cuts_off;

/// So many standstills of `omk` in a row are no fault of the agent that works meanwhile.
const MOST_STANDSTILLS: u32 = 3;

/// What the worker does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make the worktree.
    Prepare,
    /// Let the agent work in it.
    RunAgent,
    /// Capture what it left.
    Capture,
    /// Check that lines of other slices are still there.
    CheckKept {
        /// The capture.
        capture: Capture,
    },
    /// Run a gate on the captured tree.
    RunGate {
        /// The gate.
        gate: Box<GateSpec>,
        /// The capture.
        capture: Capture,
    },
    /// End the attempt.
    Finish {
        /// How.
        outcome: AttemptOutcome,
        /// What was captured, where something was.
        capture: Option<Capture>,
        /// The verdicts of its gates so far.
        gates: Vec<GateResult>,
    },
}

/// A fact, where the input is one, and the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What the input recorded.
    pub fact: Option<Fact>,
    /// What follows.
    pub step: Step,
}

/// The state of one attempt.
#[derive(Debug)]
pub struct Worker {
    assignment: Assignment,
    /// The longest that its agent may take.
    deadline_ms: u64,
    /// The gates that this attempt must pass, in order.
    gates: Vec<GateSpec>,
    passed: usize,
    capture: Option<Capture>,
    results: Vec<GateResult>,
    /// How its agent went stale, where it did.
    stale: Option<String>,
    /// Whether its agent works in a session.
    in_session: bool,
    /// What its agent's end is instead if it changed nothing.
    unless_changed: Option<AgentEnd>,
}

impl Worker {
    /// A worker for an assignment of a goal, with all gates of the plan.
    pub fn new(assignment: Assignment, charter: &Charter, plan_gates: &[GateSpec]) -> Self {
        let gates = plan_gates.iter().filter(|gate| assignment.spec.is_judged_by(gate)).cloned().collect();
        let capture = assignment.captured.clone();
        // What the slice itself may spend is no deadline: who stops an attempt at that knows what was spent and added.
        let deadline_ms = charter.settings.attempt_timeout_ms;
        let (results, stale, unless_changed) = (Vec::new(), None, None);
        Self { capture, assignment, deadline_ms, gates, passed: 0, results, stale, in_session: false, unless_changed }
    }

    /// What it works on.
    pub fn assignment(&self) -> &Assignment {
        &self.assignment
    }

    /// The longest that its agent may take, in milliseconds.
    pub fn deadline_ms(&self) -> u64 {
        self.deadline_ms
    }

    /// The first step: an interrupted attempt that was captured goes on behind the capture.
    pub fn begin(&self) -> Step {
        match &self.capture {
            Some(capture) => Step::CheckKept { capture: capture.clone() },
            None => Step::Prepare,
        }
    }

    /// The worktree is there, named relative to the goal's directory. Where it was to be as an earlier attempt left it
    /// and does not stand so, the agent is not told that it does.
    pub fn prepared(&mut self, path: PathBuf, stood: bool) -> Progress {
        if let Some(session) = &mut self.assignment.session {
            session.cut_off &= stood;
        }
        Progress { fact: Some(Fact::Attempt(AttemptFact::WorktreePrepared { path })), step: Step::RunAgent }
    }

    /// The agent has been quiet for too long and is being stopped.
    pub fn went_stale(&mut self, how: String) {
        self.stale.get_or_insert(how);
    }

    /// The agent has named the session that it works in.
    pub fn session_opened(&mut self) {
        self.in_session = true;
    }

    /// Whether the worktree is left as it stands at such an end, for the attempt that goes on with the session.
    pub fn leaves_worktree(&self, outcome: &AttemptOutcome) -> bool {
        let resumes = self.assignment.session.as_ref().is_some_and(|session| session.cut_off);
        (self.in_session || resumes) && self.capture.is_none() && cuts_off(outcome)
    }

    /// The same at an end that came too late: what became of the session was decided without it.
    pub fn leaves_worktree_late(&self) -> bool {
        self.in_session || self.assignment.session.is_some()
    }

    /// The agent's process ended.
    pub fn agent_reported(&mut self, report: AgentReport) -> Progress {
        self.unless_changed = report.unless_changed.as_deref().cloned();
        let step = self.after(&report.end);
        Progress { fact: Some(Fact::Attempt(AttemptFact::AgentReported { report })), step }
    }

    fn after(&self, end: &AgentEnd) -> Step {
        match end {
            AgentEnd::Finished => Step::Capture,
            AgentEnd::Asked { question } => self.finish(AttemptOutcome::Asked { question: question.clone() }),
            AgentEnd::Failed { detail } => {
                self.reject(FeedbackKind::Agent, first_line("the agent failed", detail), detail, Vec::new())
            }
            AgentEnd::Unavailable { detail } => self.finish(AttemptOutcome::Unavailable { detail: detail.clone() }),
            AgentEnd::Limited { provider, until, detail } => self.finish(AttemptOutcome::Limited {
                provider: provider.clone(),
                until: *until,
                detail: detail.clone(),
            }),
            AgentEnd::TimedOut => {
                let limit = humantime::format_duration(Duration::from_millis(self.deadline_ms));
                let detail = format!("the agent did not end within {limit}");
                self.finish(AttemptOutcome::Expired { detail })
            }
            AgentEnd::Faulted { detail } => self.failed(detail),
            AgentEnd::Lapsed => self.finish(lapsed(self.assignment.lapses)),
            AgentEnd::Stopped => self.finish(match &self.stale {
                Some(detail) => AttemptOutcome::Expired { detail: detail.clone() },
                None => stopped(),
            }),
        }
    }

    /// Whether the worktree holds no more than before this attempt, as far as its capture shows.
    fn is_unchanged(&self, capture: Option<&Capture>) -> bool {
        let cut_off = self.assignment.session.as_ref().is_some_and(|session| session.cut_off);
        capture.is_none_or(|capture| cut_off || self.assignment.content.as_ref() == Some(&capture.tree))
    }

    /// What the agent left was captured.
    pub fn captured(&mut self, captured: Captured) -> Progress {
        let Captured { capture, refused, mut outside, checkout } = captured;
        if !refused.is_empty() {
            return Progress { fact: None, step: self.refuse(&refused) };
        }
        if !outside.is_empty() {
            return Progress { fact: None, step: self.out_of_bounds(outside) };
        }
        if let Some(end) = self.unless_changed.take().filter(|_| self.is_unchanged(capture.as_ref())) {
            return Progress { fact: None, step: self.after(&end) };
        }
        let Some(capture) = capture else {
            return Progress { fact: None, step: self.unchanged(checkout) };
        };
        // Whatever a workspace says, what is beyond the slice's rights does not pass.
        outside.extend(beyond(&capture, &self.assignment));
        if !outside.is_empty() {
            return Progress { fact: None, step: self.out_of_bounds(outside) };
        }
        self.capture = Some(capture.clone());
        let fact = Fact::Attempt(AttemptFact::SliceCaptured { capture: capture.clone() });
        Progress { fact: Some(fact), step: Step::CheckKept { capture } }
    }

    /// Ends an attempt without a change. An agent that uses absolute paths can have worked in the user's checkout; a
    /// `run` is not told, because a user may well work in their checkout meanwhile.
    fn unchanged(&self, checkout: Vec<String>) -> Step {
        if checkout.is_empty() || self.assignment.spec.run.is_some() {
            return self.finish(AttemptOutcome::Unchanged);
        }
        let summary = format!(
            "it changed nothing in its worktree, while the user's own checkout changed: {}",
            checkout.join(", ")
        );
        let detail = "Work in your worktree only, by relative paths. What is in the user's checkout does not count, and \
                      nobody asked for a change there.";
        self.reject(FeedbackKind::Policy, summary, detail, checkout)
    }

    fn refuse(&self, refused: &[Uncapturable]) -> Step {
        let lines: Vec<_> = refused.iter().map(|entry| format!("{}: {}", entry.path, entry.problem)).collect();
        let summary = first_line("it left something that cannot be captured", &lines[0]);
        let paths = refused.iter().map(|entry| entry.path.clone()).collect();
        self.reject(FeedbackKind::Policy, summary, &lines.join("\n"), paths)
    }

    fn out_of_bounds(&self, paths: Vec<String>) -> Step {
        const SHOWN: usize = 5;
        let more = paths.len().saturating_sub(SHOWN);
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        let access = &self.assignment.spec.access;
        let shown = paths.iter().take(SHOWN).map(|path| told_apart(path, access)).collect::<Vec<_>>().join(", ");
        let summary = format!("it changed paths outside its writes and merges: {shown}{rest}");
        self.reject(FeedbackKind::Policy, summary, &paths.join("\n"), paths.clone())
    }

    /// Lines that the attempt should have kept were looked for.
    pub fn kept_checked(&self, missing: &[KeptLines]) -> Step {
        match missing {
            [] => self.next_gate(),
            [first, ..] => {
                let from: Vec<_> = first.from.iter().map(|slice| format!("`{slice}`")).collect();
                let count = first.lines.len();
                let summary = format!("it dropped {count} line(s) that {} added to {}", from.join(", "), first.path);
                let dropped = |kept: &KeptLines| format!("{}:\n{}", kept.path, kept.lines.join("\n"));
                let detail = missing.iter().map(dropped).collect::<Vec<_>>().join("\n\n");
                self.reject(FeedbackKind::Policy, summary, &detail, missing.iter().map(|k| k.path.clone()).collect())
            }
        }
    }

    /// A gate ended on the captured tree.
    pub fn gated(&mut self, result: GateResult) -> Progress {
        let gate = result.gate.clone();
        self.results.push(result.clone());
        let step = match &result.outcome {
            GateOutcome::Green if result.lost_tests.is_empty() => {
                self.passed += 1;
                self.next_gate()
            }
            GateOutcome::Green => {
                let summary = without_tests(&gate, &result.lost_tests);
                self.reject(FeedbackKind::Gate, summary, &result.lost_tests.join("\n"), Vec::new())
            }
            GateOutcome::TestsFailed { failed } => self.red(counts_failures(&gate, *failed), &result),
            GateOutcome::NoTests => self.red(ran_no_test(&gate), &result),
            GateOutcome::Red { exit } => self.red(format!("gate `{gate}` is red (exit {exit})"), &result),
            GateOutcome::TimedOut => self.red(format!("gate `{gate}` did not end in time"), &result),
            GateOutcome::Unstartable { detail } => {
                self.red(format!("gate `{gate}` could not be started: {detail}"), &result)
            }
            GateOutcome::Stopped => self.finish(stopped()),
        };
        let at = &self.assignment;
        let scope = GateScope::Attempt { slice: at.spec.id.clone(), attempt: at.attempt };
        Progress { fact: Some(Fact::Gate(GateFact::GateFinished { scope, result: Box::new(result) })), step }
    }

    fn red(&self, summary: String, result: &GateResult) -> Step {
        self.reject(FeedbackKind::Gate, summary, &result.excerpt, Vec::new())
    }

    /// An effect of our own failed.
    pub fn failed(&self, fault: &str) -> Step {
        self.finish(AttemptOutcome::Errored { detail: fault.to_owned() })
    }

    /// We were asked to stop between two steps.
    pub fn stopped(&self) -> Step {
        self.finish(stopped())
    }

    /// Its agent may not start.
    pub fn denied(&self, by: String) -> Step {
        self.finish(AttemptOutcome::Interrupted { by })
    }

    fn next_gate(&self) -> Step {
        match (self.gates.get(self.passed), &self.capture) {
            (Some(gate), Some(capture)) => Step::RunGate { gate: Box::new(gate.clone()), capture: capture.clone() },
            (None, Some(_)) => self.finish(AttemptOutcome::Passed),
            (_, None) => self.failed("an attempt reached its gates without a capture"),
        }
    }

    fn reject(&self, kind: FeedbackKind, summary: String, detail: &str, paths: Vec<String>) -> Step {
        let feedback = Feedback { kind, summary, detail: detail.to_owned(), paths };
        self.finish(AttemptOutcome::Rejected { feedback })
    }

    fn finish(&self, outcome: AttemptOutcome) -> Step {
        Step::Finish { outcome, capture: self.capture.clone(), gates: self.results.clone() }
    }
}

/// `keep` without the lines that are `gone` already, counting repeats.
pub fn still_there(keep: Vec<KeptLines>, gone: &[KeptLines]) -> Vec<KeptLines> {
    let there = keep.into_iter().map(|mut kept| {
        for lost in gone.iter().filter(|lost| lost.path == kept.path && lost.from == kept.from) {
            for line in &lost.lines {
                if let Some(place) = kept.lines.iter().position(|known| known == line) {
                    kept.lines.remove(place);
                }
            }
        }
        kept
    });
    there.filter(|kept| !kept.lines.is_empty()).collect()
}

/// What it means that `omk` stood still under an agent for a whole lease, as it did `before` in a row. Somebody suspends
/// it now and then, and that says nothing of the agent; one under which it happens every time is not tried for ever.
fn lapsed(before: u32) -> AttemptOutcome {
    if before < MOST_STANDSTILLS {
        return AttemptOutcome::Interrupted { by: "a standstill of omk".to_owned() };
    }
    let times = before.saturating_add(1);
    AttemptOutcome::Expired { detail: format!("omk stood still for a whole lease in {times} attempts in a row") }
}

fn stopped() -> AttemptOutcome {
    AttemptOutcome::Interrupted { by: "a stop of the run".to_owned() }
}

/// A path outside of an access set, spelled out where a path of the set may look the same.
fn told_apart(path: &str, access: &AccessSet) -> String {
    let mut patterns = access.writes.iter().chain(&access.merges);
    let doubtful = is_ambiguous(path) || !path.is_ascii() && patterns.any(|pattern| is_ambiguous(pattern.as_str()));
    match doubtful {
        true => format!("{path} (in Unicode: {})", spelled_out(path)),
        false => path.to_owned(),
    }
}

fn beyond(capture: &Capture, assignment: &Assignment) -> Vec<String> {
    let access = &assignment.spec.access;
    capture.paths.iter().filter(|path| !access.permits_change(path)).cloned().collect()
}

fn first_line(what: &str, detail: &str) -> String {
    match detail.lines().find(|line| !line.trim().is_empty()) {
        Some(line) => format!("{what}: {}", line.trim()),
        None => what.to_owned(),
    }
}
