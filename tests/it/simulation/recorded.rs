//! Golden journals of faults that are hard to get from real programs. By hand, once for each new scenario:
//! `cargo test --test it simulation::recorded -- --ignored`. A journal that is there is never replaced.

use std::fs;
use std::sync::Arc;

use omk::domain::control::Stop;
use omk::domain::goal::{Drive, GoalStatus};

use super::clocks::{DAY, Move};
use super::fate::{Fate, Panic};
use super::invariants::check;
use super::tests::settle;
use super::{Act, Behaviour, Ended, Scenario, World, run, run_with};
use crate::support::golden::golden;

fn three() -> Scenario {
    Scenario::of(&[("a", &[]), ("b", &["a"]), ("c", &[])])
}

fn one(behaviours: &[Behaviour]) -> Scenario {
    Scenario::of(&[("a", &[])]).with("a", behaviours)
}

fn panics(times: u32) -> Fate {
    Fate { panic: Some(Panic { caller: "actors::scheduler", skip: 1, times }), ..Fate::default() }
}

fn ready(scenario: Scenario) -> Arc<World> {
    let world = World::new(scenario);
    assert_eq!(settle(&world, Drive::UntilReady).status, GoalStatus::Ready, "{}", world.narrative());
    world
}

fn acted(scenario: Scenario, acts: Vec<(usize, Act)>) -> Arc<World> {
    let world = World::new(scenario);
    let Ended::Settled(_) = run_with(&world, Drive::UntilReady, acts) else { panic!("nobody let it die") };
    check(&world);
    world
}

fn restarted(times: u32) -> Arc<World> {
    let world = World::new(three());
    world.plan(panics(times));
    settle(&world, Drive::UntilReady);
    world
}

fn moved() -> Arc<World> {
    let mut scenario = three().with("a", &[Behaviour::Spend(30)]);
    scenario.time_limit_ms = Some(300_000);
    scenario.moves = vec![(500, Move::Set(-DAY)), (12_000, Move::Sleep(DAY as u64)), (25_000, Move::Set(DAY))];
    ready(scenario)
}

fn late() -> Arc<World> {
    let mut scenario = three().with("a", &[Behaviour::Late, Behaviour::Succeed]);
    scenario.max_agents = 1;
    let world = acted(scenario, vec![(11, Act::Stop(Stop::Pause))]);
    settle(&world, Drive::UntilReady);
    world
}

fn quarantined() -> Arc<World> {
    let mut scenario = three().with("a", &[Behaviour::Quiet]).with("c", &[Behaviour::Hang]);
    scenario.stand_ins = vec!["cmd:other".into()];
    let world = World::new(scenario);
    settle(&world, Drive::UntilReady);
    world
}

/// Dies at some records, and is resumed each time.
fn dies() -> Arc<World> {
    let world = World::new(three().with("c", &[Behaviour::Break, Behaviour::Succeed]));
    for further in [9, 12, 20] {
        world.plan(Fate { die_after: Some(world.records() + further), ..Fate::default() });
        assert!(matches!(run(&world, Drive::UntilReady), Ended::Died));
        check(&world);
    }
    settle(&world, Drive::UntilReady);
    world
}

fn journal_fails() -> Arc<World> {
    let world = World::new(three());
    world.plan(Fate { journal_fails: Some((12, 1)), ..Fate::default() });
    settle(&world, Drive::UntilReady);
    world
}

fn seeded(seed: u64) -> Arc<World> {
    let world = World::new(Scenario::seeded(seed));
    settle(&world, Drive::UntilReady);
    world
}

fn spent() -> Arc<World> {
    let mut scenario = three().with("a", &[Behaviour::Spend(20)]);
    scenario.token_limit = Some(10_500);
    acted(scenario, vec![(25, Act::AddTokens(60_000)), (30, Act::Steer)])
}

fn asked() -> Arc<World> {
    let scenario = three().with("a", &[Behaviour::Ask, Behaviour::Succeed]).with("c", &[Behaviour::Spend(60)]);
    acted(scenario, (8..60).map(|at| (at, Act::Answer)).collect())
}

fn retried() -> Arc<World> {
    let scenario = three().with("c", &[Behaviour::Break]).with("a", &[Behaviour::Spend(90)]);
    acted(scenario, (8..90usize).map(|at| (at, if at.is_multiple_of(3) { Act::Steer } else { Act::Retry })).collect())
}

/// A journal's name, and the world in which it is written.
type Recorded = (&'static str, fn() -> Arc<World>);

#[test]
#[ignore = "writes golden journals"]
fn simulated_journals_are_written() {
    let worlds: [Recorded; 15] = [
        ("restarts", || restarted(2)),
        ("restarts_exceeded", || restarted(u32::MAX)),
        ("clock_moved", moved),
        ("late_result", late),
        ("standstill", || ready(one(&[Behaviour::Starve, Behaviour::Starve, Behaviour::Succeed]))),
        ("quarantine", quarantined),
        ("frozen", || ready(one(&[Behaviour::Frozen, Behaviour::Succeed]))),
        ("deaths", dies),
        ("journal_fails", journal_fails),
        ("clobbered", || {
            let world = World::new(three().with("a", &[Behaviour::Clobber]).with("c", &[Behaviour::Clobber]));
            settle(&world, Drive::UntilReady);
            world
        }),
        ("spent", spent),
        ("asked", asked),
        ("retried", retried),
        ("seed_5", || seeded(5)),
        ("seed_8", || seeded(8)),
    ];
    for (name, world) in worlds {
        let path = golden(&format!("journals/simulated_{name}.jsonl"));
        if !path.exists() {
            fs::write(path, world().bytes()).unwrap();
        }
    }
}
