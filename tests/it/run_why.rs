//! `omk goal why` on a goal that runs, rests, or has lost its process.

use rustix::process::Signal;
use serde_json::json;

use crate::support::scene::{GATE, Scene, Session, slice, until};

/// A goal with a slice that works, one that waits for it, and one that was given up.
fn running() -> (Scene, Session) {
    let scene = Scene::new();
    let work = format!("{}; echo 1 > work.txt", scene.wait_for("on", "go"));
    let plan = slice("work", "writes = [\"work.txt\"]", &work)
        + &slice("later", "after = [\"work\"]\nwrites = [\"later.txt\"]", "echo 1 > later.txt")
        + &slice("bad", "retries = 0\nwrites = [\"bad.txt\"]", "echo 'no such thing' >&2; exit 3")
        + GATE;
    let session = scene.start_plan(&plan, &[]);
    scene.see("on");
    until("it is given up", || !scene.records_of("slice_given_up").is_empty());
    (scene, session)
}

#[test]
fn why_says_of_each_slice_what_it_waits_for_and_which_command_helps() {
    let (scene, session) = running();
    let why = scene.json("why");
    assert_eq!((&why["schema"], &why["status"]), (&json!("omk.why/v1"), &json!("running")));
    assert_eq!((&why["orphaned"], &why["process"]["holder"]["pid"]), (&json!(false), &json!(session.pid())));
    let of = |id: &str| why["slices"].as_array().unwrap().iter().find(|slice| slice["id"] == id).unwrap().clone();
    assert_eq!((&of("work")["state"], &of("work")["step"]), (&json!("running"), &json!("agent")));
    assert_eq!(of("later")["waiting_for"][0]["ref"], "work");
    assert_eq!(of("later")["next"], "starts when `work` is integrated");
    assert_eq!(of("bad")["commands"][0], json!(format!("omk goal retry {} --slice bad --hint \"…\"", scene.id())));
    assert!(of("bad")["feedback"]["summary"].as_str().unwrap().contains("exit status 3"), "{why}");

    let text = scene.omk(&["goal", "why", "--slice", "bad"]).stdout();
    assert!(text.contains("given up") && text.contains("exit status 3") && !text.contains("later"), "{text}");
    assert!(text.contains(&format!("try     omk goal retry {} --slice bad", scene.id())), "{text}");
}

#[test]
fn why_of_an_orphan_is_that_its_process_died() {
    let (scene, mut session) = running();
    session.signal(Signal::KILL);
    session.end();
    let why = scene.json("why");
    assert_eq!(
        (&why["orphaned"], &why["commands"][0]),
        (&json!(true), &json!(format!("omk goal resume {}", scene.id())))
    );
    let text = scene.omk(&["goal", "why"]).stdout();
    assert!(text.contains("running (orphaned)") && text.contains("its process died"), "{text}");
}

#[test]
fn why_of_a_stopped_run_is_that_it_is_stopped() {
    let (scene, session) = running();
    session.signal(Signal::STOP);
    until("it is stopped", || scene.json("status")["process"]["health"] == "stopped");
    let why = scene.json("why");
    assert_eq!(why["next"], json!(format!("nothing: process {} is stopped", session.pid())));
    assert_eq!(why["commands"][0], json!(format!("kill -CONT {}", session.pid())));
}

#[test]
fn why_of_a_slice_that_is_not_there_is_refused() {
    let (scene, _session) = running();
    let ran = scene.omk(&["goal", "why", "--slice", "nobody"]);
    assert_eq!(ran.code(), Some(2), "{}", ran.stderr());
    assert!(ran.stderr().contains("has no slice `nobody`"), "{}", ran.stderr());
}
