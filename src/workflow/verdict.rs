//! From evidence to status: the one place that can say `ready`.
//!
//! Pure. Invariant: `ready` needs every slice integrated, every required gate green on exactly the integrated tree,
//! no test of the base lost, no review that blocks, and a tree that differs from the base's.

use crate::domain::evidence::{GateOutcome, GateResult};
use crate::domain::goal::GoalStatus;
use crate::domain::ids::{GoalId, SliceId, TreeId};
use crate::domain::review::{Review, Role, Verdict};
use crate::domain::task::GateSpec;
use crate::workflow::gate_words::{counts_failures, ran_no_test, without_tests};

/// A status with its reason and what goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// The status.
    pub status: GoalStatus,
    /// Why, one sentence.
    pub reason: String,
    /// The commands that go on, the best first.
    pub next: Vec<String>,
}

impl Ruling {
    /// A ruling.
    pub fn new(status: GoalStatus, reason: impl Into<String>, next: Vec<String>) -> Self {
        Self { status, reason: reason.into(), next }
    }
}

/// What the whole change is judged by.
#[derive(Clone, Debug)]
pub struct Evidence<'a> {
    /// The goal.
    pub goal: &'a GoalId,
    /// The integrated tree.
    pub tree: &'a TreeId,
    /// The tree that the goal started from.
    pub base_tree: &'a TreeId,
    /// Slices integrated.
    pub integrated: usize,
    /// Slices done without a change.
    pub unchanged: &'a [SliceId],
    /// Slices given up, with the reason.
    pub given_up: &'a [(SliceId, String)],
    /// Slices that could go on.
    pub open: &'a [SliceId],
    /// The gates of the plan.
    pub gates: &'a [GateSpec],
    /// Their verdicts on the integrated tree.
    pub results: &'a [GateResult],
    /// The six roles on the whole change.
    pub reviews: &'a [Review],
}

/// Judges the whole change.
pub fn judge(evidence: &Evidence<'_>) -> Ruling {
    let missing = missing(evidence);
    let goal = evidence.goal;
    if missing.is_empty() {
        let unchanged = match evidence.unchanged.len() {
            0 => String::new(),
            count => format!(", {count} had nothing to change"),
        };
        let reason = format!(
            "{} slice(s) integrated{unchanged}; every required gate is green on tree {}",
            evidence.integrated,
            evidence.tree.short()
        );
        return Ruling::new(GoalStatus::Ready, reason, vec![format!("omk goal proof {goal} --verify")]);
    }
    let nothing = evidence.tree == evidence.base_tree;
    let unchanged = evidence.unchanged.iter().filter(|_| nothing);
    let again = evidence.given_up.iter().map(|(slice, _)| slice).chain(unchanged);
    let mut next: Vec<_> = again.map(|slice| format!("omk goal retry {goal} --slice {slice} --hint \"…\"")).collect();
    next.push(format!("omk goal resume {goal}"));
    Ruling::new(GoalStatus::NotReady, missing.join("; "), next)
}

/// What stands between the evidence and `ready`, a phrase each.
fn missing(evidence: &Evidence<'_>) -> Vec<String> {
    let mut missing: Vec<_> =
        evidence.given_up.iter().map(|(slice, reason)| format!("slice `{slice}` was given up: {reason}")).collect();
    if !evidence.open.is_empty() {
        let names: Vec<_> = evidence.open.iter().map(|slice| format!("`{slice}`")).collect();
        missing.push(format!("not done: {}", names.join(", ")));
    }
    if evidence.tree == evidence.base_tree {
        let done = evidence.integrated + evidence.unchanged.len() > 0;
        missing.push(if done { "nothing changed" } else { "nothing is integrated" }.to_owned());
        return missing;
    }
    missing.extend(evidence.gates.iter().filter(|gate| gate.required).filter_map(|gate| gate_gap(gate, evidence)));
    if !evidence.gates.iter().any(|gate| gate.required) {
        missing.push("no gate is required, so nothing proves the change".to_owned());
    }
    missing.extend(Role::ALL.into_iter().filter_map(|role| review_gap(role, evidence.reviews)));
    missing
}

fn gate_gap(gate: &GateSpec, evidence: &Evidence<'_>) -> Option<String> {
    let Some(result) = evidence.results.iter().find(|r| r.gate == gate.name && r.tree == *evidence.tree) else {
        return Some(format!("gate `{}` was not run on the integrated tree", gate.name));
    };
    match &result.outcome {
        GateOutcome::Green if result.lost_tests.is_empty() => None,
        GateOutcome::Green => Some(without_tests(&gate.name, &result.lost_tests)),
        GateOutcome::TestsFailed { failed } => {
            Some(format!("{}, see {}", counts_failures(&gate.name, *failed), result.log.path))
        }
        GateOutcome::NoTests => Some(ran_no_test(&gate.name)),
        GateOutcome::Red { exit } => {
            Some(format!("gate `{}` is red on the integrated tree (exit {exit}), see {}", gate.name, result.log.path))
        }
        GateOutcome::TimedOut => Some(format!("gate `{}` did not end in time on the integrated tree", gate.name)),
        GateOutcome::Unstartable { detail } => Some(format!("gate `{}` could not be started: {detail}", gate.name)),
        GateOutcome::Stopped => Some(format!("gate `{}` was stopped before its verdict", gate.name)),
    }
}

fn review_gap(role: Role, reviews: &[Review]) -> Option<String> {
    match reviews.iter().find(|review| review.role == role) {
        None => Some(format!("review {role} is missing")),
        Some(review) => match review.verdict {
            Verdict::Passed | Verdict::NotApplicable => None,
            Verdict::Blocked => {
                let first = review.findings.first();
                let first = first.map(|f| format!(": {} ({})", f.message, f.path)).unwrap_or_default();
                Some(format!("review {role} blocks{first}"))
            }
        },
    }
}
