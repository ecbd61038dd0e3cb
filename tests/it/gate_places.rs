//! The places where gates run, when no gate runs: what a run leaves of them, what a resume and `goal gc` remove, also
//! where a gate has made its directories read-only.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::support::omk::Ran;
use crate::support::ordinary::was_run_as_an_ordinary_user;
use crate::support::orphan::{assert_nobody_left, kill, names};
use crate::support::scene::{GATE, Scene, slice};

/// Leaves directories as Go's module cache does: nothing in them can be removed by an ordinary user.
const LOCKS_UP: &str = "mkdir -p $CARGO_TARGET_DIR/mod/deep && echo x > $CARGO_TARGET_DIR/mod/deep/file && \
    chmod 555 $CARGO_TARGET_DIR/mod/deep $CARGO_TARGET_DIR/mod\n";

/// A repository whose gate is this script.
fn scene_of(gate: impl FnOnce(&Scene) -> String) -> Scene {
    let scene = Scene::new();
    scene.repo.write("gate.sh", &gate(&scene));
    scene.repo.commit_all("a gate");
    scene
}

fn one_slice() -> String {
    slice("one", "writes = [\"one.txt\"]", "echo 1 > one.txt") + GATE
}

fn places(scene: &Scene) -> Vec<String> {
    names(&scene.goal().join("gates"))
}

/// Starts a goal and kills `omk` while the gate that decides runs, which waits for the mark `go`.
fn killed_while_deciding() -> Scene {
    let scene = scene_of(|scene| {
        let waits = scene.wait_for("deciding", "go");
        format!("[ -e $CARGO_TARGET_DIR/mod ] || {{ {LOCKS_UP} }}\ncase $PWD in *warm-*) ;; *) {waits} ;; esac\n")
    });
    let session = scene.start_plan(&one_slice(), &[]);
    scene.see("deciding");
    kill(session);
    assert_nobody_left(&scene);
    scene
}

fn cold(places: &[String]) -> usize {
    places.iter().filter(|name| name.bytes().all(|b| b.is_ascii_digit())).count()
}

fn is_locked_up(place: &Path) -> bool {
    fs::remove_file(place.join("target/mod/deep/file")).is_err()
}

fn assert_ok(ran: &Ran) {
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
}

#[test]
fn read_only_directories_go_with_their_place_on_resume_and_at_the_end() {
    if was_run_as_an_ordinary_user("gate_places::read_only_directories_go_with_their_place_on_resume_and_at_the_end") {
        return;
    }
    let scene = killed_while_deciding();
    let left = places(&scene);
    assert_eq!(cold(&left), 1, "{left:?}");
    assert!(is_locked_up(&scene.goal().join("gates").join(&left[0])), "{left:?}");
    scene.make("go");
    assert_ok(&scene.omk(&["goal", "resume"]));
    assert_eq!(places(&scene), [""; 0]);
    let cleared = scene.records_of("leftovers_cleared").pop().unwrap();
    assert!(cleared["repairs"].to_string().contains("1 unfinished gate run(s)"), "{cleared}");
}

#[test]
fn garbage_with_read_only_directories_is_removed() {
    if was_run_as_an_ordinary_user("gate_places::garbage_with_read_only_directories_is_removed") {
        return;
    }
    let scene = killed_while_deciding();
    assert_ok(&scene.omk(&["goal", "cancel"]));
    let left = places(&scene);
    assert_eq!((cold(&left), left.len()), (1, 1), "a goal that is given up has no warm places: {left:?}");
    let ran = scene.omk(&["goal", "gc", "--json"]);
    assert_ok(&ran);
    let removed = ran.json()["goals"][0]["removed"].clone();
    assert!(removed.as_array().unwrap().contains(&json!("gates")), "{removed}");
    assert!(!scene.goal().join("gates").exists());
}

/// A goal of two slices whose gates run at the same time, each in a warm place of its own; `last` is how the gate goes on
/// from there.
fn two_at_once(last: &str) -> (Scene, Ran) {
    let scene = scene_of(|scene| {
        let meets = |own: &str, other: &str| {
            let waits = scene.wait_for(own, other);
            format!("if [ -e {own}.txt ] && [ ! -e {other}.txt ]; then {waits}; fi\n")
        };
        meets("one", "two") + &meets("two", "one") + last
    });
    let of = |id: &str| {
        let more = format!("retries = 0\nwrites = [\"{id}.txt\"]");
        slice(id, &more, &format!("echo 1 > {id}.txt"))
    };
    let ran = scene.run(&(of("one") + &of("two") + GATE), &[]);
    (scene, ran)
}

#[test]
fn a_goal_that_may_go_on_keeps_one_warm_place_of_each_gate_and_gc_removes_that() {
    let (scene, ran) = two_at_once("[ ! -e one.txt ]\n");
    assert_eq!(ran.code(), Some(5), "{}{}", ran.stdout(), ran.stderr());
    assert_eq!(places(&scene), ["warm-check-0"]);
    let before = scene.everything();
    let ran = scene.omk(&["goal", "gc", "--dry-run", "--json"]);
    let garbage = ran.json()["goals"][0].clone();
    assert_eq!(garbage["removed"], json!(["gates/warm-check-0"]), "{}", ran.stdout());
    assert!(garbage["bytes"].as_u64().unwrap() > 0, "{garbage}");
    scene.everything().assert_as(&before);
    assert_ok(&scene.omk(&["goal", "gc", "--older-than", "1h"]));
    scene.everything().assert_as(&before);
    assert_ok(&scene.omk(&["goal", "gc"]));
    assert_eq!(places(&scene), [""; 0]);
    let status = scene.json("status");
    assert_eq!(status["status"], "not_ready", "{status}");
    assert_eq!(scene.omk(&["goal", "gc", "--json"]).json()["goals"], json!([]));
}

#[test]
fn a_goal_that_is_ready_keeps_no_warm_place() {
    let (scene, ran) = two_at_once("true\n");
    assert_ok(&ran);
    assert_eq!(places(&scene), [""; 0]);
}

#[test]
fn a_goal_that_is_paused_keeps_its_warm_places_and_goes_on_in_them() {
    let scene = scene_of(|scene| {
        let found = scene.mark("found");
        let notes = format!("ls $CARGO_TARGET_DIR | wc -l >> {}; touch $CARGO_TARGET_DIR/built", found.display());
        format!("case $PWD in *warm-*) {notes} ;; esac\n")
    });
    let work = format!("{}; echo 2 > two.txt", scene.wait_for("on", "go"));
    let two = slice("two", "after = [\"one\"]\nwrites = [\"two.txt\"]", &work);
    let one = slice("one", "writes = [\"one.txt\"]", "echo 1 > one.txt");
    let mut session = scene.start_plan(&(one + &two + GATE), &[]);
    scene.see("on");
    assert_ok(&scene.omk(&["goal", "pause"]));
    assert_eq!(session.code(), Some(6));
    let began_empty = || {
        let found = fs::read_to_string(scene.mark("found")).unwrap();
        found.lines().filter(|built| built.trim() == "0").count()
    };
    let warm = places(&scene);
    assert!(!warm.is_empty() && warm.len() == began_empty(), "{warm:?}");
    scene.make("go");
    assert_ok(&scene.omk(&["goal", "resume"]));
    assert_eq!((began_empty(), places(&scene)), (warm.len(), Vec::new()));
}
