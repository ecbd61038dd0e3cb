//! The fields and types of every JSON document that a command prints: a field that goes, or changes its type, shows here.
//!
//! A document is told by the paths of its fields with the types that they have; items of a list share one path. Errors are
//! kept whole.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::support::acp_goal::{Bench, shell, slice as task};
use crate::support::golden::Documents;
use crate::support::omk::Ran;
use crate::support::scene::{GATE, Scene, slice, until};

/// The types of a document's fields, by path.
type Shape = BTreeMap<String, BTreeSet<&'static str>>;

fn shape(value: &Value, path: &str, all: &mut Shape) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    all.entry(path.to_owned()).or_default().insert(kind);
    match value {
        Value::Array(items) => items.iter().for_each(|item| shape(item, &format!("{path}[]"), all)),
        // What a record has depends on its type: the golden journals have them all.
        Value::Object(_) if path.ends_with(".data") => {}
        Value::Object(fields) => fields.iter().for_each(|(name, value)| shape(value, &format!("{path}.{name}"), all)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The documents that a command printed, a line each, by schema; the records of a run are not said to be in order.
fn shapes(ran: &Ran) -> String {
    let mut by_schema: BTreeMap<String, Shape> = BTreeMap::new();
    for line in ran.stdout().lines() {
        let document: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}\n{}", ran.stderr()));
        let schema = document["schema"].as_str().unwrap_or("without a schema").to_owned();
        shape(&document, "", by_schema.entry(schema).or_default());
    }
    let mut text = format!("exit {}\n", ran.code().expect("an exit code"));
    for (schema, fields) in by_schema {
        text.push_str(&format!("===== {schema}\n"));
        for (path, types) in fields {
            text.push_str(&format!("{path}: {}\n", types.into_iter().collect::<Vec<_>>().join(", ")));
        }
    }
    text
}

/// A goal of two slices that are merged; the second is not done before the first.
fn plan() -> String {
    let one = slice("one", "writes = [\"one.txt\"]\nmerges = [\"a.txt\"]", "echo one > one.txt");
    let two = slice("two", "after = [\"one\"]\nwrites = [\"two.txt\"]\nrisk = \"high\"", "echo two > two.txt");
    one + &two + GATE
}

fn say(documents: &mut Documents, scene: &Scene, name: &str, words: &[&str]) {
    let ran = scene.omk(&[&["goal"], words, &["--json"]].concat());
    documents.compare(&format!("{name}.txt"), &shapes(&ran));
}

fn of_a_ready_goal(documents: &mut Documents) {
    let scene = Scene::new();
    let path = scene.plan(&plan());
    let mut say = |name: &str, words: &[&str]| say(documents, &scene, name, words);
    say("list-empty", &["list"]);
    say("plan", &["plan", "Do it", "--plan", &path]);
    say("status-planned", &["status"]);
    say("execute", &["execute"]);
    say("resume", &["resume"]);
    say("resume-auto", &["resume", "--auto"]);
    for verb in ["verify", "review", "show", "status", "why", "list", "proof", "budget", "logs", "replay", "diff"] {
        say(verb, &[verb]);
    }
    say("proof-verify", &["proof", "--verify"]);
    say("proof-verify-rerun", &["proof", "--verify", "--rerun"]);
    say("diff-stat", &["diff", "--stat"]);
    say("diff-slice", &["diff", "--slice", "two"]);
    say("replay-at", &["replay", "--at", "1"]);
    say("gc-dry-run", &["gc", "--dry-run"]);
    say("gc", &["gc"]);
}

fn of_a_run(documents: &mut Documents) {
    let scene = Scene::new();
    let path = scene.plan(&plan());
    say(documents, &scene, "run", &["run", "Do it", "--until-ready", "--plan", &path]);
    let scene = Scene::new();
    let path = scene.plan(&plan());
    say(documents, &scene, "run-scaffold", &["run", "Do it", "--plan", &path]);
    let scene = Scene::new();
    let path = scene.plan(&plan());
    say(documents, &scene, "run-detach", &["run", "Do it", "--until-ready", "--plan", &path, "--detach"]);
    until("it is ready", || scene.records_of("goal_settled").iter().any(|settled| settled["status"] == "ready"));
}

/// A run under way: what is asked of it, and what it is told.
fn of_a_run_under_way(documents: &mut Documents) {
    let scene = Scene::new();
    let work = format!("{}; echo 1 > one.txt", scene.wait_for("on", "go"));
    let failing = slice("two", "writes = [\"two.txt\"]\nretries = 0", "exit 3");
    let bench = Bench::new(scene, &json!([shell(&work)]));
    let scene = &bench.scene;
    let plan = scene.plan(&(task("one", "") + &failing + GATE));
    let words = ["goal", "run", "Do it", "--until-ready", "--plan", &plan, "--agent", "it", "--budget-tokens", "5000"];
    let mut session = scene.start(&words);
    scene.see("on");
    until("it is given up", || !scene.records_of("slice_given_up").is_empty());
    until("it is seen", || scene.json("why")["slices"][0]["live"] == true);
    let mut say = |name: &str, words: &[&str]| say(documents, scene, name, words);
    say("status-running", &["status"]);
    say("why-running", &["why", "--slice", "one"]);
    say("list-running", &["list"]);
    say("budget-running", &["budget"]);
    say("steer", &["steer", "--slice", "one", "--text", "use tabs"]);
    say("retry-running", &["retry", "--slice", "two"]);
    say("budget-add", &["budget-add", "--tokens", "1000"]);
    say("pause", &["pause"]);
    session.end();
    say("budget-add-at-rest", &["budget-add", "--slice", "one", "--tokens", "1000", "latest"]);
    say("cancel", &["cancel"]);
}

fn of_questions(documents: &mut Documents) {
    for (name, words) in [
        ("answer", &["answer", "a1", "--text", "use blue"][..]),
        ("approve", &["approve", "a1"]),
        ("deny", &["deny", "a1"]),
    ] {
        let scene = Scene::new();
        let agent = "cmd:grep -q operator $OMK_TASK_FILE && { echo 1 > one.txt; exit; }; \
                     echo '{\"type\":\"ask\",\"text\":\"Which colour?\"}'";
        let path = scene.plan(&(task("one", "") + GATE));
        let run = ["run", "Do it", "--until-ready", "--plan", &path, "--agent", agent];
        if name == "answer" {
            say(documents, &scene, "run-asking", &run);
            say(documents, &scene, "status-asking", &["status"]);
            say(documents, &scene, "why-asking", &["why"]);
            say(documents, &scene, "list-asking", &["list"]);
        } else {
            scene.omk(&[&["goal"][..], &run].concat());
        }
        say(documents, &scene, name, words);
    }
}

fn of_a_goal_that_is_not_ready(documents: &mut Documents) {
    let scene = Scene::with(&[("gate.sh", "! grep -qs bad *.txt\n")]);
    let run = "grep -q 'say go[o]d' $OMK_TASK_FILE && echo good > one.txt || echo bad > one.txt";
    let plan = scene.plan(&(slice("one", "writes = [\"one.txt\"]\nretries = 0", run) + GATE));
    say(documents, &scene, "run-not-ready", &["run", "Do it", "--until-ready", "--plan", &plan]);
    say(documents, &scene, "why-not-ready", &["why"]);
    say(documents, &scene, "retry", &["retry", "--slice", "one", "--hint", "say good"]);
}

/// A doctor who finds git and no agent.
fn of_the_doctor(documents: &mut Documents) {
    let scene = Scene::new();
    let bin = scene.place.path("bin");
    std::fs::create_dir(&bin).unwrap();
    let path = std::env::var_os("PATH").unwrap();
    for tool in ["sh", "git", "cat", "sleep", "touch", "env", "grep"] {
        let found = std::env::split_paths(&path).map(|dir| dir.join(tool)).find(|file| file.is_file()).unwrap();
        symlink(found, bin.join(tool)).unwrap();
    }
    for (name, words) in
        [("doctor", &["doctor", "--json"][..]), ("doctor-agent", &["doctor", "--agent", "cmd:true", "--json"])]
    {
        let mut command = scene.command(words);
        let ran = Ran(command.env("PATH", &bin).output().unwrap());
        documents.compare(&format!("{name}.txt"), &shapes(&ran));
    }
    let kept = scene.place.path("demo");
    let ran = scene.omk(&["demo", "--keep", kept.to_str().unwrap(), "--json"]);
    documents.compare("demo.txt", &shapes(&ran));
}

/// What is refused, each with the whole document.
fn of_errors(documents: &mut Documents) {
    let scene = Scene::new();
    let path = scene.plan(&plan());
    let mut text = String::new();
    let mut say = |scene: &Scene, words: &[&str]| {
        let ran = scene.omk(&[words, &["--json"]].concat());
        let shown = words.join(" ").replace(&path, "PLAN");
        let place = scene.place.path("").to_str().unwrap().trim_end_matches('/').to_owned();
        let root = scene.repo.root.to_str().unwrap();
        let printed = ran.stdout().replace(&place, "PLACE").replace(root, "REPOSITORY");
        let id = if scene.place.state().join("goals").exists() { scene.id() } else { "ID".to_owned() };
        text.push_str(&format!(
            "{} ({})\n{}",
            shown.replace(&id, "ID"),
            ran.code().unwrap(),
            printed.replace(&id, "ID")
        ));
    };
    for words in [
        &["goal", "show"][..],
        &["goal", "nonsense"],
        &["goal", "run"],
        &["goal", "run", ""],
        &["goal", "run", "x", "--plan", "nowhere.toml"],
        &["goal", "run", "x", "--policy", "auto-pr"],
        &["goal", "run", "x", "--agent", "nobody"],
        &["goal", "list", "--status", "odd"],
        &["goal", "status", "unknown-1"],
        &["goal", "budget-add"],
        &["goal", "plan", "x", "-C", "/"],
    ] {
        say(&scene, words);
    }
    assert_eq!(scene.omk(&["goal", "run", "Do it", "--until-ready", "--plan", &path]).code(), Some(0));
    for words in [
        &["goal", "resume"][..],
        &["goal", "pause"],
        &["goal", "cancel"],
        &["goal", "execute"],
        &["goal", "retry", "--slice", "one"],
        &["goal", "retry", "--slice", "nobody"],
        &["goal", "steer", "--slice", "one", "--text", "x"],
        &["goal", "answer", "a1", "--text", "x"],
        &["goal", "approve", "a1"],
        &["goal", "budget-add", "--tokens", "1"],
        &["goal", "diff", "--slice", "nobody"],
        &["goal", "why", "--slice", "nobody"],
        &["goal", "logs", "--actor", "nobody"],
    ] {
        say(&scene, words);
    }
    let journal = scene.goal().join("events.jsonl");
    let damaged = std::fs::read_to_string(&journal).unwrap().replacen("\"run_started\"", "\"run_starteD\"", 1);
    std::fs::write(&journal, damaged).unwrap();
    for words in [&["goal", "show"][..], &["goal", "list"], &["goal", "proof", "--verify"]] {
        say(&scene, words);
    }
    documents.compare("errors.txt", &text);
}

/// Each group has a directory of its own.
fn kept(group: &str, fill: fn(&mut Documents)) {
    let mut documents = Documents::of(&format!("commands/{group}"));
    fill(&mut documents);
    documents.finish();
}

#[test]
fn documents_about_a_ready_goal_keep_their_fields() {
    kept("ready", of_a_ready_goal);
}

#[test]
fn documents_of_runs_keep_their_fields() {
    kept("run", of_a_run);
}

#[test]
fn documents_about_a_run_under_way_keep_their_fields() {
    kept("under_way", of_a_run_under_way);
}

#[test]
fn documents_about_questions_keep_their_fields() {
    kept("questions", of_questions);
}

#[test]
fn documents_about_a_goal_that_is_not_ready_keep_their_fields() {
    kept("not_ready", of_a_goal_that_is_not_ready);
}

#[test]
fn documents_of_the_doctor_and_the_demo_keep_their_fields() {
    kept("machine", of_the_doctor);
}

#[test]
fn errors_stay_as_they_are() {
    kept("errors", of_errors);
}
