//! What the scheduler hears of others: its slices are what the journal folds to, however an attempt ends.

use omk::domain::budget::{Spender, Usage};
use omk::domain::fact::{AttemptFact, BudgetFact, Fact};
use omk::domain::task::{Assignment, AttemptOutcome};
use omk::workflow::scheduler::Scheduler;
use omk::workflow::worker::Worker;

use super::{Bench, LEASE, one_agent};
use crate::support::views::{capture, slice};

/// The lease of the attempt under way runs out, then its worker is gone.
fn lease_runs_out(bench: &mut Bench, id: &str) {
    let attempt = bench.claimed(id);
    bench.now.steady = bench.now.steady.plus(LEASE);
    bench.tick();
    bench.decide(|it, now| it.worker_gone(&attempt, None, now));
}

fn panics(bench: &mut Bench, id: &str) {
    let attempt = bench.claimed(id);
    bench.decide(|it, now| it.worker_gone(&attempt, Some("its worker panicked"), now));
}

#[test]
fn a_session_is_gone_on_with_whether_its_lease_ran_out_or_its_worker_panicked() {
    for end in [lease_runs_out, panics] {
        let mut bench = Bench::new(&["a"], one_agent());
        bench.opens_session("a");
        end(&mut bench, "a");
        assert_eq!(*bench.scheduler.table(), bench.folded());
        let session = bench.task("a").session.map(|it| (it.id, it.worktree, it.cut_off));
        assert_eq!(session, Some(("session".to_owned(), "worktrees/a.1".into(), true)));
    }
}

#[test]
fn captured_work_is_taken_up_whether_its_lease_ran_out_or_its_worker_panicked() {
    for end in [lease_runs_out, panics] {
        let mut bench = Bench::new(&["a"], one_agent());
        let attempt = bench.opens_session("a");
        bench.hear(&attempt, Fact::Attempt(AttemptFact::SliceCaptured { capture: capture(1, 0) }));
        end(&mut bench, "a");
        assert_eq!(*bench.scheduler.table(), bench.folded());
        assert_eq!(bench.task("a").captured, Some(capture(1, 0)));
    }
}

#[test]
fn what_a_session_has_used_comes_with_the_next_task() {
    let mut bench = Bench::new(&["a"], one_agent());
    let attempt = bench.opens_session("a");
    let usage = Usage { input_tokens: 30, output_tokens: 4, ..Usage::default() };
    let (id, role, model) = (slice("a"), Spender::Executor, None);
    bench.hear(&attempt, Fact::Budget(BudgetFact::UsageRecorded { slice: id, usage, role, model }));
    lease_runs_out(&mut bench, "a");
    assert_eq!(bench.task("a").session.map(|it| it.used), Some(usage));
}

#[test]
fn what_is_heard_after_the_end_changes_nothing() {
    let mut bench = Bench::new(&["a"], one_agent());
    let attempt = bench.end("a", AttemptOutcome::Interrupted { by: "a pause".to_owned() });
    let before = bench.scheduler.table().clone();
    bench.hear(&attempt, Fact::Attempt(AttemptFact::WorktreePrepared { path: "worktrees/a.1".into() }));
    bench.hear(&attempt, Fact::Attempt(AttemptFact::SessionOpened { id: "session".to_owned() }));
    bench.hear(&attempt, Fact::Attempt(AttemptFact::SliceCaptured { capture: capture(1, 0) }));
    assert_eq!(*bench.scheduler.table(), before);
    bench.decide(Scheduler::go_on);
}

#[test]
fn an_end_that_comes_too_late_leaves_the_worktree_to_whoever_goes_on_with_the_session() {
    let mut bench = Bench::new(&["a"], one_agent());
    let task = Assignment { captured: Some(capture(1, 0)), ..bench.task("a") };
    let mut worker = Worker::new(task, &bench.charter, &[]);
    let stopped = AttemptOutcome::Interrupted { by: "a stop of the run".to_owned() };
    assert_eq!((worker.leaves_worktree(&stopped), worker.leaves_worktree_late()), (false, false));
    worker.session_opened();
    assert_eq!((worker.leaves_worktree(&stopped), worker.leaves_worktree_late()), (false, true));
}
