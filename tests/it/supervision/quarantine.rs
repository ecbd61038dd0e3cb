//! Agents that go stale on a slice, or fail on several: who takes over, and when nobody does.

use std::sync::Arc;

use omk::domain::fact::{Fact, SupervisionFact};
use omk::domain::supervision::{ProfileQuarantine, Quarantine};
use omk::domain::task::{AttemptOutcome, FeedbackKind};
use omk::workflow::scheduler::Scheduler;
use omk::workflow::scheduler::operator::Again;
use omk::workflow::slices::Stage;

use super::{Bench, one_agent, plan, rejected, stale, two_agents};
use crate::support::views::slice;

#[test]
fn after_as_many_stale_ends_as_retries_the_slice_goes_to_the_stand_in_with_every_attempt() {
    let mut bench = Bench::new(&["a"], two_agents());
    bench.end("a", stale());
    assert_eq!(bench.agent("a"), "one");
    bench.end("a", stale());
    let quarantine = Quarantine {
        slice: slice("a"),
        agent: "one".to_owned(),
        ends: 2,
        reason: "quiet".to_owned(),
        successor: Some("two".to_owned()),
    };
    assert!(bench.facts.contains(&Fact::Supervision(SupervisionFact::WorkerQuarantined(quarantine))));
    for _ in 0..2 {
        assert_eq!(bench.agent("a"), "two");
        bench.end("a", rejected(FeedbackKind::Gate));
    }
    assert_eq!(bench.offered(), ["a.1 one", "a.2 one", "a.3 two", "a.4 two", "a.5 two"]);
    bench.end("a", rejected(FeedbackKind::Gate));
    assert!(bench.reason("a").contains("3 attempts failed"), "{}", bench.reason("a"));
}

#[test]
fn without_a_stand_in_the_slice_is_given_up_naming_quarantine_and_evidence_and_the_rest_goes_on() {
    let mut bench = Bench::new(&["a", "b"], one_agent());
    bench.end("a", stale());
    bench.end("b", rejected(FeedbackKind::Gate));
    bench.end("a", stale());
    let said = "agent `one` is in quarantine here after 2 stale attempts: quiet; see artifacts/agent-runs/a.2.log";
    assert_eq!(bench.reason("a"), said);
    assert_eq!((bench.stage("b"), bench.agent("b").as_str()), (Stage::Offered, "one"));
}

#[test]
fn a_slice_without_retries_is_in_quarantine_after_one_stale_end() {
    let mut plan = (*plan(&["a"])).clone();
    plan.slices[0].retries = 0;
    let mut bench = Bench::of(Arc::new(plan), two_agents());
    bench.end("a", stale());
    assert_eq!(bench.agent("a"), "two");
}

#[test]
fn a_script_has_no_stand_in() {
    let mut plan = (*plan(&["a"])).clone();
    plan.slices[0].run = Some("true".to_owned());
    let mut bench = Bench::of(Arc::new(plan), two_agents());
    bench.end("a", stale());
    bench.end("a", stale());
    assert!(bench.reason("a").starts_with("agent `script` is in quarantine here"), "{}", bench.reason("a"));
}

#[test]
fn a_quarantine_is_folded_from_the_journal_and_lifted_when_the_slice_is_reopened() {
    let mut bench = Bench::new(&["a", "b"], two_agents());
    bench.end("a", stale());
    bench.end("a", stale());
    assert_eq!(bench.folded().quarantines, bench.scheduler.table().quarantines);
    bench.restart();
    assert_eq!(bench.agent("a"), "two");
    for _ in 0..2 {
        bench.end("a", stale());
    }
    assert!(bench.reason("a").contains("`one`") && bench.reason("a").contains("`two`"), "{}", bench.reason("a"));
    let reopened = bench.scheduler.retry(&slice("a"), Again { fresh: false, hint: None }, false, bench.now).unwrap();
    bench.facts.push(reopened);
    bench.decide(Scheduler::go_on);
    assert_eq!(bench.agent("a"), "one");
}

#[test]
fn a_worker_that_panics_says_nothing_of_its_agent() {
    let mut bench = Bench::new(&["a"], two_agents());
    for _ in 0..2 {
        let attempt = bench.claimed("a");
        bench.decide(|it, now| it.worker_gone(&attempt, Some("its worker panicked"), now));
    }
    let record = bench.scheduler.table().slice(&slice("a")).unwrap();
    assert_eq!((record.agent.as_str(), record.failures, record.uncounted), ("one", 0, 2));
}

#[test]
fn a_profile_that_fails_on_several_slices_in_a_row_is_in_quarantine_for_the_goal() {
    let mut bench = Bench::new(&["a", "b", "c", "d"], two_agents());
    bench.end("a", stale());
    bench.end("b", rejected(FeedbackKind::Agent));
    bench.end("b", AttemptOutcome::Interrupted { by: "a pause".to_owned() });
    bench.end("a", rejected(FeedbackKind::Agent));
    assert_eq!(bench.agent("b"), "one", "two slices are not three");
    bench.end("c", rejected(FeedbackKind::Agent));
    let quarantine = ProfileQuarantine {
        agent: "one".to_owned(),
        slices: vec![slice("a"), slice("b"), slice("c")],
        reason: "exit 1".to_owned(),
        successor: Some("two".to_owned()),
    };
    assert!(bench.facts.contains(&Fact::Supervision(SupervisionFact::ProfileQuarantined(quarantine))));
    assert_eq!(bench.agent("c"), "two");
    bench.end("d", rejected(FeedbackKind::Gate));
    assert_eq!(bench.agent("d"), "two");
}

#[test]
fn an_attempt_that_works_breaks_the_row() {
    let mut bench = Bench::new(&["a", "b", "c"], two_agents());
    bench.end("a", rejected(FeedbackKind::Agent));
    bench.end("b", rejected(FeedbackKind::Gate));
    bench.end("b", rejected(FeedbackKind::Agent));
    bench.end("c", rejected(FeedbackKind::Agent));
    assert_eq!([bench.agent("a"), bench.agent("b"), bench.agent("c")], ["one", "one", "one"]);
}

#[test]
fn without_a_successor_the_profiles_slices_are_given_up_and_other_agents_go_on() {
    let mut plan = (*plan(&["a", "b", "c", "d", "own"])).clone();
    plan.slices[3].after = vec![slice("own")];
    plan.slices[4].run = Some("true".to_owned());
    let mut bench = Bench::of(Arc::new(plan), one_agent());
    for id in ["a", "b", "c"] {
        bench.end(id, rejected(FeedbackKind::Agent));
    }
    let said = "agent `one` is in quarantine for failing on `a`, `b`, `c`: exit 1";
    assert_eq!(bench.reason("c"), format!("{said}; see artifacts/agent-runs/c.1.log"));
    assert_eq!(bench.reason("d"), said);
    bench.end("a", rejected(FeedbackKind::Gate));
    assert_eq!(bench.reason("a"), format!("{said}; see artifacts/agent-runs/a.2.log"), "what was under way may end");
    assert!(matches!(bench.stage("own"), Stage::Offered | Stage::Running { .. }), "{:?}", bench.stage("own"));
}
