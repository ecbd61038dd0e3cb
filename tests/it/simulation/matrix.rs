//! The matrix of exits: {exit 0, exit 1, signal, panic, hang} × {within, over the intensity}, for the programs of
//! workers and for actors.

use std::collections::BTreeMap;
use std::sync::Arc;

use omk::domain::event::ActorName;
use omk::domain::fact::{AttemptFact, Fact, MergeFact, SliceFact, SupervisionFact};
use omk::domain::goal::{Drive, GoalStatus};
use omk::messages::lifecycle::{Child, ChildExited, Defect, Exit, RunOver};

use super::fate::{Doom, Fate, Panic, Point};
use super::invariants::check;
use super::tests::{count, settle};
use super::{Act, Behaviour, Ended, Scenario, World, run, run_with};

/// Attempts that fail before a slice is given up: the first and two retries.
const FAILURES: usize = 3;
/// Attempts that a clock ends before a slice is kept from its agent.
const STALE: usize = 2;
/// Standstills of `omk` in a row that count against nobody.
const STANDSTILLS: usize = 3;
/// Restarts within the period before the run ends.
const INTENSITY: u32 = 3;

const COORDINATORS: [ActorName; 5] =
    [ActorName::Controller, ActorName::Planner, ActorName::Scheduler, ActorName::Integrator, ActorName::Budget];

fn restarts(world: &World) -> usize {
    count(world, |fact| matches!(fact, Fact::Supervision(SupervisionFact::ActorRestarted { .. })))
}

fn integrations(world: &World) -> usize {
    count(world, |fact| matches!(fact, Fact::Merge(MergeFact::SliceIntegrated { .. })))
}

/// What a worker's program may come to short of success, by the row of the matrix; how often in all.
const PROGRAMS: [(&str, Behaviour, usize); 6] = [
    ("exit 1", Behaviour::Fail, FAILURES),
    ("signal", Behaviour::Crash, FAILURES),
    ("stopped", Behaviour::Frozen, STALE),
    ("hang", Behaviour::Quiet, STALE),
    ("hang, busy", Behaviour::Hang, STALE),
    ("omk stands still", Behaviour::Starve, STANDSTILLS + STALE),
];

fn offers(world: &World, slice: &str) -> usize {
    count(
        world,
        |fact| matches!(fact, Fact::Attempt(AttemptFact::AttemptOffered { attempt, .. }) if attempt.slice.as_str() == slice),
    )
}

#[test]
fn a_program_that_ends_badly_within_the_retries_is_tried_again() {
    for (row, behaviour, most) in PROGRAMS {
        let mut behaviours = vec![behaviour; most - 1];
        behaviours.push(Behaviour::Succeed);
        let world = World::new(Scenario::of(&[("a", &[]), ("b", &["a"])]).with("a", &behaviours));
        let over = settle(&world, Drive::UntilReady);
        assert_eq!(over.status, GoalStatus::Ready, "{row}: {over:?}");
        assert_eq!((integrations(&world), offers(&world, "a"), restarts(&world)), (2, most, 0), "{row}");
    }
}

#[test]
fn a_program_that_ends_badly_beyond_the_retries_costs_its_slice_and_what_needs_it_and_nothing_else() {
    for (row, behaviour, most) in PROGRAMS {
        let scenario = Scenario::of(&[("a", &[]), ("b", &["a"]), ("c", &[])]).with("a", &[behaviour]);
        let world = World::new(scenario);
        let over = settle(&world, Drive::UntilReady);
        assert_eq!(over.status, GoalStatus::NotReady, "{row}: {over:?}");
        assert!(over.reason.contains("slice `a` was given up"), "{row}: {}", over.reason);
        assert_eq!((offers(&world, "a"), offers(&world, "b"), integrations(&world)), (most, 0, 1), "{row}");
        let quarantined =
            count(&world, |fact| matches!(fact, Fact::Supervision(SupervisionFact::WorkerQuarantined(_))));
        assert_eq!(quarantined, usize::from(most != FAILURES), "{row}");
    }
}

#[test]
fn a_slice_that_is_kept_from_its_agent_goes_to_the_one_that_stands_in() {
    let behaviours = [Behaviour::Quiet, Behaviour::Frozen, Behaviour::Succeed];
    let mut scenario = Scenario::of(&[("a", &[]), ("b", &["a"])]).with("a", &behaviours);
    scenario.stand_ins = vec!["cmd:other".to_owned()];
    let world = World::new(scenario);
    assert_eq!(settle(&world, Drive::UntilReady).status, GoalStatus::Ready);
    let agents = world.events().into_iter().filter_map(|event| match event.fact {
        Fact::Attempt(AttemptFact::AttemptOffered { attempt, agent, .. }) if attempt.slice.as_str() == "a" => {
            Some(agent)
        }
        _ => None,
    });
    assert_eq!(agents.collect::<Vec<_>>(), ["cmd:sim", "cmd:sim", "cmd:other"]);
}

