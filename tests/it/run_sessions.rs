//! Agents that keep sessions: an attempt that was cut off goes on where it stood, in the same session and worktree.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::acp_goal::{Bench, shell};
use crate::support::git_repo::write_executable;
use crate::support::scene::{GATE, Scene, Session, slice};

/// A plan of one slice without a `run`.
const ONE: &str = "[[slices]]\nid = \"one\"\ntitle = \"The one\"\nwrites = [\"one.txt\"]\nretries = 3\n";

/// Says its session, writes half of its work, and does what it is told for its first attempt; the second finds it.
fn agent(scene: &Scene, first: &str) -> String {
    let marks = scene.place.path("marks");
    let script = format!(
        "#!/bin/sh\nM={}\ncat > $M/task.$OMK_ATTEMPT\npwd > $M/place.$OMK_ATTEMPT\n\
         echo '{{\"type\":\"session\",\"id\":\"s-1\"}}'\n\
         if [ ! -e $M/began ]; then touch $M/began; echo half > one.txt; {first}; fi\n\
         cat one.txt > $M/found 2>&1; echo whole > one.txt\n",
        marks.display()
    );
    write_executable(&scene.place.path("."), "agent.sh", &script);
    format!("cmd:{}", scene.place.path("agent.sh").display())
}

fn read(scene: &Scene, mark: &str) -> String {
    std::fs::read_to_string(scene.mark(mark)).unwrap()
}

/// The session that the attempt's task names, and what the worktree is said to hold.
fn task(scene: &Scene, attempt: u32) -> (Value, Value) {
    let task: Value = serde_json::from_str(&read(scene, &format!("task.{attempt}"))).unwrap();
    (task["session"].clone(), task["workspace"].clone())
}

fn cut_off() -> (Value, Value) {
    (json!({"id": "s-1", "cut_off": true}), json!("continued"))
}

fn begins(scene: &Scene, first: &str) -> Session {
    let agent = agent(scene, first);
    scene.start_plan(&format!("{ONE}{GATE}"), &["--agent", &agent])
}

/// Waits until an agent that waits for a mark has begun, and its session is on record.
fn begun(scene: &Scene) {
    scene.see("on");
    scene.see_record("session_opened");
}

/// `omk` is killed while the agent waits.
fn omk_dies_at_work(scene: &Scene) {
    let mut session = begins(scene, &scene.wait_for("on", "never"));
    begun(scene);
    session.signal(Signal::KILL);
    session.end();
}

