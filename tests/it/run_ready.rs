//! A goal on a real repository to `ready`: what is there afterwards, and what is as it was.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::support::git_repo::git;
use crate::support::scene::{GATE, Scene, sacred, slice};

/// Two slices that touch a file each.
fn two() -> String {
    let one = slice("one", "writes = [\"one.txt\"]", "echo one > one.txt");
    let two = slice("two", "writes = [\"two.txt\"]", "echo two > two.txt");
    format!("{one}{two}{GATE}")
}

fn assert_ready(scene: &Scene) {
    let ran = scene.run(&two(), &[]);
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    assert_eq!((scene.integrated("one.txt"), scene.integrated("two.txt")), ("one".to_owned(), "two".to_owned()));
}

fn assert_delivered_beside(scene: &Scene, branches: &[&str]) {
    let id = scene.id();
    let ours = ["integration", "one", "two"].map(|name| format!("omk/{id}/{name}"));
    let all: Vec<_> = branches.iter().map(|name| (*name).to_owned()).chain(ours).collect();
    assert_eq!(scene.branches(), all);
}

#[test]
fn a_goal_ends_ready_with_a_branch_for_the_whole_and_one_for_each_slice() {
    let scene = Scene::new();
    let ran = scene.run(&two(), &[]);
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    assert!(ran.stdout().starts_with(&format!("ready  {}", scene.id())), "{}", ran.stdout());
    assert_delivered_beside(&scene, &["main"]);
    let proof = scene.json("proof");
    let tip = scene.repo.git(&["rev-parse", &format!("omk/{}/integration", scene.id())]);
    assert_eq!((&proof["head"], &proof["status"], &proof["sandbox"]), (&json!(tip), &json!("ready"), &json!("none")));
}

#[test]
fn nothing_else_of_the_repository_has_changed() {
    let scene = Scene::new();
    let hook = ".git/hooks/post-commit";
    fs::create_dir_all(scene.repo.root.join(".git/hooks")).unwrap();
    let fired = scene.mark("hook-fired");
    for name in [hook, ".git/hooks/reference-transaction", ".git/hooks/pre-commit", ".git/hooks/post-checkout"] {
        crate::support::git_repo::write_executable(
            &scene.repo.root,
            name,
            &format!("#!/bin/sh\ntouch {}\n", fired.display()),
        );
    }
    let before = scene.sacred();
    assert_ready(&scene);
    scene.sacred().assert_as(&before);
    assert!(!fired.exists(), "a hook of the user ran");
}

#[test]
fn a_dirty_checkout_stays_dirty_and_is_left_out() {
    let scene = Scene::new();
    scene.repo.write("a.txt", "changed\n");
    scene.repo.write("staged.txt", "staged\n");
    scene.repo.git(&["add", "staged.txt"]);
    scene.repo.write("untracked.txt", "mine\n");
    let before = scene.sacred();
    let ran = scene.run(&two(), &[]);
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    scene.sacred().assert_as(&before);
    assert_eq!(scene.integrated("a.txt"), "alpha\nbeta\ngamma");
    let said = ran.stderr();
    assert!(said.contains("uncommitted work is left out (2 changed files, 1 untracked path)"), "{said}");
}

#[test]
fn a_detached_head_is_a_base_and_is_said() {
    let scene = Scene::new();
    scene.repo.git(&["checkout", "-q", "--detach"]);
    let before = scene.sacred();
    let ran = scene.run(&two(), &[]);
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    scene.sacred().assert_as(&before);
    let base = scene.repo.git(&["rev-parse", "HEAD"]);
    assert!(ran.stderr().contains("detached HEAD") && ran.stderr().contains(&base[..7]), "{}", ran.stderr());
    assert_eq!(scene.json("proof")["base"], json!(base));
}

#[test]
fn a_goal_can_be_run_from_a_subdirectory() {
    let scene = Scene::with(&[("gate.sh", "exit 0\n"), ("src/deep/a.txt", "a\n")]);
    let plan = scene.plan(&two());
    let before = scene.sacred();
    let mut command = scene.command(&["goal", "run", "Do it", "--until-ready", "--plan", &plan]);
    let output = command.current_dir(scene.repo.root.join("src/deep")).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    scene.sacred().assert_as(&before);
    assert_eq!(scene.integrated("one.txt"), "one");
}

