//! A `ready` goal that is checked again: what ends `ready`, what does not, and that every command agrees on it.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::scene::{GATE, Scene, processes_at, slice, until};

/// A goal that became `ready`, whose gate turns red when the mark `red` is made.
fn ready() -> Scene {
    let scene = Scene::new();
    gate(&scene, &format!("[ ! -e {} ]\n", scene.mark("red").display()));
    let ran = scene.run(&(slice("one", "writes = [\"one.txt\"]", "echo 1 > one.txt") + GATE), &[]);
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    scene
}

fn gate(scene: &Scene, script: &str) {
    fs::write(scene.repo.root.join("gate.sh"), script).unwrap();
    scene.repo.git(&["commit", "-qam", "gate"]);
}

/// What every command says of the goal: `status`, its exit code, `list`, `show`, `proof`, the file, and whether there is a
/// `failure.json`.
fn said(scene: &Scene) -> Value {
    let file: Value = serde_json::from_slice(&fs::read(scene.goal().join("proof.json")).unwrap()).unwrap();
    json!([
        scene.json("status")["status"],
        scene.omk(&["goal", "status", "--exit-status"]).code(),
        scene.json("list")["goals"][0]["status"],
        scene.json("show")["status"],
        scene.json("proof")["status"],
        file["predicate"]["status"],
        scene.goal().join("failure.json").exists(),
    ])
}

fn all_say_ready() -> Value {
    json!(["ready", 0, "ready", "ready", "ready", "ready", false])
}

fn gates_on_the_tip(scene: &Scene) -> Vec<Value> {
    let gates = scene.records_of("gate_finished").into_iter().filter(|it| it["scope"]["kind"] == "tip");
    gates.map(|it| it["result"]["outcome"]["kind"].clone()).collect()
}

#[test]
fn gates_that_are_red_twice_end_ready_and_a_resume_brings_it_back() {
    let scene = ready();
    assert_eq!(said(&scene), all_say_ready());
    assert_eq!(scene.omk(&["goal", "gc"]).code(), Some(0), "it needs nothing of what goes");
    scene.make("red");
    let verified = scene.omk(&["goal", "verify", "--json"]);
    assert_eq!((verified.code(), &verified.json()["status"]), (Some(5), &json!("not_ready")), "{}", verified.stderr());
    assert_eq!(verified.json()["next"], json!([format!("omk goal resume {}", scene.id())]));
    assert_eq!(gates_on_the_tip(&scene), ["green", "red", "red"]);
    let not_ready = json!(["not_ready", 5, "not_ready", "not_ready", "not_ready", "not_ready", true]);
    assert_eq!(said(&scene), not_ready);
    assert_eq!(scene.omk(&["goal", "proof", "--verify"]).code(), Some(5));
    assert_eq!(scene.omk(&["goal", "resume"]).code(), Some(5), "it is red still");
    assert_eq!(said(&scene), not_ready);

    fs::remove_file(scene.mark("red")).unwrap();
    let resumed = scene.omk(&["goal", "resume"]);
    assert_eq!(resumed.code(), Some(0), "{}{}", resumed.stdout(), resumed.stderr());
    assert_eq!(said(&scene), all_say_ready());
    let check = scene.omk(&["goal", "proof", "--verify"]);
    assert_eq!(check.code(), Some(0), "{}", check.stdout());
}

#[test]
fn gates_that_are_red_once_end_nothing() {
    let scene = Scene::new();
    let (red, seen) = (scene.mark("red"), scene.mark("seen"));
    let (red, seen) = (red.display(), seen.display());
    gate(&scene, &format!("if [ -e {red} ] && [ ! -e {seen} ]; then touch {seen}; exit 1; fi\n"));
    let ran = scene.run(&(slice("one", "writes = [\"one.txt\"]", "echo 1 > one.txt") + GATE), &[]);
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    scene.make("red");
    assert_eq!(scene.omk(&["goal", "verify"]).code(), Some(0));
    assert_eq!(gates_on_the_tip(&scene), ["green", "red", "green"]);
    assert_eq!(scene.records_of("flake_seen").len(), 1);
    assert_eq!(said(&scene), all_say_ready());
    assert_eq!(scene.omk(&["goal", "proof", "--verify"]).code(), Some(0));
}

