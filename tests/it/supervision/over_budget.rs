//! Slices whose own budget is used up: given up while the journal says so, whoever reads it.

use omk::domain::budget::{Account, BudgetKind, Limits};
use omk::domain::fact::{AttemptFact, BudgetFact, Fact, SliceFact};
use omk::domain::task::AttemptOutcome;
use omk::workflow::scheduler::Intent;
use omk::workflow::slices::Stage;

use super::{Bench, one_agent};
use crate::support::views::{START, capture, slice};

const REASON: &str = "its budget of 100 tokens is used up";

fn used_up(bench: &mut Bench) -> Vec<Intent> {
    let account = Account::Slice(slice("a"));
    let fact =
        Fact::Budget(BudgetFact::BudgetExhausted { budget: BudgetKind::Tokens, spent: 120, limit: 100, account });
    bench.facts.push(fact.clone());
    bench.decide(|it, now| it.budget_used_up(&slice("a"), &fact, now))
}

fn asks() -> AttemptOutcome {
    AttemptOutcome::Asked { question: "which colour?".to_owned() }
}

fn interrupted() -> AttemptOutcome {
    AttemptOutcome::Interrupted { by: "a stop of the run".to_owned() }
}

#[test]
fn an_agent_at_work_is_stopped_and_its_slice_given_up() {
    let mut bench = Bench::new(&["a"], one_agent());
    let attempt = bench.claimed("a");
    assert_eq!(used_up(&mut bench), [Intent::StopWorker(attempt)]);
    bench.end("a", interrupted());
    assert_eq!(bench.reason("a"), REASON);
}

#[test]
fn a_slice_that_asks_is_given_up_at_once() {
    let mut bench = Bench::new(&["a", "b"], one_agent());
    bench.end("a", asks());
    used_up(&mut bench);
    assert_eq!(bench.reason("a"), REASON);
}

#[test]
fn work_that_is_captured_goes_on_to_its_gates() {
    let mut bench = Bench::new(&["a"], one_agent());
    let attempt = bench.claimed("a");
    bench.hear(&attempt, Fact::Attempt(AttemptFact::SliceCaptured { capture: capture(1, 0) }));
    used_up(&mut bench);
    bench.end("a", interrupted());
    assert_eq!(bench.task("a").captured, Some(capture(1, 0)));
    bench.end("a", super::rejected(omk::domain::task::FeedbackKind::Gate));
    assert_eq!(bench.reason("a"), REASON);
}

#[test]
fn what_is_used_up_outlives_the_run_and_more_of_it_is_heeded() {
    for more in [false, true] {
        let mut bench = Bench::new(&["a", "b"], one_agent());
        bench.end_with("a", AttemptOutcome::Passed, Some(capture(1, 0)));
        used_up(&mut bench);
        assert!(matches!(bench.stage("a"), Stage::Reviewing { .. }));
        if more {
            bench.facts.push(Fact::Budget(BudgetFact::LimitsSet {
                limits: Limits::default(),
                account: Account::Slice(slice("a")),
            }));
        }
        let (id, attempt) = (slice("a"), bench.scheduler.table().slice(&slice("a")).unwrap().attempt);
        let feedback = omk::workflow::settling::nobody_answers("which colour?");
        bench.facts.push(Fact::Slice(SliceFact::SliceReturned { slice: id, attempt, feedback }));
        bench.restart();
        match more {
            false => assert_eq!(bench.reason("a"), REASON),
            true => assert_eq!(bench.stage("a"), Stage::Offered),
        }
        assert_eq!(bench.folded().slice(&slice("a")).unwrap().since, START);
    }
}

#[test]
fn a_slice_that_is_reopened_is_not_given_up_for_what_was_used_up_before() {
    let mut bench = Bench::new(&["a", "b"], one_agent());
    used_up(&mut bench);
    bench.end("a", interrupted());
    let again = omk::workflow::scheduler::operator::Again { fresh: false, hint: None };
    bench.scheduler.retry(&slice("a"), again, false, bench.now).unwrap();
    bench.decide(omk::workflow::scheduler::Scheduler::go_on);
    assert_eq!(bench.stage("a"), Stage::Offered);
}
