//! When a run ends: faults of our own machinery, and stops.

use std::sync::Arc;

use omk::domain::control::Stop;
use omk::domain::decided::Decided;
use omk::domain::event::Fact;
use omk::domain::goal::{Drive, GoalStatus};
use omk::domain::settlement::Settlement;
use omk::domain::task::AcceptedPlan;
use omk::workflow::controller::{Controller, Intent};
use omk::workflow::goal_record::GoalRecord;

use crate::support::views::{charter, slice, spec};

fn begun(drive: Drive) -> Controller {
    let mut record = GoalRecord::default();
    record.apply(&Fact::GoalCreated(Box::new(charter())));
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
        Fact::GoalSettled { status, reason, .. } => Some((*status, reason.clone())),
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
    let requested = |stop| vec![Fact::StopRequested { stop, by: "test".to_owned() }];
    assert_eq!(stop(&mut controller, Stop::Pause), requested(Stop::Pause));
    assert_eq!(stop(&mut controller, Stop::Cancel), requested(Stop::Cancel));
    assert_eq!(stop(&mut controller, Stop::Pause), []);
    let ended = controller.execution_settled(Settlement::default());
    assert_eq!(settled(&ended).map(|(status, _)| status), Some(GoalStatus::Cancelled));
}
