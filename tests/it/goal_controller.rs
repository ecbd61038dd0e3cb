//! When a run ends: faults of our own machinery, and stops.

use std::sync::Arc;

use omk::domain::budget::{Account, BudgetKind};
use omk::domain::control::Stop;
use omk::domain::decided::Decided;
use omk::domain::evidence::GateOutcome;
use omk::domain::fact::{Fact, GoalFact};
use omk::domain::goal::{Drive, GoalStatus};
use omk::domain::review::{Review, Role, Subject, Verdict};
use omk::domain::settlement::Settlement;
use omk::domain::task::AcceptedPlan;
use omk::workflow::controller::{Controller, Intent, Proof};
use omk::workflow::goal_record::GoalRecord;

use crate::support::views::{charter, commit, gate, slice, spec};

fn begun(drive: Drive) -> Controller {
    begun_at(drive, None)
}

fn begun_at(drive: Drive, status: Option<GoalStatus>) -> Controller {
    let mut record = GoalRecord::default();
    record.apply(&Fact::Goal(GoalFact::GoalCreated(Box::new(charter()))));
    let (reason, next) = ("as it was".to_owned(), Vec::new());
    if let Some(status) = status {
        record.apply(&Fact::Goal(GoalFact::GoalSettled { status, reason, next }));
    }
    let plan = AcceptedPlan {
        slices: vec![spec("a", &[])],
        gates: Vec::new(),
        serialised: Vec::new(),
        source: "test".to_owned(),
    };
    record.plan = Some(Arc::new(plan));
    let mut controller = Controller::new(record, drive, None);
    controller.begin();
    controller.budget_opened();
    controller
}

fn settled(decided: &Decided<Intent>) -> Option<(GoalStatus, String)> {
    decided.facts.iter().find_map(|fact| match fact {
        Fact::Goal(GoalFact::GoalSettled { status, reason, .. }) => Some((*status, reason.clone())),
        _ => None,
    })
}

const FAULT: &str = "the gate's keeper died";

#[test]
fn a_fault_at_the_integrated_tree_waits_until_the_slices_are_at_rest() {
    let mut controller = begun(Drive::UntilReady);
    assert_eq!(controller.integration_failed(FAULT.to_owned()), Decided::default());
    assert_eq!(settled(&controller.base_measured(&[])), None);
    let at_rest = Settlement { open: vec![slice("a")], ..Settlement::default() };
    let ended = controller.execution_settled(at_rest);
    assert_eq!(settled(&ended), Some((GoalStatus::FailedInfra, FAULT.to_owned())));
}

#[test]
fn a_fault_with_nothing_at_work_ends_the_run() {
    for drive in [Drive::Scaffold, Drive::Verify, Drive::Review] {
        let mut controller = begun(drive);
        controller.adopt(Settlement::default());
        let ended = controller.integration_failed(FAULT.to_owned());
        assert_eq!(settled(&ended), Some((GoalStatus::FailedInfra, FAULT.to_owned())), "{drive:?}");
    }
}

#[test]
fn a_pause_behind_a_cancel_changes_nothing_and_a_cancel_behind_a_pause_does() {
    let mut controller = begun(Drive::UntilReady);
    let stop = |controller: &mut Controller, stop| controller.stop(stop, "test".to_owned()).facts;
    let requested = |stop| vec![Fact::Goal(GoalFact::StopRequested { stop, by: "test".to_owned() })];
    assert_eq!(stop(&mut controller, Stop::Pause), requested(Stop::Pause));
    assert_eq!(stop(&mut controller, Stop::Cancel), requested(Stop::Cancel));
    assert_eq!(stop(&mut controller, Stop::Pause), []);
    let ended = controller.execution_settled(Settlement::default());
    assert_eq!(settled(&ended).map(|(status, _)| status), Some(GoalStatus::Cancelled));
}

