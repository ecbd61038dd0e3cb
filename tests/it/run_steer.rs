//! Telling an agent something while it works: what reaches whom, and what is refused with which help.

use serde_json::{Value, json};

use crate::support::acp_goal::{Bench, configure, shell, slice};
use crate::support::git_repo::write_executable;
use crate::support::omk::Ran;
use crate::support::scene::{GATE, Scene, Session};

/// A goal whose agent is at work on `one` until the mark `go` is there, and the process that runs it.
fn at_work(more: &str) -> (Bench, Session) {
    let scene = Scene::new();
    let work = format!("{}; echo 1 > $OMK_SLICE_ID.txt", scene.wait_for("on", "go"));
    let bench = Bench::new(scene, &json!([shell(&work)]));
    let session = bench.start(&(slice("one", "") + more));
    bench.scene.see("on");
    (bench, session)
}

fn steer(scene: &Scene, goal: &str, slice: &str, text: &str) -> Ran {
    scene.omk(&["goal", "steer", goal, "--slice", slice, "--text", text, "--json"])
}

#[track_caller]
fn refused(ran: &Ran, words: &str, help: &[String]) {
    let error = ran.json()["error"].clone();
    assert_eq!((ran.code(), &error["help"]), (Some(2), &json!(help)), "{error}");
    assert!(error["message"].as_str().unwrap().contains(words), "{error}");
}

fn retry(scene: &Scene, slice: &str) -> String {
    format!("omk goal retry {} --slice {slice} --hint \"…\"", scene.id())
}

#[test]
fn words_for_an_agent_at_work_are_recorded_shown_and_told_to_a_later_attempt() {
    let (bench, mut session) = at_work("");
    let scene = &bench.scene;
    let ran = steer(scene, "latest", "one", "  use the other crate\n");
    let document = json!({"schema": "omk.steer/v1", "id": scene.id(), "slice": "one", "told": "agent"});
    assert_eq!((ran.code(), ran.json()), (Some(0), document), "{}", ran.stderr());
    assert_eq!(scene.records_of("slice_steered"), [json!({"slice": "one", "text": "use the other crate"})]);
    let shown = [["logs", "--slice", "one"], ["why", "--slice", "one"]];
    for words in shown {
        let text = scene.omk(&[&["goal", words[0], "latest"][..], &words[1..]].concat()).stdout();
        assert!(text.contains("the operator says: use the other crate"), "{text}");
    }
    assert!(session.stderr().contains("the operator says: use the other crate"), "{}", session.stderr());
    assert_eq!(scene.omk(&["goal", "pause"]).code(), Some(0));
    session.end();
    scene.make("go");
    let resumed = scene.omk(&["goal", "resume"]);
    assert_eq!(resumed.code(), Some(0), "{}{}", resumed.stdout(), resumed.stderr());
    let prompts = bench.prompts();
    assert!(!prompts[0].contains("the operator says"), "{}", prompts[0]);
    let second = prompts.last().unwrap();
    assert!(second.contains("## the operator says\n```\nuse the other crate\n```"), "{second}");
}

#[test]
fn an_agent_at_work_hears_what_it_is_told() {
    let scene = Scene::new();
    // The agent itself only speaks: it ends its turn when it was told something.
    let begins = format!("echo 1 > one.txt; touch {}; exec \"$@\"", scene.mark("on").display());
    let exe = std::env::current_exe().unwrap();
    let speaker = [exe.to_str().unwrap(), "--exact", "support::wire_agent::speaks", "--ignored", "--nocapture"];
    // What follows, the arguments of its protocol, is for nobody.
    let script = format!("set -- {}; {begins}", speaker.join(" "));
    let command = ["sh", "-c", &script, "kimi"];
    let part = json!({"turn": [{"say": "at work"}, {"steered": 1}, {"say": "as you like"}]}).to_string();
    let env = json!({"FAKE_AGENT": part, "FAKE_AGENT_HEARD": scene.mark("heard")});
    let generation = json!({"ask": ["-c", "echo kimi, version 1.51.0"]});
    let quirks = json!({"generation": generation, "handshake_ms": 20_000});
    let agent = json!({"like": "kimi-cli", "command": command, "env": env, "quirks": quirks});
    configure(&scene, &json!({"agents": {"it": agent}}));
    let mut session = scene.start_plan(&(slice("one", "") + GATE), &["--agent", "it"]);
    scene.see("on");
    assert_eq!(steer(&scene, "latest", "one", "use tabs").json()["told"], "agent");
    assert_eq!(session.code(), Some(0), "{}", session.stderr());
    let heard = std::fs::read_to_string(scene.mark("heard")).unwrap();
    let heard = heard.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let steers: Vec<_> = heard.filter(|it| it["method"] == "steer").map(|it| it["params"].clone()).collect();
    assert_eq!(steers, [json!({"user_input": "use tabs"})]);
}

