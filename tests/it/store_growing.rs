//! Evidence that grows: on the disk as it comes, whole under its name or not there, and never at the cost of who speaks.

use std::fs;
use std::path::Path;
use std::time::Duration;

use omk::domain::evidence::ArtifactRef;
use omk::ports::{Artifacts, Growing};
use omk::store::artifacts::{GoalArtifacts, hash_of};
use omk::store::atomic::sweep;
use omk::store::layout::GoalDir;

use crate::process_fates::{alone, peak};
use crate::support::places::Place;

/// The files of evidence of agents, in order.
fn names(goal: &GoalDir) -> Vec<String> {
    let entries = fs::read_dir(goal.artifacts().join("agent-runs")).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn text(goal: &GoalDir, name: &str) -> String {
    fs::read_to_string(goal.artifacts().join("agent-runs").join(name)).unwrap_or_default()
}

async fn until(mut holds: impl FnMut() -> bool) {
    let comes = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), comes).await.expect("it comes to it");
}

fn named(name: &str, content: &str) -> ArtifactRef {
    ArtifactRef { path: format!("artifacts/{name}"), sha256: hash_of(content.as_bytes()), bytes: content.len() as u64 }
}

fn grow(goal: &GoalDir, ends: usize) -> Box<dyn Growing> {
    GoalArtifacts::new(goal).grow("agent-runs/one.1.log", ends)
}

#[tokio::test]
async fn evidence_is_on_the_disk_before_it_is_whole_and_then_under_its_name_alone() {
    let place = Place::new();
    let goal = place.goal(1);
    let mut growing = grow(&goal, 8);
    growing.push(b"first, ");
    until(|| text(&goal, "one.1.log.part") == "first, ").await;
    growing.push(b"second");
    until(|| text(&goal, "one.1.log.part") == "first, second").await;
    assert_eq!(names(&goal), ["one.1.log.part"]);
    growing.push(b" and last");
    let whole = "first, s\n[... 6 bytes left out ...]\nand last";
    assert_eq!(growing.finish().await, Ok(named("agent-runs/one.1.log", whole)));
    assert_eq!((names(&goal), text(&goal, "one.1.log")), (vec!["one.1.log".to_owned()], whole.to_owned()));
}

#[tokio::test]
async fn what_is_short_or_nothing_is_the_same_file_as_if_it_had_been_put() {
    for said in ["", "a word"] {
        let place = Place::new();
        let goal = place.goal(1);
        let mut growing = grow(&goal, 8);
        growing.push(said.as_bytes());
        assert_eq!(growing.finish().await, Ok(named("agent-runs/one.1.log", said)));
        assert_eq!((names(&goal), text(&goal, "one.1.log")), (vec!["one.1.log".to_owned()], said.to_owned()));
    }
}

#[tokio::test]
async fn what_a_dead_run_had_heard_is_kept_beside_and_never_taken_for_the_whole() {
    let place = Place::new();
    let goal = place.goal(1);
    let mut growing = grow(&goal, 8);
    growing.push(b"heard");
    drop(growing);
    until(|| text(&goal, "one.1.log.part") == "heard").await;
    sweep(goal.path());
    assert_eq!(names(&goal), ["one.1.log.part"]);
    // It died between the file and the end of its parts.
    for name in ["one.1.log", "one.1.log.part.000000000016", ".one.2.log.tmp", "one.10.log.part"] {
        fs::write(goal.artifacts().join("agent-runs").join(name), "").expect("a file");
    }
    sweep(goal.path());
    assert_eq!(names(&goal), ["one.1.log", "one.10.log.part"]);
}

#[tokio::test]
async fn a_part_that_somebody_else_has_changed_is_not_taken_for_evidence() {
    let place = Place::new();
    let goal = place.goal(1);
    let mut growing = grow(&goal, 8);
    growing.push(&[b'a'; 16]);
    until(|| text(&goal, "one.1.log.part").len() == 16).await;
    fs::write(goal.artifacts().join("agent-runs/one.1.log.part"), "b".repeat(16)).expect("a change");
    growing.push(b"more");
    let fault = growing.finish().await.expect_err("a refusal");
    assert!(fault.detail.contains("one.1.log.part is not what was written to it"), "{fault}");
    assert!(!names(&goal).contains(&"one.1.log".to_owned()));
}

// On a paused clock, which goes on only when nothing of the disk is under way.
#[tokio::test(start_paused = true)]
async fn a_disk_that_refuses_for_a_while_costs_nothing_and_one_that_refuses_at_the_end_is_said() {
    let place = Place::new();
    let goal = place.goal(1);
    fs::write(goal.artifacts(), "in the way").expect("a file");
    let mut growing = [grow(&goal, 8), grow(&goal, 8)];
    for growing in &mut growing {
        growing.push(b"before, ");
        tokio::time::sleep(Duration::from_secs(1)).await;
        growing.push(b"after and at the end");
    }
    let [first, second] = growing;
    let fault = first.finish().await.expect_err("a refusal");
    assert!(fault.detail.contains("Not a directory"), "{fault}");
    fs::remove_file(goal.artifacts()).expect("room");
    let whole = "before, \n[... 12 bytes left out ...]\n the end";
    assert_eq!(second.finish().await, Ok(named("agent-runs/one.1.log", whole)));
    assert_eq!(text(&goal, "one.1.log"), whole);
}

fn bytes_below(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.metadata().map(|it| it.len()).unwrap_or_default()).sum()
}

#[tokio::test]
async fn many_agents_that_say_much_do_not_grow_this_process() {
    const PIECE: usize = 96 * 1024;
    if !alone("store_growing::many_agents_that_say_much_do_not_grow_this_process") {
        return;
    }
    let place = Place::new();
    let goal = place.goal(1);
    let store = GoalArtifacts::new(&goal);
    let mut all: Vec<_> = (0..16).map(|n| store.grow(&format!("agent-runs/{n}.log"), 1 << 20)).collect();
    let (piece, before) = (vec![b'x'; PIECE], peak());
    for round in 1..=20 {
        all.iter_mut().for_each(|growing| growing.push(&piece));
        until(|| bytes_below(&goal.artifacts().join("agent-runs")) == 16 * round * PIECE as u64).await;
    }
    for growing in all {
        growing.finish().await.expect("a file");
    }
    assert!(peak() - before < 12 << 10, "it grew by {} KiB", peak() - before);
}