/// A look at a `ready` goal whose deciding gate ended so, and whose code reviewer says so, up to its end.
fn looked_at(drive: Drive, outcome: GateOutcome, code: Verdict) -> (Controller, Decided<Intent>) {
    let mut controller = begun_at(drive, Some(GoalStatus::Ready));
    controller.adopt(Settlement { integrated: vec![slice("a")], ..Settlement::default() });
    let result = gate("test", outcome);
    let tree = result.tree.clone();
    controller.base_measured(&[]);
    controller.tip_proven(Proof { tip: commit('5'), tree: tree.clone(), slices: Vec::new(), results: vec![result] });
    let mut last = Decided::default();
    for role in Role::ALL {
        let verdict = if role == Role::Code { code } else { Verdict::Passed };
        let review = Review { role, verdict, summary: "seen".to_owned(), findings: Vec::new() };
        last = controller.reviewed(&Subject::Goal { tree: tree.clone() }, Ok(review));
    }
    (controller, last)
}

/// The status in which a run came back, where it recorded none.
fn unrecorded(decided: &Decided<Intent>) -> Option<GoalStatus> {
    match (decided.facts.as_slice(), decided.intents.as_slice()) {
        ([], [Intent::Over(ruling)]) => Some(ruling.status),
        _ => None,
    }
}

#[test]
fn a_look_at_a_ready_goal_without_a_verdict_records_nothing() {
    let unstartable = GateOutcome::Unstartable { detail: "no sh".to_owned() };
    let (_, ended) = looked_at(Drive::Verify, unstartable, Verdict::Passed);
    assert_eq!(unrecorded(&ended), Some(GoalStatus::BlockedOnExternal));

    let (mut controller, ended) = looked_at(Drive::Verify, GateOutcome::Red { exit: 1 }, Verdict::Passed);
    assert_eq!((ended.facts, ended.intents), (vec![], vec![Intent::LookForMerge { tip: commit('5') }]));
    let ended = controller.merge_looked_for(Err("the repository is gone".to_owned()));
    assert_eq!(unrecorded(&ended), Some(GoalStatus::FailedInfra));

    for drive in [Drive::Verify, Drive::Review] {
        let mut controller = begun_at(drive, Some(GoalStatus::Ready));
        assert_eq!(unrecorded(&controller.integration_failed(FAULT.to_owned())), Some(GoalStatus::FailedInfra));
    }
}

#[test]
fn a_red_look_at_a_ready_goal_waits_for_what_the_repository_says() {
    for (merged, status) in [(false, GoalStatus::NotReady), (true, GoalStatus::Ready)] {
        let (mut controller, _) = looked_at(Drive::Verify, GateOutcome::TimedOut, Verdict::Passed);
        let ended = controller.merge_looked_for(Ok(merged));
        assert_eq!(settled(&ended).map(|(status, _)| status), Some(status));
        assert_eq!(controller.merge_looked_for(Ok(merged)), Decided::default(), "once");
    }
    let (mut controller, _) = looked_at(Drive::Verify, GateOutcome::TimedOut, Verdict::Passed);
    controller.stop(Stop::Pause, "test".to_owned());
    assert_eq!(unrecorded(&controller.merge_looked_for(Ok(false))), Some(GoalStatus::Paused));
}

#[test]
fn a_review_that_blocks_a_ready_goal_is_said_and_ends_nothing() {
    for drive in [Drive::Verify, Drive::Review] {
        let (_, ended) = looked_at(drive, GateOutcome::Green, Verdict::Blocked);
        let said = "ready as before; a later review blocks: code".to_owned();
        assert_eq!(settled(&ended), Some((GoalStatus::Ready, said)), "{drive:?}");
    }
    let (_, ended) = looked_at(Drive::Review, GateOutcome::Red { exit: 1 }, Verdict::Passed);
    assert_eq!(settled(&ended), Some((GoalStatus::Ready, "as it was".to_owned())), "a review judges no gates");
}

#[test]
fn a_budget_that_is_used_up_stops_no_look_at_a_ready_goal() {
    let mut controller = begun_at(Drive::Verify, Some(GoalStatus::Ready));
    assert_eq!(controller.exhausted(BudgetKind::Time, Account::Goal), Decided::default());
    let mut controller = begun_at(Drive::Verify, Some(GoalStatus::Paused));
    assert_eq!(controller.exhausted(BudgetKind::Time, Account::Goal).intents, [Intent::Halt("budget".to_owned())]);
}