#[test]
fn a_merged_goal_stays_ready_and_its_proof_names_the_red_check() {
    let scene = ready();
    scene.repo.git(&["merge", "-q", "--no-ff", "-m", "merge", &format!("omk/{}/integration", scene.id())]);
    scene.repo.git(&["commit", "-q", "--allow-empty", "-m", "and on"]);
    scene.make("red");
    let verified = scene.omk(&["goal", "verify"]);
    assert_eq!(verified.code(), Some(0), "{}", verified.stderr());
    assert!(
        verified.stdout().contains("merged, so it stays ready; a later check is red: gate `check`"),
        "{}",
        verified.stdout()
    );
    assert_eq!(gates_on_the_tip(&scene), ["green", "red", "red"]);
    assert_eq!(said(&scene), all_say_ready());
    let proof = scene.json("proof");
    assert_eq!(proof["gates"][0]["outcome"]["kind"], "green", "it rests on the check that passed");
    let gap = "a later check found gate `check` red, see artifacts/gates/";
    let gaps = proof["gaps"].as_array().unwrap();
    assert!(gaps.iter().any(|it| it.as_str().unwrap().starts_with(gap)), "{gaps:?}");
    let check = scene.omk(&["goal", "proof", "--verify"]);
    assert_eq!(check.code(), Some(0), "{}", check.stdout());

    // What it rests on is evidence still.
    let log = proof["gates"][0]["log"]["path"].as_str().unwrap();
    fs::remove_file(scene.goal().join(log)).unwrap();
    assert_eq!(scene.omk(&["goal", "proof", "--verify"]).code(), Some(5));
}

#[test]
fn the_proof_of_a_merged_goal_holds_when_its_branches_are_deleted() {
    let scene = ready();
    let branches = [format!("omk/{}/integration", scene.id()), format!("omk/{}/one", scene.id())];
    let verify = || scene.omk(&["goal", "proof", "--verify"]).code();
    scene.repo.git(&["branch", "-qm", &branches[0], "kept"]);
    assert_eq!(verify(), Some(5), "nothing says that it is merged");
    scene.repo.git(&["merge", "-q", "kept"]);
    scene.repo.git(&["branch", "-qD", "kept", &branches[1]]);
    assert_eq!(verify(), Some(0));
}

#[test]
fn a_merge_into_another_branch_is_none() {
    let scene = ready();
    scene.repo.git(&["branch", "-q", "other", &format!("omk/{}/integration", scene.id())]);
    scene.make("red");
    assert_eq!(scene.omk(&["goal", "verify"]).code(), Some(5));
    assert_eq!(scene.json("status")["status"], "not_ready");
}

#[test]
fn a_check_that_is_stopped_or_dies_leaves_the_goal_ready() {
    let scene = Scene::new();
    let (slow, waits) = (scene.mark("slow"), scene.wait_for("on", "never"));
    gate(&scene, &format!("if [ -e {} ]; then {waits}; fi\n", slow.display()));
    let ran = scene.run(&(slice("one", "writes = [\"one.txt\"]", "echo 1 > one.txt") + GATE), &[]);
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    scene.make("slow");

    let mut session = scene.start(&["goal", "verify", "--json"]);
    scene.see("on");
    assert_eq!(said(&scene), all_say_ready(), "while it is checked");
    assert_eq!(scene.omk(&["goal", "pause"]).code(), Some(0));
    assert_eq!(session.code(), Some(6), "{}", session.stderr());
    let last: Value = serde_json::from_str(session.stdout().lines().last().unwrap()).unwrap();
    assert_eq!((&last["status"], &last["obstacle"], &last["exit"]), (&json!("ready"), &json!("paused"), &json!(6)));
    assert_eq!(last["next"], json!([format!("omk goal verify {}", scene.id())]));
    assert_eq!(said(&scene), all_say_ready());

    fs::remove_file(scene.mark("on")).unwrap();
    let mut session = scene.start(&["goal", "verify"]);
    scene.see("on");
    session.signal(Signal::KILL);
    session.end();
    until("no process of the goal is left", || processes_at(&scene.goal()).is_empty());
    assert_eq!(said(&scene), all_say_ready());
    let check = scene.omk(&["goal", "proof", "--verify"]);
    assert_eq!(check.code(), Some(0), "{}", check.stdout());
}

#[test]
fn a_red_check_that_dies_before_its_second_run_leaves_the_goal_ready_and_is_named() {
    let scene = Scene::new();
    let (red, waits) = (scene.mark("red"), scene.wait_for("again", "never"));
    let once = scene.mark("once");
    let once = once.display();
    gate(
        &scene,
        &format!("[ -e {} ] || exit 0\n[ -e {once} ] || {{ touch {once}; exit 3; }}\n{waits}\n", red.display()),
    );
    let ran = scene.run(&(slice("one", "writes = [\"one.txt\"]", "echo 1 > one.txt") + GATE), &[]);
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    scene.make("red");
    let mut session = scene.start(&["goal", "verify"]);
    scene.see("again");
    session.signal(Signal::KILL);
    session.end();
    until("no process of the goal is left", || processes_at(&scene.goal()).is_empty());
    assert_eq!(scene.omk(&["goal", "replay"]).code(), Some(0));
    assert_eq!(said(&scene), all_say_ready());
    assert_eq!(scene.omk(&["goal", "proof", "--verify"]).code(), Some(0));
    let gaps = scene.json("proof")["gaps"].to_string();
    assert!(gaps.contains("a later check found gate `check` red"), "{gaps}");
}