/// A life in which calls of one actor panic.
fn panicking(caller: &'static str, skip: u32, times: u32) -> Fate {
    Fate { panic: Some(Panic { caller, skip, times }), ..Fate::default() }
}

fn lone() -> Arc<World> {
    World::new(Scenario::of(&[("a", &[]), ("b", &["a"]), ("c", &[])]))
}

#[test]
fn a_worker_that_panics_within_the_retries_is_another_attempt() {
    let world = lone();
    world.plan(panicking("actors::worker", 0, 2));
    assert_eq!(settle(&world, Drive::UntilReady).status, GoalStatus::Ready);
    assert_eq!(count(&world, |fact| matches!(fact, Fact::Attempt(AttemptFact::AttemptOffered { .. }))), 5);
    assert_eq!(integrations(&world), 3);
}

#[test]
fn workers_that_panic_for_ever_end_the_run_and_cost_no_slice() {
    let world = lone();
    world.plan(panicking("actors::worker", 0, u32::MAX));
    let over = settle(&world, Drive::UntilReady);
    assert!(over.reason.contains("its worker panicked"), "{}", over.reason);
    assert_eq!((over.status, integrations(&world)), (GoalStatus::FailedInfra, 0));
    assert_eq!(count(&world, |fact| matches!(fact, Fact::Slice(SliceFact::SliceGivenUp { .. }))), 0);
}

/// The coordinators that call a port, and so can be made to panic in a call of it.
const CALLERS: [(&str, ActorName); 4] = [
    ("actors::controller", ActorName::Controller),
    ("actors::scheduler", ActorName::Scheduler),
    ("actors::integrator", ActorName::Integrator),
    ("actors::budget", ActorName::Budget),
];

#[test]
fn a_coordinator_that_panics_within_the_intensity_is_reported_and_rebuilt() {
    for (caller, child) in CALLERS {
        for skip in [0, 1, 2, 5] {
            let world = lone();
            world.plan(panicking(caller, skip, 2));
            let over = settle(&world, Drive::UntilReady);
            assert_eq!(over.status, GoalStatus::Ready, "{child} after {skip} calls: {over:?}\n{}", world.narrative());
            let reported = |fact: &Fact| matches!(fact, Fact::Supervision(SupervisionFact::ActorRestarted { child: c, cause }) if *c == child && cause == "it panicked");
            assert_eq!(count(&world, reported), restarts(&world), "{child}");
            assert!(skip > 0 || restarts(&world) == 2, "{child}: {} restarts", restarts(&world));
            assert_eq!(integrations(&world), 3, "{child}");
        }
    }
}

fn is_escalated(world: &World, over: &RunOver, child: ActorName) {
    assert_eq!(over.status, GoalStatus::FailedInfra, "{child}: {over:?}\n{}", world.narrative());
    assert!(over.reason.starts_with(&format!("actor {child} ended too often: ")), "{child}: {}", over.reason);
    assert_eq!(over.next, ["omk goal resume sim-00000000"], "{child}");
    assert_eq!(restarts(world), INTENSITY as usize, "{child}");
    assert_eq!(
        count(
            world,
            |fact| matches!(fact, Fact::Supervision(SupervisionFact::RestartsExceeded { child: c, .. }) if *c == child)
        ),
        1
    );
}

/// Later, and with nothing in the way, the goal goes on.
fn goes_on(world: &Arc<World>, what: &str) {
    world.lock().clocks.rest(120_000);
    let over = settle(world, Drive::UntilReady);
    assert_eq!(over.status, GoalStatus::Ready, "{what}: {over:?}\n{}", world.narrative());
    assert_eq!(integrations(world), 3, "{what}");
}

#[test]
fn a_coordinator_that_panics_beyond_the_intensity_ends_the_run_and_the_goal_can_be_resumed() {
    for (caller, child) in CALLERS {
        let world = lone();
        world.plan(panicking(caller, 0, u32::MAX));
        let over = settle(&world, Drive::UntilReady);
        is_escalated(&world, &over, child);
        goes_on(&world, &child.to_string());
    }
}

/// What an exit guard, or the actor itself, says of an end.
fn ended(child: ActorName, how: &str, generation: u32) -> Act {
    let exited = |exit| ChildExited { child: Child::Coordinator(child), generation, exit };
    match how {
        "exit 0" => Act::Exit(exited(Exit::Normal)),
        "exit 1" => Act::Defect(Defect { actor: child, detail: "it says so".into() }),
        _ => Act::Exit(exited(Exit::Panic)),
    }
}

