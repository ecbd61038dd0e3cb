//! What must hold of every journal, whatever the agents did and wherever the program died.

use std::collections::{BTreeMap, BTreeSet};

use omk::domain::event::{Event, Fact};
use omk::domain::goal::GoalStatus;
use omk::domain::ids::{AttemptRef, Epoch, SliceId};
use omk::workflow::state::GoalState;

use super::World;

/// Checks a journal from its first record to its last.
pub(crate) fn check(world: &World) {
    let events = world.events();
    let mut integrated = BTreeSet::<SliceId>::new();
    let mut ended = BTreeSet::<Epoch>::new();
    let mut open = BTreeMap::<SliceId, AttemptRef>::new();
    for (place, event) in events.iter().enumerate() {
        assert_eq!(event.seq.0 as usize, place + 1, "records are numbered without gaps");
        match &event.fact {
            Fact::AttemptOffered { attempt, .. } => {
                let spec = world.scenario.slices.iter().find(|spec| spec.id == attempt.slice).unwrap();
                let unmet: Vec<_> = spec.after.iter().filter(|id| !integrated.contains(id)).collect();
                assert!(unmet.is_empty(), "{attempt} was offered before {unmet:?}");
                let before = open.insert(attempt.slice.clone(), attempt.clone());
                assert!(before.is_none(), "{attempt} was offered while {before:?} was open");
            }
            Fact::AttemptFinished { attempt, .. } => {
                assert!(ended.insert(attempt.epoch), "{attempt} ended twice");
                open.remove(&attempt.slice);
            }
            Fact::SliceIntegrated { slice, .. } => {
                assert!(integrated.insert(slice.clone()), "{slice} was integrated twice");
            }
            _ => {}
        }
    }
    assert!(world.most_working() <= world.scenario.max_agents as usize, "more agents at work than permits");
    ready_means_all(world, &events, &integrated);
}

fn ready_means_all(world: &World, events: &[Event], integrated: &BTreeSet<SliceId>) {
    let state = GoalState::replay(events);
    if state.goal.status != Some(GoalStatus::Ready) {
        return;
    }
    assert_eq!(integrated.len(), world.scenario.slices.len(), "ready without every slice");
    let branches = world.branches();
    let head = &branches[0].commit;
    for slice in &world.scenario.slices {
        let file = world.file(head, &format!("src/{}.txt", slice.id));
        assert!(file.is_some(), "ready, and the work of {} is not in the delivered tree", slice.id);
    }
}