#[test]
fn a_goal_can_be_run_from_a_linked_worktree() {
    let scene = Scene::new();
    let linked = scene.repo.beside("linked");
    scene.repo.git(&["worktree", "add", "-q", "-b", "side", linked.to_str().unwrap()]);
    fs::write(linked.join("side.txt"), "side\n").unwrap();
    git(&linked, &["add", "-A"]);
    git(&linked, &["commit", "-qm", "side"]);
    let plan = scene.plan(&two());
    let before = (scene.sacred(), sacred(&linked));
    let mut command = scene.command(&["goal", "run", "Do it", "--until-ready", "--plan", &plan]);
    let output = command.current_dir(&linked).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    scene.sacred().assert_as(&before.0);
    sacred(&linked).assert_as(&before.1);
    assert_eq!(scene.integrated("side.txt"), "side");
    let id = scene.id();
    let ours = ["integration", "one", "two"].map(|name| format!("omk/{id}/{name}"));
    assert_eq!(scene.branches(), [&["main".to_owned()][..], &ours, &["side".to_owned()]].concat());
}

#[test]
fn every_commit_bears_the_trailers_of_its_goal_slice_and_attempt() {
    let scene = Scene::new();
    assert_ready(&scene);
    let id = scene.id();
    let format = "--format=%(trailers:only,separator=%x7C)";
    let log = scene.repo.git(&["log", format, &format!("main..omk/{id}/integration")]);
    let mut found: Vec<_> = log.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
    found.sort();
    let of = |slice: &str| format!("Omk-Goal: {id}|Omk-Slice: {slice}|Omk-Attempt: 1");
    assert_eq!(found, [of("one"), of("one"), of("two"), of("two")]);
}

#[test]
fn a_proof_of_a_ready_goal_holds_and_says_that_nobody_signed_it() {
    let scene = Scene::new();
    assert_ready(&scene);
    let ran = scene.omk(&["goal", "proof", "--verify", "--json"]);
    let check = ran.json();
    assert_eq!((ran.code(), &check["holds"], &check["signature"]), (Some(0), &json!(true), &json!("unsigned")));
}

#[test]
fn a_proof_that_was_edited_does_not_hold() {
    let scene = Scene::new();
    assert_ready(&scene);
    edit(&scene.goal().join("proof.json"), "Do it", "Do all");
    let ran = scene.omk(&["goal", "proof", "--verify"]);
    assert_eq!(ran.code(), Some(5), "{}{}", ran.stdout(), ran.stderr());
    assert!(ran.stdout().contains("proof.json is not what the journal folds to"), "{}", ran.stdout());
}

#[test]
fn a_journal_with_a_flipped_byte_proves_nothing() {
    let scene = Scene::new();
    assert_ready(&scene);
    edit(&scene.goal().join("events.jsonl"), "\"slice_accepted\"", "\"slice_accepteD\"");
    let ran = scene.omk(&["goal", "proof", "--verify"]);
    assert_eq!(ran.code(), Some(5), "{}{}", ran.stdout(), ran.stderr());
    assert!(ran.stdout().contains("its hash does not fit its bytes"), "{}", ran.stdout());
    assert_eq!(scene.omk(&["goal", "show"]).code(), Some(70));
}

#[test]
fn a_gate_log_that_was_edited_is_no_evidence() {
    let scene = Scene::with(&[("gate.sh", "echo all is well\n")]);
    assert_ready(&scene);
    let log = scene.records_of("gate_finished").last().unwrap()["result"]["log"]["path"].as_str().unwrap().to_owned();
    edit(&scene.goal().join(log), "all is well", "all is bell");
    let ran = scene.omk(&["goal", "proof", "--verify"]);
    assert_eq!(ran.code(), Some(5), "{}{}", ran.stdout(), ran.stderr());
}

#[test]
fn a_delivered_branch_that_was_moved_is_noticed() {
    let scene = Scene::new();
    assert_ready(&scene);
    scene.repo.git(&["branch", "-f", &format!("omk/{}/integration", scene.id()), "main"]);
    let ran = scene.omk(&["goal", "proof", "--verify"]);
    assert_eq!(ran.code(), Some(5), "{}{}", ran.stdout(), ran.stderr());
    assert!(ran.stdout().contains("by now"), "{}", ran.stdout());
}

/// Replaces a text that has to be there.
fn edit(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    fs::write(file, text.replacen(from, to, 1)).unwrap();
}
