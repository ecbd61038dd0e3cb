//! The files that prove a goal: each is named in the journal, and missed where it is lost or changed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use omk::store::codec::genesis;
use omk::store::replay::replay;
use omk::workflow::evidence::named_evidence;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::acp_goal::{Bench, shell, slice};
use crate::support::git_repo::write_executable;
use crate::support::scene::{Scene, until};

/// A gate whose tests have names.
const GATE: &str = "printf 'running 1 test\\ntest it ... ok\\n\\n'\n\
                    echo 'test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out'\n";

/// Every path below a value that stands beside its hash.
fn paths_with_hash(value: &Value, paths: &mut BTreeSet<String>) {
    if let (Some(path), Some(_)) = (value["path"].as_str(), value["sha256"].as_str()) {
        paths.insert(path.to_owned());
    }
    let below: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        _ => Vec::new(),
    };
    below.into_iter().for_each(|value| paths_with_hash(value, paths));
}

/// The files below a directory, relative to `root`.
fn files(directory: &Path, root: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap().map(|it| it.unwrap().path()) {
        if entry.is_dir() {
            files(&entry, root, found);
        } else {
            found.insert(entry.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
        }
    }
}

fn ready_with_an_agent() -> Bench {
    let scene = Scene::with(&[("gate.sh", GATE), ("a.txt", "alpha\n")]);
    let bench = Bench::new(scene, &json!([shell("echo one > one.txt")]));
    let ran = bench.run(&slice("one", ""), &[]);
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    bench
}

#[test]
fn evidence_that_is_lost_or_changed_is_noticed_whatever_it_is() {
    let Bench { scene, .. } = &ready_with_an_agent();
    let mut named = BTreeSet::new();
    scene.records().iter().for_each(|record| paths_with_hash(record, &mut named));
    let mut kept = BTreeSet::new();
    files(&scene.goal().join("artifacts"), &scene.goal(), &mut kept);
    assert_eq!(kept, named, "the journal names every file of evidence");
    for kind in ["base.check", "one.1.check", "tip.check", "one.1.log", "one.1.frames.jsonl"] {
        assert!(kept.iter().any(|path| path.contains(kind)), "{kind}: {kept:?}");
    }

    let verify = || {
        let ran = scene.omk(&["goal", "proof", "--verify"]);
        let line = ran.stdout().lines().find(|line| line.contains(" evidence ")).unwrap_or_default().to_owned();
        (ran.code(), line)
    };
    let (code, line) = verify();
    assert_eq!(code, Some(0), "{line}");
    assert!(line.ends_with("1 agent log(s), 1 agent transcript(s)"), "{line}");
    for path in &kept {
        let file = scene.goal().join(path);
        let bytes = fs::read(&file).unwrap();
        fs::write(&file, [&bytes[..], b"x\n"].concat()).unwrap();
        let (code, line) = verify();
        assert_eq!((code, line.ends_with(&format!("not as recorded: {path} was changed"))), (Some(5), true), "{line}");
        fs::remove_file(&file).unwrap();
        let (code, line) = verify();
        assert_eq!((code, line.ends_with(&format!("not as recorded: {path} is lost"))), (Some(5), true), "{line}");
        fs::write(&file, bytes).unwrap();
    }
    assert_eq!(verify().0, Some(0));
    fs::remove_dir_all(scene.goal().join("artifacts/agent-runs")).unwrap();
    assert_eq!(verify().0, Some(5));
}

#[test]
fn the_log_of_a_deciding_gate_that_was_lost_is_replaced_by_running_the_gate_again() {
    let scene = Scene::with(&[("gate.sh", GATE)]);
    let plan = crate::support::scene::slice("one", "writes = [\"one.txt\"]", "echo one > one.txt");
    assert_eq!(scene.run(&(plan + crate::support::scene::GATE), &[]).code(), Some(0));
    let log = scene.records_of("gate_finished").last().unwrap()["result"]["log"]["path"].as_str().unwrap().to_owned();
    fs::remove_file(scene.goal().join(&log)).unwrap();
    assert_eq!(scene.omk(&["goal", "proof", "--verify"]).code(), Some(5));
    assert_eq!(scene.omk(&["goal", "verify"]).code(), Some(0));
    let ran = scene.omk(&["goal", "proof", "--verify"]);
    assert_eq!(ran.code(), Some(0), "{}", ran.stdout());
    assert!(ran.stdout().contains(&format!("replaced by newer runs: {log} is lost")), "{}", ran.stdout());
}

#[test]
fn no_kind_of_evidence_is_left_out() {
    let journal = include_str!("golden/events-v2.jsonl");
    let mut named = BTreeSet::new();
    for line in journal.lines() {
        paths_with_hash(&serde_json::from_str(line).unwrap(), &mut named);
    }
    let events = replay(journal.as_bytes(), genesis()).unwrap().events;
    let found: BTreeSet<_> = named_evidence(&events).into_iter().map(|evidence| evidence.file.path).collect();
    assert_eq!(found, named);
}

#[test]
fn what_was_heard_of_an_attempt_that_died_with_omk_is_kept_without_secrets() {
    let scene = Scene::with(&[("gate.sh", GATE)]);
    let says = "echo 'it uses sk-abcdefghijklmnop'; echo one > one.txt";
    let waits = scene.wait_for("on", "never");
    let script = format!("#!/bin/sh\n{says}\n[ $OMK_ATTEMPT -gt 1 ] || {{ {waits}; }}\n");
    write_executable(&scene.place.path("."), "agent.sh", &script);
    let agent = format!("cmd:{}", scene.place.path("agent.sh").display());
    let plan = slice("one", "") + crate::support::scene::GATE;
    let mut session = scene.start_plan(&plan, &["--agent", &agent]);
    scene.see("on");
    let runs = scene.goal().join("artifacts/agent-runs");
    let heard = || fs::read_to_string(runs.join("one.1.log.part")).unwrap_or_default();
    until("the words are on the disk", || heard() == "it uses [redacted]\n");
    session.signal(Signal::KILL);
    session.end();
    let resumed = scene.omk(&["goal", "resume"]);
    assert_eq!(resumed.code(), Some(0), "{}", resumed.stderr());
    let mut kept = BTreeSet::new();
    files(&runs, &runs, &mut kept);
    assert_eq!(kept, ["one.1.log.part", "one.2.log"].map(str::to_owned).into());
    assert_eq!(heard(), fs::read_to_string(runs.join("one.2.log")).unwrap());
    assert_eq!(scene.omk(&["goal", "proof", "--verify"]).code(), Some(0));
}