fn assert_went_on(scene: &Scene, found: &str) {
    assert_eq!((task(scene, 1).0, task(scene, 2)), (Value::Null, cut_off()));
    assert_eq!(read(scene, "place.1"), read(scene, "place.2"));
    assert_eq!(read(scene, "found"), found);
    assert_eq!(scene.integrated("one.txt"), "whole");
    let ids: Vec<_> = scene.records_of("session_opened").iter().map(|opened| opened["id"].clone()).collect();
    assert_eq!(ids, ["s-1", "s-1"]);
    let left: Vec<_> = std::fs::read_dir(scene.goal().join("worktrees")).unwrap().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn an_agent_that_is_killed_goes_on_in_its_session_and_worktree() {
    let scene = Scene::new();
    let mut session = begins(&scene, "kill -KILL $$");
    assert_eq!(session.code(), Some(0), "{}", session.stderr());
    assert_went_on(&scene, "half\n");
}

#[test]
fn after_the_death_of_omk_an_agent_goes_on_in_its_session_and_worktree() {
    let scene = Scene::new();
    omk_dies_at_work(&scene);
    let resumed = scene.omk(&["goal", "resume"]);
    assert_eq!(resumed.code(), Some(0), "{}", resumed.stderr());
    assert!(!resumed.stderr().contains("worktrees/one.1"), "{}", resumed.stderr());
    assert_went_on(&scene, "half\n");
}

#[test]
fn after_a_pause_an_agent_goes_on_in_its_session_and_worktree() {
    let scene = Scene::new();
    let wait = scene.wait_for("on", "never");
    let mut session = begins(&scene, &wait);
    begun(&scene);
    let paused = scene.omk(&["goal", "pause"]);
    assert_eq!(paused.code(), Some(0), "{}", paused.stderr());
    session.end();
    let resumed = scene.omk(&["goal", "resume"]);
    assert_eq!(resumed.code(), Some(0), "{}", resumed.stderr());
    assert_went_on(&scene, "half\n");
}

#[test]
fn a_worktree_that_is_gone_is_made_again_in_its_place() {
    let scene = Scene::new();
    omk_dies_at_work(&scene);
    std::fs::remove_dir_all(scene.goal().join("worktrees")).unwrap();
    let resumed = scene.omk(&["goal", "resume"]);
    assert_eq!(resumed.code(), Some(0), "{}", resumed.stderr());
    assert!(read(&scene, "found").contains("No such file"), "{}", read(&scene, "found"));
    assert_eq!(read(&scene, "place.1"), read(&scene, "place.2"));
    assert_eq!(task(&scene, 2), (json!({"id": "s-1", "cut_off": false}), json!("fresh")));
}

/// An agent that has used up its slice's budget in the middle of its work, and more of it.
fn short_of_budget(scene: &Scene) {
    let used = "echo '{\"type\":\"usage\",\"output_tokens\":120}'";
    let first = agent(scene, &format!("{used}; {}", scene.wait_for("on", "never")));
    let plan = format!("{ONE}budget = {{ tokens = 100 }}\n{GATE}");
    let ran = scene.run(&plan, &["--agent", &first]);
    assert_eq!(ran.code(), Some(7), "{}", ran.stderr());
}

#[test]
fn with_more_budget_an_agent_goes_on_in_its_session_and_worktree() {
    let scene = Scene::new();
    short_of_budget(&scene);
    let added = scene.omk(&["goal", "budget-add", "--slice", "one", "--tokens", "1000"]);
    assert_eq!(added.code(), Some(0), "{}", added.stderr());
    let resumed = scene.omk(&["goal", "resume"]);
    assert_eq!(resumed.code(), Some(0), "{}", resumed.stderr());
    assert_went_on(&scene, "half\n");
}

#[test]
fn half_done_work_of_a_slice_that_was_given_up_outlives_a_run_that_leaves_it_so() {
    let scene = Scene::new();
    short_of_budget(&scene);
    assert_eq!(scene.omk(&["goal", "resume"]).code(), Some(7));
    scene.omk(&["goal", "budget-add", "--slice", "one", "--tokens", "1000"]);
    let retried = scene.omk(&["goal", "retry", "--slice", "one"]);
    assert_eq!(retried.code(), Some(0), "{}", retried.stderr());
    assert_went_on(&scene, "half\n");
}

#[test]
fn a_retry_after_the_death_of_omk_goes_on_in_the_session_and_worktree() {
    let scene = Scene::new();
    omk_dies_at_work(&scene);
    let retried = scene.omk(&["goal", "retry", "--slice", "one"]);
    assert_eq!(retried.code(), Some(0), "{}", retried.stderr());
    assert_went_on(&scene, "half\n");
    let ends: Vec<_> = scene.records_of("attempt_finished").iter().map(|end| end["outcome"]["kind"].clone()).collect();
    assert_eq!(ends, ["interrupted", "passed"]);
}

#[test]
fn work_that_a_gate_sends_back_is_mended_in_its_session_from_what_was_captured() {
    let scene = Scene::new();
    scene.repo.write("gate.sh", "! grep -q half one.txt\n");
    scene.repo.commit_all("a gate that wants it whole");
    let mut session = begins(&scene, "echo stray > ../../stray; exit 0");
    assert_eq!(session.code(), Some(0), "{}", session.stderr());
    assert_eq!(task(&scene, 2), (json!({"id": "s-1", "cut_off": false}), json!("continued")));
    assert_eq!((read(&scene, "place.1"), read(&scene, "found")), (read(&scene, "place.2"), "half\n".to_owned()));
}

#[test]
fn a_session_in_which_the_agent_fails_again_is_not_taken_up() {
    let scene = Scene::new();
    let mut session = begins(&scene, "rm $M/began; [ $OMK_ATTEMPT -le 2 ] && exit 7");
    assert_eq!(session.code(), Some(0), "{}", session.stderr());
    assert_eq!(task(&scene, 2), cut_off());
    assert_eq!(task(&scene, 3), (Value::Null, json!("fresh")));
    assert_ne!(read(&scene, "place.1"), read(&scene, "place.3"));
}

#[test]
fn a_fresh_retry_begins_a_new_session_in_a_new_worktree() {
    let scene = Scene::new();
    let first = agent(&scene, "exit 7");
    let plan = format!("{}{GATE}", ONE.replace("retries = 3", "retries = 0"));
    let ran = scene.run(&plan, &["--agent", &first]);
    assert_eq!(ran.code(), Some(5), "{}", ran.stderr());
    let retried = scene.omk(&["goal", "retry", "--slice", "one", "--fresh"]);
    assert_eq!(retried.code(), Some(0), "{}", retried.stderr());
    assert_eq!(task(&scene, 2), (Value::Null, json!("fresh")));
    assert_ne!(read(&scene, "place.1"), read(&scene, "place.2"));
}

#[test]
fn after_a_conflict_a_session_goes_on_and_is_told_the_lines_that_it_must_keep() {
    let scene = Scene::new();
    let work = format!("{}; echo one >> a.txt", scene.wait_for("on", "go"));
    let other = format!("{}; echo two >> a.txt", scene.wait_for("two", "on"));
    let merges = "merges = [\"a.txt\"]\nretries = 1";
    let plan = format!("[[slices]]\nid = \"one\"\ntitle = \"The one\"\n{merges}\n") + &slice("two", merges, &other);
    let bench = Bench::new(scene, &json!([shell(&work)])).keeping_sessions();
    let mut session = bench.start(&plan);
    bench.scene.see_record("slice_integrated");
    bench.scene.make("go");
    assert_eq!(session.code(), Some(0), "{}", session.stderr());
    assert_eq!(bench.scene.integrated("a.txt"), "alpha\nbeta\ngamma\ntwo\none");
    let prompts = bench.prompts();
    let second = prompts.last().unwrap();
    assert!(prompts.len() == 2 && second.contains(" holds the state to start from, without your work."), "{prompts:?}");
    assert!(second.contains("# Lines of others that must stay\nIn a.txt:\n    two\n"), "{second}");
}