#[test]
fn words_that_come_when_the_agent_has_ended_are_kept_for_a_further_attempt() {
    let scene = Scene::new();
    let gate = format!("test -e one.txt || exit 0\n{}\n", scene.wait_for("gate", "gated"));
    scene.repo.write("gate.sh", &gate);
    scene.repo.commit_all("a gate that waits");
    let bench = Bench::new(scene, &json!([shell("echo 1 > one.txt")]));
    let mut session = bench.start(&slice("one", ""));
    let scene = &bench.scene;
    scene.see("gate");
    let ran = steer(scene, "latest", "one", "use the other crate");
    assert_eq!((ran.code(), &ran.json()["told"]), (Some(0), &json!("next_attempt")), "{}", ran.stderr());
    assert_eq!(scene.records_of("slice_steered").len(), 1);
    scene.make("gated");
    assert_eq!(session.code(), Some(0), "{}", session.stderr());
}

#[test]
fn an_agent_that_cannot_be_told_is_named_with_what_helps() {
    for by_command in [false, true] {
        let scene = Scene::new();
        let work = format!("{}; echo 1 > one.txt", scene.wait_for("on", "go"));
        write_executable(&scene.place.path("."), "agent.sh", &format!("#!/bin/sh\n{work}\n"));
        let command = format!("cmd:{}", scene.place.path("agent.sh").display());
        let run = format!("run = '''{work}'''");
        let (agent, run) = if by_command { (command.as_str(), "") } else { ("script", run.as_str()) };
        let _session = scene.start_plan(&(slice("one", run) + GATE), &["--agent", agent]);
        scene.see("on");
        let stop = format!("omk goal pause {}, then {}", scene.id(), retry(&scene, "one"));
        let said = format!("refused: the agent of slice `one` (`{agent}`) cannot be told anything while it works");
        refused(&steer(&scene, "latest", "one", "x"), &said, &[format!("stop it and tell its next attempt: {stop}")]);
        assert_eq!(scene.records_of("slice_steered").len(), 0);
        let ran = scene.omk(&["goal", "retry", "--slice", "one", "--hint", "x", "--json"]);
        refused(&ran, "refused: slice `one` is being worked on", &[]);
    }
}

#[test]
fn what_is_said_to_nobody_is_refused_with_what_reaches_the_next_attempt() {
    let (bench, _session) = at_work(&slice("later", "after = [\"one\"]"));
    let scene = &bench.scene;
    let id = scene.id();
    let meant = "refused: there is no slice `latr`; did you mean `later`?";
    refused(&steer(scene, "latest", "latr", "x"), meant, &["its slices: one, later".to_owned()]);
    let next = format!("tell its next attempt, which works now: {}", retry(scene, "later"));
    refused(&steer(scene, "latest", "later", "x"), "refused: no agent works on slice `later` now", &[next]);
    refused(&steer(scene, "latest", "one", " \n"), "there is nothing to say", &[]);
    let ran = scene.omk(&["goal", "retry", "--slice", "one", "--hint", "x", "--json"]);
    let at_work = format!("tell its agent while it works: omk goal steer {id} --slice one --text \"…\"");
    refused(&ran, "refused: slice `one` is being worked on", &[at_work]);
    assert_eq!(scene.records_of("slice_steered").len(), 0);
}

#[test]
fn a_goal_that_no_process_runs_takes_a_hint_instead() {
    let (bench, mut session) = at_work("");
    let scene = &bench.scene;
    assert_eq!(scene.omk(&["goal", "pause"]).code(), Some(0));
    session.end();
    let id = scene.id();
    let help = [
        format!("tell its next attempt, which works now: {}", retry(scene, "one")),
        format!("go on with the goal: omk goal resume {id}"),
    ];
    let nobody = format!("no process runs goal {id}: no agent works on slice `one` now");
    refused(&steer(scene, "latest", "one", "x"), &nobody, &help);
    refused(&steer(scene, "latest", "two", "x"), "there is no slice `two`", &["its slices: one".to_owned()]);
    scene.make("go");
    let retried = scene.omk(&["goal", "retry", "--slice", "one", "--hint", "use the other crate"]);
    assert_eq!(retried.code(), Some(0), "{}{}", retried.stdout(), retried.stderr());
    assert!(bench.prompts().last().unwrap().contains("use the other crate"), "{:?}", bench.prompts());
    refused(
        &steer(scene, "latest", "one", "x"),
        "is ready: no agent works on it",
        &[format!("nothing is done on it any more; look at it with: omk goal show {id}")],
    );
}

#[test]
fn words_reach_the_goal_that_is_named_and_no_other() {
    let (bench, mut first_run) = at_work("");
    let scene = &bench.scene;
    let first = scene.id();
    std::fs::remove_file(scene.mark("on")).unwrap();
    let mut second_run = bench.start(&slice("one", ""));
    scene.see("on");
    assert_eq!(steer(scene, &first, "one", "to the first").code(), Some(0));
    let newest = steer(scene, "latest", "one", "to the second").json();
    let steered = |id: &str| {
        let text = scene.omk(&["goal", "logs", id]).stdout();
        text.lines().filter_map(|line| line.split_once("the operator says: ")).map(|(_, it)| it.to_owned()).collect()
    };
    let steered: [Vec<String>; 2] = [steered(&first), steered(newest["id"].as_str().unwrap())];
    assert_eq!(steered, [["to the first"], ["to the second"]]);
    scene.make("go");
    assert_eq!((first_run.code(), second_run.code()), (Some(0), Some(0)));
}