#[test]
fn any_coordinator_may_end_in_any_way_within_the_intensity_at_any_record() {
    let undisturbed = lone();
    settle(&undisturbed, Drive::UntilReady);
    for child in COORDINATORS {
        for how in ["exit 0", "exit 1", "panic"] {
            for at in (2..undisturbed.records()).step_by(5) {
                let world = lone();
                let acts = vec![(at, ended(child, how, 0)), (at + 3, ended(child, how, 1))];
                let Ended::Settled(over) = run_with(&world, Drive::UntilReady, acts) else { panic!("died") };
                check(&world);
                let what = format!("{child}, {how} at {at}");
                assert_eq!(over.status, GoalStatus::Ready, "{what}: {over:?}\n{}", world.narrative());
                assert_eq!(integrations(&world), 3, "{what}");
            }
        }
    }
}

#[test]
fn any_coordinator_that_ends_in_any_way_beyond_the_intensity_ends_the_run() {
    for child in COORDINATORS {
        for how in ["exit 0", "exit 1", "panic"] {
            let world = lone();
            let acts = (0..=INTENSITY).map(|generation| (4 + 12 * generation as usize, ended(child, how, generation)));
            let Ended::Settled(over) = run_with(&world, Drive::UntilReady, acts.collect()) else { panic!("died") };
            check(&world);
            is_escalated(&world, &over, child);
            goes_on(&world, &format!("{child}, {how}"));
        }
    }
}

#[test]
fn restarts_are_counted_across_a_death_of_the_program() {
    let world = lone();
    for _ in 0..INTENSITY {
        let mut fate = panicking("actors::scheduler", 0, 1);
        fate.die_after = None;
        world.plan(fate);
        // Dies as soon as the restart is durable.
        let before = restarts(&world);
        let records = (1..60).find(|further| {
            let tried = World::without_journal(world.scenario.clone());
            tried.write_again(&world.events());
            tried.plan(Fate { die_after: Some(world.records() + further), ..panicking("actors::scheduler", 0, 1) });
            assert!(matches!(run(&tried, Drive::UntilReady), Ended::Died));
            restarts(&tried) > before
        });
        let records = world.records() + records.expect("a restart within sixty records");
        world.plan(Fate { die_after: Some(records), ..panicking("actors::scheduler", 0, 1) });
        assert!(matches!(run(&world, Drive::UntilReady), Ended::Died));
        check(&world);
        assert_eq!(restarts(&world), before + 1);
    }
    world.plan(panicking("actors::scheduler", 0, 1));
    let over = settle(&world, Drive::UntilReady);
    is_escalated(&world, &over, ActorName::Scheduler);
    goes_on(&world, "after the deaths");
}

#[test]
fn a_journal_actor_that_panics_ends_the_run_at_once_and_the_goal_can_be_resumed() {
    for skip in [0, 1, 4, 9, 30] {
        let world = lone();
        world.plan(panicking("actors::journal", skip, 1));
        let over = settle(&world, Drive::UntilReady);
        assert_eq!(over.status, GoalStatus::FailedInfra, "after {skip} calls: {over:?}");
        assert_eq!(over.reason, "the journal's actor panicked", "after {skip} calls");
        goes_on(&world, "after the journal's panic");
    }
}

#[test]
fn a_reviewer_that_panics_within_the_intensity_is_begun_anew() {
    for skip in [0, 3, 20] {
        let world = lone();
        world.plan(panicking("actors::reviewer", skip, 2));
        let over = settle(&world, Drive::UntilReady);
        assert_eq!(over.status, GoalStatus::Ready, "after {skip} calls: {over:?}");
        let reviewer = |child: ActorName| matches!(child, ActorName::Reviewer(_));
        let reported = |fact: &Fact| matches!(fact, Fact::Supervision(SupervisionFact::ActorRestarted { child, .. }) if reviewer(*child));
        assert!(count(&world, reported) > 0, "after {skip} calls");
        assert_eq!(integrations(&world), 3, "after {skip} calls");
    }
}

#[test]
fn a_reviewer_that_panics_beyond_the_intensity_ends_the_run_and_the_goal_can_be_resumed() {
    let world = lone();
    world.plan(panicking("actors::reviewer", 0, u32::MAX));
    let over = settle(&world, Drive::UntilReady);
    assert_eq!(over.status, GoalStatus::FailedInfra, "{over:?}");
    assert!(over.reason.starts_with("actor reviewer."), "{}", over.reason);
    assert_eq!(restarts(&world), INTENSITY as usize);
    goes_on(&world, "after the reviewers' panics");
}

#[test]
fn a_program_killed_by_a_signal_at_the_same_place_time_and_again_still_converges() {
    for point in [Point::Dispatch, Point::During, Point::Success] {
        let world = lone();
        for _ in 0..5 {
            world.plan(Fate { dooms: BTreeMap::from([(0, Doom::Die(point))]), ..Fate::default() });
            assert!(matches!(run(&world, Drive::UntilReady), Ended::Died));
            check(&world);
        }
        goes_on(&world, &format!("{point:?}"));
    }
}
