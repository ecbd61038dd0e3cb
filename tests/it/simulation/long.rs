//! A goal of a thousand slices over eight simulated hours: what it costs in memory and records.

use std::collections::BTreeMap;

use omk::domain::access::PathPattern;
use omk::domain::goal::{Drive, GoalStatus};

use super::clocks::START;
use super::scenario::slice;
use super::{Behaviour, Ended, Scenario, World, run};

const SLICES: usize = 1_000;
/// Chains of so many slices, each after the one before it.
const CHAIN: usize = 20;
const AGENTS: u32 = 8;

/// A line of `/proc/self/status`, in KiB.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn scenario() -> Scenario {
    let ids: Vec<_> = (0..SLICES).map(|at| format!("s{at}")).collect();
    let after = |at: usize| if at.is_multiple_of(CHAIN) { Vec::new() } else { vec![ids[at - 1].as_str()] };
    let mut slices: Vec<_> = (0..SLICES).map(|at| slice(&ids[at], &after(at))).collect();
    for (at, slice) in slices.iter_mut().enumerate() {
        // One file for each chain: trees stay small, and with them the repository in memory.
        slice.access.writes = vec![PathPattern::parse(&format!("src/{}.txt", at / CHAIN)).unwrap()];
    }
    // Turns of a second each: eight agents need a bit over eight hours for all of them.
    let behaviours: BTreeMap<_, _> =
        slices.iter().map(|slice| (slice.id.clone(), vec![Behaviour::Spend(225)])).collect();
    Scenario { slices, behaviours, max_agents: AGENTS, ..Scenario::of(&[]) }
}

/// By hand: `cargo test --release --test it simulation::long -- --ignored --nocapture`.
#[test]
#[ignore = "takes minutes; prints figures and proves nothing but that it ends"]
fn a_thousand_slices_over_eight_hours() {
    let world = World::new(scenario());
    // The journal is on a disk: here it is not kept at all, or it would be what is measured.
    world.lock().forgotten = Some(0);
    let (before, began) = (memory("VmRSS"), std::time::Instant::now());
    let Ended::Settled(over) = run(&world, Drive::UntilReady) else { panic!("nobody let it die") };
    let peak = memory("VmHWM");
    assert_eq!(over.status, GoalStatus::Ready, "{over:?}");
    let hours = (world.now().0 - START) as f64 / 3_600_000.0;
    let repository = world.lock().repository.bytes() / 1024;
    println!("simulated hours: {hours:.1}; took {:.1} s; records: {}", began.elapsed().as_secs_f64(), world.records());
    println!(
        "memory: {before} KiB before, {peak} KiB at most, of that the repository in memory about {repository} KiB"
    );
}
