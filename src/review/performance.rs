//! The performance reviewer: what a gate of kind `bench` measured, and nothing else.

use super::{Brief, concluded};
use crate::domain::evidence::{GateOutcome, GateResult};
use crate::domain::review::{Finding, Review, Role, Severity};
use crate::domain::task::GateKind;

/// `performance.bench`; `not_applicable` where nothing was measured.
pub(super) fn review(brief: &Brief<'_>) -> Review {
    let none = |reason: &str| Review::not_applicable(Role::Performance, reason);
    let mut benches = brief.gates.iter().filter(|gate| gate.kind == GateKind::Bench).peekable();
    if benches.peek().is_none() {
        return none("the plan has no gate of kind `bench`, so nothing measures speed");
    }
    let is_bench =
        |result: &&GateResult| brief.gates.iter().any(|g| g.kind == GateKind::Bench && g.name == result.gate);
    let judged: Vec<&GateResult> =
        brief.gate_results.iter().filter(is_bench).filter(|result| result.outcome != GateOutcome::Stopped).collect();
    if judged.is_empty() {
        let names: Vec<&str> = benches.map(|gate| gate.name.as_str()).collect();
        return none(&format!("no bench gate was run to its end on this change ({})", names.join(", ")));
    }
    concluded(Role::Performance, brief.change, judged.into_iter().filter_map(finding).collect())
}

fn finding(result: &GateResult) -> Option<Finding> {
    let how = match &result.outcome {
        GateOutcome::Green | GateOutcome::Stopped => return None,
        GateOutcome::TestsFailed { failed } => format!("counts {failed} failed test(s)"),
        GateOutcome::NoTests => "ran no test".to_owned(),
        GateOutcome::Red { exit } => format!("is red (exit status {exit})"),
        GateOutcome::TimedOut => "ran into its timeout".to_owned(),
        GateOutcome::Unstartable { detail } => format!("could not be started: {}", super::shown(detail)),
    };
    Some(Finding {
        rule: "performance.bench".to_owned(),
        severity: if result.required { Severity::High } else { Severity::Medium },
        path: result.log.path.clone(),
        line: None,
        message: format!("the bench gate `{}` {how}", result.gate),
    })
}
