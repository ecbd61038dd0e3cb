//! What becomes of captured work when something else goes wrong, or the operator wants it done again.

use omk::domain::fact::{AttemptFact, Fact, MergeFact, SliceFact};
use omk::domain::ids::TreeId;
use omk::domain::task::{Assignment, AttemptOutcome, Capture, FeedbackKind};
use omk::workflow::scheduler::Scheduler;
use omk::workflow::scheduler::operator::{Again, retry_at_rest};
use omk::workflow::slices::{SliceTable, Stage};

use super::{Bench, one_agent, rejected, stale, two_agents};
use crate::support::views::{START, capture, commit, slice};

fn errored() -> AttemptOutcome {
    AttemptOutcome::Errored { detail: "failed to run a gate: its log cannot be written".to_owned() }
}

/// The attempt under way is captured, then ends like this.
fn ends_captured(bench: &mut Bench, outcome: AttemptOutcome) {
    bench.end_with("a", outcome, Some(capture(1, 0)));
}

fn captured(task: &Assignment) -> (Option<Capture>, Option<TreeId>) {
    (task.captured.clone(), task.content.clone())
}

#[test]
fn captured_work_outlives_an_end_that_is_none_of_its_doing() {
    for (outcome, failures) in [(errored(), 0), (stale(), 1)] {
        let mut bench = Bench::new(&["a"], one_agent());
        ends_captured(&mut bench, outcome);
        assert_eq!(bench.scheduler.table().slice(&slice("a")).unwrap().failures, failures);
        let second = bench.task("a");
        assert_eq!((captured(&second), &second.session), ((Some(capture(1, 0)), None), &None));
    }
}

#[test]
fn our_own_faults_count_against_no_slice_and_the_third_in_a_row_ends_the_run() {
    let mut charter = one_agent();
    charter.settings.retries = 0;
    let mut bench = Bench::new(&["a"], charter);
    bench.opens_session("a");
    bench.end("a", errored());
    let goes_on = bench.task("a").session.map(|it| (it.id, it.cut_off));
    assert_eq!(goes_on, Some(("session".to_owned(), true)), "what the agent did until then stands");
    bench.end("a", errored());
    assert_eq!(bench.task("a").session, None, "it may be what the fault is about");
    bench.end("a", errored());
    let record = bench.scheduler.table().slice(&slice("a")).unwrap();
    assert_eq!((&record.stage, record.failures, record.uncounted), (&Stage::Waiting, 0, 3));
    assert_eq!(*bench.scheduler.table(), bench.folded());
    bench.restart();
    assert_eq!(bench.task("a").session, None);
}

#[test]
fn a_session_outlives_a_fault_behind_its_capture() {
    let mut bench = Bench::new(&["a"], one_agent());
    bench.opens_session("a");
    ends_captured(&mut bench, errored());
    bench.end("a", rejected(FeedbackKind::Gate));
    let third = bench.task("a");
    assert_eq!(captured(&third), (None, Some(capture(1, 0).tree)));
    assert_eq!(third.session.map(|it| (it.id, it.cut_off)), Some(("session".to_owned(), false)));
}

#[test]
fn work_whose_check_runs_out_twice_is_gone_on_with_by_an_agent() {
    let mut bench = Bench::new(&["a"], two_agents());
    ends_captured(&mut bench, stale());
    bench.end("a", stale());
    assert_eq!(captured(&bench.task("a")), (None, Some(capture(1, 0).tree)));
}

#[test]
fn an_attempt_ends_once_whatever_a_journal_says_later() {
    let mut bench = Bench::new(&["a"], one_agent());
    ends_captured(&mut bench, AttemptOutcome::Passed);
    let mut table = bench.scheduler.table().clone();
    let attempt = table.slice(&slice("a")).unwrap().attempt_ref();
    let before = table.clone();
    table.apply(&Fact::Attempt(AttemptFact::AttemptFinished { attempt, outcome: errored() }), None, START);
    assert_eq!(table, before);
}

fn retry(table: &SliceTable, fresh: bool) -> Vec<Fact> {
    retry_at_rest(table, &slice("a"), Again { fresh, hint: None }).expect("it can be retried")
}

#[test]
fn at_rest_work_that_is_checked_is_done_again_from_what_it_came_to_or_afresh() {
    let mut bench = Bench::new(&["a"], one_agent());
    ends_captured(&mut bench, AttemptOutcome::Passed);
    for (fresh, content) in [(false, Some(capture(1, 0).tree)), (true, None)] {
        let mut table = bench.scheduler.table().clone();
        let said = retry(&table, fresh);
        assert_eq!(said, [Fact::Slice(SliceFact::SliceReopened { slice: slice("a"), fresh, hint: None })]);
        said.iter().for_each(|fact| table.apply(fact, None, START));
        let mut again = Bench::new(&["a"], one_agent());
        let graph = omk::graph::task_graph::TaskGraph::of(&again.plan).unwrap();
        again.scheduler = Scheduler::new(again.charter.clone().into(), graph.into(), table);
        again.decide(|it, now| it.begin(omk::domain::goal::Drive::UntilReady, now));
        assert_eq!(captured(&again.task("a")), (None, content), "fresh: {fresh}");
    }
}

#[test]
fn at_rest_an_attempt_that_a_dead_run_left_is_closed_before_its_slice_is_reopened() {
    let mut bench = Bench::new(&["a"], one_agent());
    let attempt = bench.claimed("a");
    let outcome = AttemptOutcome::Interrupted { by: "the end of the run before".to_owned() };
    let closed = Fact::Attempt(AttemptFact::AttemptFinished { attempt, outcome });
    let reopened = Fact::Slice(SliceFact::SliceReopened { slice: slice("a"), fresh: false, hint: None });
    assert_eq!(retry(bench.scheduler.table(), false), [closed, reopened]);
}

#[test]
fn at_rest_a_slice_that_is_integrated_stays_so() {
    let mut bench = Bench::new(&["a"], one_agent());
    ends_captured(&mut bench, AttemptOutcome::Passed);
    let mut table = bench.scheduler.table().clone();
    let (id, batch) = (slice("a"), omk::domain::ids::Batch(1));
    let (merge, tree) = (commit('9'), capture(1, 0).tree);
    let attempt = table.slice(&id).unwrap().attempt;
    let landed = Fact::Merge(MergeFact::SliceIntegrated { slice: id.clone(), attempt, batch, merge, tree });
    table.apply(&landed, None, START);
    let again = || Again { fresh: true, hint: None };
    assert_eq!(retry_at_rest(&table, &id, again()), Err("slice `a` is integrated already".to_owned().into()));
    table.apply(&Fact::Slice(SliceFact::SliceReopened { slice: id.clone(), fresh: true, hint: None }), None, START);
    assert!(matches!(table.slice(&id).unwrap().stage, Stage::Integrated { .. }));
}
