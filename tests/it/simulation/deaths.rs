//! Deaths of the program: at every record, twice, at five points of every effect, with a journal that fails; each
//! time the next run ends where an undisturbed one does.

use std::collections::BTreeMap;
use std::sync::Arc;

use omk::domain::fact::{Fact, MergeFact};
use omk::domain::goal::{Drive, GoalStatus};

use super::fate::{Doom, Fate, Point};
use super::invariants::check;
use super::repository::Tree;
use super::tests::{count, settle};
use super::{Behaviour, Ended, Scenario, World, run};

fn scenario() -> Scenario {
    Scenario::of(&[("a", &[]), ("b", &["a"]), ("c", &[]), ("d", &[])])
        .with("c", &[Behaviour::Break, Behaviour::Succeed])
        .with("d", &[Behaviour::Share])
        .with("b", &[Behaviour::Share])
}

/// What every disturbed run has to come to.
struct Wanted {
    tree: Tree,
    records: usize,
    /// By number: kind, and records when it was asked for.
    calls: Vec<(&'static str, usize)>,
    appends: usize,
}

fn undisturbed() -> Wanted {
    let world = World::new(scenario());
    assert_eq!(settle(&world, Drive::UntilReady).status, GoalStatus::Ready);
    let state = world.lock();
    let (calls, appends) = (state.fate.calls.clone(), state.fate.appends);
    drop(state);
    Wanted { tree: delivered(&world), records: world.records(), calls, appends }
}

fn delivered(world: &World) -> Tree {
    world.tree(&world.branches()[0].commit)
}

fn dies(world: &Arc<World>, fate: Fate, what: &str) {
    world.plan(fate);
    let ended = run(world, Drive::UntilReady);
    assert!(matches!(ended, Ended::Died), "alive {what}: {ended:?}");
    check(world);
}

/// The next run, undisturbed, comes to the same end as one that was never disturbed.
fn converges(world: &Arc<World>, wanted: &Wanted, what: &str) {
    let over = settle(world, Drive::UntilReady);
    assert_eq!(over.status, GoalStatus::Ready, "{what}: {}\n{}", over.reason, world.narrative());
    assert_eq!(delivered(world), wanted.tree, "{what}");
    assert_eq!(count(world, |fact| matches!(fact, Fact::Merge(MergeFact::SliceIntegrated { .. }))), 4, "{what}");
    assert_eq!(world.branches().len(), 5, "{what}");
}

#[test]
fn a_death_after_any_record_can_be_resumed_to_the_same_tree() {
    let wanted = undisturbed();
    for records in 1..wanted.records {
        let world = World::new(scenario());
        dies(&world, Fate { die_after: Some(records), ..Fate::default() }, &format!("after record {records}"));
        converges(&world, &wanted, &format!("died after record {records}"));
    }
}

#[test]
fn a_second_death_soon_after_any_first_one_can_be_resumed_to_the_same_tree() {
    let wanted = undisturbed();
    for records in 1..wanted.records {
        for further in [2, 9] {
            let world = World::new(scenario());
            let what = format!("after record {records} and {further} more");
            dies(&world, Fate { die_after: Some(records), ..Fate::default() }, &what);
            world.plan(Fate { die_after: Some(world.records() + further), ..Fate::default() });
            if let Ended::Settled(over) = run(&world, Drive::UntilReady) {
                assert_eq!(over.status, GoalStatus::Ready, "{what}");
                continue;
            }
            check(&world);
            converges(&world, &wanted, &format!("died {what}"));
        }
    }
}

/// How to die at a point of the `number`th effect.
fn death(wanted: &Wanted, number: usize, point: Point) -> Fate {
    match point {
        Point::BeforeCommit => {
            let records = wanted.calls[number].1.saturating_sub(1).max(1);
            Fate { die_after: Some(records), ..Fate::default() }
        }
        Point::Dispatch | Point::During | Point::Success | Point::After => {
            Fate { dooms: BTreeMap::from([(number, Doom::Die(point))]), ..Fate::default() }
        }
    }
}

#[test]
fn a_death_at_any_of_five_points_of_any_effect_can_be_resumed_to_the_same_tree() {
    let wanted = undisturbed();
    for (number, (kind, _)) in wanted.calls.iter().enumerate() {
        for point in Point::ALL {
            let world = World::new(scenario());
            let what = format!("{point:?} of effect {number} ({kind})");
            world.plan(death(&wanted, number, point));
            match run(&world, Drive::UntilReady) {
                Ended::Died => {
                    check(&world);
                    converges(&world, &wanted, &format!("died {what}"));
                }
                // The last effects of a run are followed by no record.
                Ended::Settled(over) => {
                    assert_eq!((over.status, point), (GoalStatus::Ready, Point::After), "{what}");
                }
            }
        }
    }
}

#[test]
fn a_journal_that_fails_ends_the_run_at_once_and_the_goal_can_be_resumed() {
    let wanted = undisturbed();
    for number in 0..wanted.appends {
        for written in [0, 2] {
            let world = World::new(scenario());
            let what = format!("append {number} failed with {written} records written");
            world.plan(Fate { journal_fails: Some((number, written)), ..Fate::default() });
            let over = settle(&world, Drive::UntilReady);
            assert_eq!(over.status, GoalStatus::FailedInfra, "{what}: {over:?}");
            assert_eq!(over.reason, "the journal events.jsonl failed: planned", "{what}");
            assert_eq!(over.next, ["omk goal resume sim-00000000"], "{what}");
            assert_eq!(world.lock().fate.appends, number + 1, "{what}: nothing is tried after a failure");
            if world.folded().goal.status != Some(GoalStatus::Ready) {
                converges(&world, &wanted, &what);
            }
        }
    }
}

#[test]
fn an_effect_that_fails_once_is_a_failed_attempt_or_a_stop_that_can_be_resumed() {
    let wanted = undisturbed();
    for (number, (kind, _)) in wanted.calls.iter().enumerate() {
        let world = World::new(scenario());
        let what = format!("effect {number} ({kind}) failed");
        world.plan(Fate { dooms: BTreeMap::from([(number, Doom::Fail)]), ..Fate::default() });
        let over = settle(&world, Drive::UntilReady);
        match over.status {
            GoalStatus::Ready => assert_eq!(delivered(&world), wanted.tree, "{what}"),
            // A gate that fails once is run again, on whatever tree.
            GoalStatus::FailedInfra | GoalStatus::NotReady if *kind != "gate" => converges(&world, &wanted, &what),
            _ => panic!("{what}: {over:?}"),
        }
    }
}
