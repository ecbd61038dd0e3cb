//! The rubric of the performance reviewer: what it finds, and the near misses.

use omk::domain::change::Change;
use omk::domain::evidence::{ArtifactRef, GateOutcome, GateResult, TestReading};
use omk::domain::goal::SandboxLevel;
use omk::domain::ids::{ContentHash, GateName, TreeId};
use omk::domain::review::{Review, Role, Verdict};
use omk::domain::task::{GateKind, GateSpec};
use omk::review::{Brief, review};

use super::{gate, places};

fn result(name: &str, outcome: GateOutcome) -> GateResult {
    let hash = ContentHash::parse(&"0".repeat(64)).unwrap();
    GateResult {
        gate: GateName::parse(name).unwrap(),
        kind: GateKind::Bench,
        required: true,
        tree: TreeId::parse(&"0".repeat(40)).unwrap(),
        gate_hash: hash.clone(),
        env_hash: hash.clone(),
        sandbox: SandboxLevel::None,
        outcome,
        duration_ms: 1,
        cold: true,
        tests: None,
        test_names: None,
        reading: Some(TestReading::NotRead),
        lost_tests: vec![],
        compared: false,
        log: ArtifactRef { path: "artifacts/gates/speed.log".to_owned(), sha256: hash, bytes: 0 },
        excerpt: String::new(),
        survivors: vec![],
    }
}

fn performance(gates: &[GateSpec], gate_results: &[GateResult]) -> Review {
    review(Role::Performance, &Brief { change: &Change::default(), access: None, gates, gate_results })
}

#[test]
fn without_a_bench_gate_performance_does_not_apply() {
    let review = performance(&[gate("perf", "x", GateKind::Test)], &[result("perf", GateOutcome::Red { exit: 1 })]);
    assert_eq!(review.verdict, Verdict::NotApplicable);
    assert_eq!(review.summary, "the plan has no gate of kind `bench`, so nothing measures speed");
}

#[test]
fn a_bench_gate_decides_the_performance_review() {
    let gates = [gate("speed", "x", GateKind::Bench)];
    assert_eq!(performance(&gates, &[result("speed", GateOutcome::Green)]).verdict, Verdict::Passed);
    let red = performance(&gates, &[result("speed", GateOutcome::Red { exit: 3 })]);
    assert_eq!(
        (red.verdict, places(&red)),
        (Verdict::Blocked, vec!["performance.bench high artifacts/gates/speed.log".to_owned()])
    );
    assert_eq!(red.findings[0].message, "the bench gate `speed` is red (exit status 3)");
    let optional = GateResult { required: false, ..result("speed", GateOutcome::TimedOut) };
    assert_eq!(performance(&gates, &[optional]).verdict, Verdict::Passed);
}

#[test]
fn a_bench_gate_that_was_not_run_to_its_end_judges_nothing() {
    let gates = [gate("speed", "x", GateKind::Bench)];
    for results in [vec![], vec![result("speed", GateOutcome::Stopped)]] {
        let review = performance(&gates, &results);
        assert_eq!(review.verdict, Verdict::NotApplicable);
        assert_eq!(review.summary, "no bench gate was run to its end on this change (speed)");
    }
}
