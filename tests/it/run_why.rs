//! `omk goal why` on a goal that runs, rests, or has lost its process.

use omk::cli::context::Typist;
use omk::cli::goal::why::Screen;
use omk::cli::output::stripped;
use omk::cli::output::style::Glyphs;
use omk::domain::control::Holder;
use omk::domain::event::Event;
use omk::domain::ids::{AttemptRef, SliceId};
use omk::domain::view::{Health, Liveness};
use omk::domain::vitals::{ProcessSeen, Sighting, Vitals};
use omk::domain::why::WhyView;
use omk::store::reader::read_events;
use omk::workflow::state::GoalState;
use omk::workflow::why::{Seen, why};
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

fn quiet(events: &[Event], minutes: u64) -> Sighting {
    let state = GoalState::replay(events);
    let work = state.slices.slice(&SliceId::parse("work").unwrap()).unwrap();
    let process = |pid, name: &str, state, cpu_ms| ProcessSeen { pid, name: name.to_owned(), state, cpu_ms };
    Sighting {
        attempt: work.attempt_ref(),
        agent: "script".to_owned(),
        quiet_ms: minutes * 60_000,
        last_event: "edit src/\u{1b}[31mlib.rs".to_owned(),
        tool_call: Some("cargo test".to_owned()),
        vitals: Vitals { alive: true, processes: vec![process(41, "sh", 'S', 20), process(42, "cargo", 'R', 61_000)] },
        seen_ms_ago: 0,
    }
}

/// What `why` says of a goal whose attempt was seen so.
fn asked(events: &[Event], sightings: Vec<Sighting>) -> WhyView {
    let holder = Holder { pid: 7, host: "here".into(), boot_id: "b".into(), version: "0".into() };
    let seen = Seen { process: Liveness::Held { holder, health: Health::Well }, sightings };
    why(&GoalState::replay(events), events, &seen, Some(&SliceId::parse("work").unwrap())).unwrap()
}

#[test]
fn why_shows_what_is_seen_of_an_attempt_and_warns_half_way_to_its_end() {
    let (scene, _session) = running();
    let events = read_events(&scene.goal().join("events.jsonl")).unwrap().events;
    let told = |minutes| asked(&events, vec![quiet(&events, minutes)]).slices.remove(0);
    assert_eq!((told(4).suspicious, told(5).suspicious), (false, true));
    assert_eq!(told(5).commands.last().unwrap(), &format!("omk goal pause {}", scene.id()));

    let view = asked(&events, vec![quiet(&events, 5)]);
    let typist = Typist { id: view.id.clone(), tail: String::new() };
    let screen = Screen { why: &view, events: &events, typist: &typist, now: events.last().unwrap().ts };
    let text = stripped(&screen.text(Glyphs::ASCII), false);
    for line in [
        "  quiet   5m00s (a warning after 5m00s, ended after 10m00s)\n",
        "  last    edit src/\\u{1b}[31mlib.rs\n",
        "  tool    cargo test\n",
        "  runs    41 sh   sleeping   cpu 20ms\n",
        "  runs    42 cargo   running   cpu 1m01s\n",
    ] {
        assert!(text.contains(line), "{line:?} is not in:\n{text}");
    }
}

#[test]
fn why_names_who_is_stopped_and_what_comes_of_it() {
    let (scene, _session) = running();
    let events = read_events(&scene.goal().join("events.jsonl")).unwrap().events;
    for (alive, comes) in
        [(true, "the others go on"), (false, "nothing else works: its lease runs out, and ends the attempt")]
    {
        let mut seen = quiet(&events, 1);
        seen.vitals.alive = alive;
        seen.vitals.processes[1].state = 'T';
        let view = asked(&events, vec![seen]);
        let typist = Typist { id: view.id.clone(), tail: String::new() };
        let screen = Screen { why: &view, events: &events, typist: &typist, now: events.last().unwrap().ts };
        let text = stripped(&screen.text(Glyphs::ASCII), false);
        assert!(text.contains(&format!("  stopped 42 cargo; {comes}\n")), "{text}");
    }
}

#[test]
fn what_was_seen_some_time_ago_is_said_to_be_so() {
    let (scene, _session) = running();
    let events = read_events(&scene.goal().join("events.jsonl")).unwrap().events;
    let view = asked(&events, vec![Sighting { seen_ms_ago: 3_000, ..quiet(&events, 1) }]);
    let typist = Typist { id: view.id.clone(), tail: String::new() };
    let screen = Screen { why: &view, events: &events, typist: &typist, now: events.last().unwrap().ts };
    let text = stripped(&screen.text(Glyphs::ASCII), false);
    assert!(text.contains("  quiet   1m00s, as of 3.0s ago (a warning after"), "{text}");
}

#[test]
fn why_does_not_take_what_was_seen_of_another_attempt() {
    let (scene, _session) = running();
    let events = read_events(&scene.goal().join("events.jsonl")).unwrap().events;
    let other = quiet(&events, 9);
    let attempt = AttemptRef { epoch: omk::domain::ids::Epoch(99), ..other.attempt.clone() };
    let told = asked(&events, vec![Sighting { attempt, ..other }]).slices.remove(0);
    assert_eq!((told.seen, told.suspicious, told.live), (None, false, false));
}

#[test]
fn why_sees_the_processes_of_an_agent_at_work() {
    let (scene, _session) = running();
    until("it is seen", || scene.json("why")["slices"][0]["live"] == true);
    let seen = scene.json("why")["slices"][0]["seen"].clone();
    let names: Vec<_> = seen["vitals"]["processes"].as_array().unwrap().iter().map(|it| it["name"].clone()).collect();
    assert_eq!(names[0], "sh", "{seen}");
    let age = || scene.json("why")["slices"][0]["seen"]["seen_ms_ago"].as_u64();
    until("what is shown says how old it is", || age().is_some_and(|age| age > 0));
}
