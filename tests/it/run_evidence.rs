//! The files that prove a goal: each is named in the journal, and missed where it is lost or changed.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use omk::store::codec::genesis;
use omk::store::replay::replay;
use omk::workflow::evidence::named_evidence;
use omk::workflow::proof::{prove_by, render};
use rustix::fs::{CWD, FileType, Mode, mknodat};
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

/// What `proof --verify` says of the file: its exit code and its line.
fn file_check(scene: &Scene) -> (Option<i32>, String) {
    let ran = scene.omk(&["goal", "proof", "--verify"]);
    let line = ran.stdout().lines().find(|line| line.contains("proof.json")).unwrap_or_default().to_owned();
    (ran.code(), line)
}

fn ready() -> Scene {
    let scene = Scene::with(&[("gate.sh", GATE)]);
    let plan = crate::support::scene::slice("one", "writes = [\"one.txt\"]", "echo one > one.txt");
    assert_eq!(scene.run(&(plan + crate::support::scene::GATE), &[]).code(), Some(0));
    scene
}

#[test]
fn a_proof_that_differs_by_a_byte_fails_and_a_missing_one_is_written_again() {
    let scene = ready();
    let file = scene.goal().join("proof.json");
    let genuine = fs::read_to_string(&file).unwrap();
    assert_eq!(file_check(&scene).0, Some(0));
    let compact = serde_json::to_string(&serde_json::from_str::<Value>(&genuine).unwrap()).unwrap();
    let put = |before: &str, more: &str| genuine.replacen(before, &format!("{before}{more}"), 1);
    let forged = [
        ("an unknown field", put("{", "\n  \"signatures\": [{\"keyid\": \"trusted\"}],")),
        ("an unknown field of a gate", put("\"outcome\": {", "\n \"tests_run\": 900,")),
        ("a field twice", put("{", "\n  \"_type\": \"https://in-toto.io/Statement/v1\",")),
        ("other white space", compact),
        ("another end", genuine.trim_end().to_owned()),
        ("trailing bytes", genuine.clone() + " "),
        ("a second document", genuine.clone() + "{}\n"),
        ("a byte order mark", format!("\u{feff}{genuine}")),
        ("an escape for a letter", genuine.replacen("one", "\\u006fne", 1)),
        ("another number of the same value", genuine.replacen("\"attempts\": 1", "\"attempts\": 1e0", 1)),
        ("a claim", genuine.replacen("\"cold\": true", "\"cold\": false", 1)),
        ("fewer gaps", genuine.replacen("agents and gates ran unconfined", "agents and gates ran confined", 1)),
        ("older rules", genuine.replacen("\"rules\": 2", "\"rules\": 1", 1)),
        ("newer rules", genuine.replacen("\"rules\": 2", "\"rules\": 3", 1)),
        ("nothing", String::new()),
        ("no object", "[]".to_owned()),
    ];
    for (what, forged) in forged {
        assert_ne!(forged, genuine, "{what}");
        fs::write(&file, &forged).unwrap();
        let (code, line) = file_check(&scene);
        assert_eq!((code, line.starts_with("FAILS proof")), (Some(5), true), "{what}: {line}");
        assert_eq!(fs::read_to_string(&file).unwrap(), forged, "{what}: it is left for inspection");
        let again = scene.omk(&["goal", "proof", "--verify", "--rerun"]);
        assert_eq!(again.code(), Some(5), "{what}: the gates that run again hide it");
    }
    fs::write(&file, [&[0xff, 0xfe][..], genuine.as_bytes()].concat()).unwrap();
    assert_eq!(file_check(&scene).0, Some(5));

    fs::remove_file(&file).unwrap();
    assert_eq!(file_check(&scene).0, Some(0));
    assert_eq!(file_check(&scene).0, Some(0));
    assert!(fs::read_to_string(&file).unwrap().contains("\"status\": \"ready\""));
}

#[test]
fn a_proof_that_is_no_file_of_its_own_fails() {
    let scene = ready();
    let (file, elsewhere) = (scene.goal().join("proof.json"), scene.place.path("genuine.json"));
    fs::rename(&file, &elsewhere).unwrap();
    let fails = |what: &str| {
        let (code, line) = file_check(&scene);
        assert_eq!((code, line.starts_with("FAILS proof")), (Some(5), true), "{what}: {line}");
    };
    symlink(&elsewhere, &file).unwrap();
    fails("a symlink to the genuine bytes");
    fs::remove_file(&file).unwrap();
    symlink("nowhere", &file).unwrap();
    fails("a symlink to nothing");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    fails("a directory");
    fs::remove_dir(&file).unwrap();
    mknodat(CWD, &file, FileType::Fifo, Mode::RUSR, 0).unwrap();
    fails("a pipe");
    fs::remove_file(&file).unwrap();
    // Another name of the same bytes is no difference.
    fs::hard_link(&elsewhere, &file).unwrap();
    assert_eq!(file_check(&scene).0, Some(0));
}

#[test]
fn a_journal_or_a_directory_of_another_goal_proves_nothing() {
    let (scene, other) = (ready(), ready());
    let (dir, foreign) = (scene.goal(), other.goal());
    let id = scene.id();
    let fails = |what: &str| {
        let ran = scene.omk(&["goal", "proof", &id, "--verify"]);
        assert_eq!(
            (ran.code(), ran.stdout().starts_with("FAILS journal")),
            (Some(5), true),
            "{what}: {}",
            ran.stdout()
        );
    };
    let aside = scene.place.path("aside");
    fs::rename(&dir, &aside).unwrap();
    symlink(&aside, &dir).unwrap();
    fails("a symlink to the goal's own directory");
    fs::remove_file(&dir).unwrap();
    fs::rename(&foreign, &dir).unwrap();
    fails("the directory of another goal");
    fs::rename(&dir, &foreign).unwrap();
    fs::rename(&aside, &dir).unwrap();
    assert_eq!(scene.omk(&["goal", "proof", "--verify"]).code(), Some(0));
    let journal = dir.join("events.jsonl");
    fs::rename(&journal, &aside).unwrap();
    symlink(&aside, &journal).unwrap();
    fails("a journal that is a symlink");
}

#[test]
fn a_proof_of_an_earlier_release_or_of_an_earlier_moment_is_checked_as_what_it_is() {
    let scene = ready();
    let file = scene.goal().join("proof.json");
    let journal = fs::read(scene.goal().join("events.jsonl")).unwrap();
    let events = replay(&journal, genesis()).unwrap().events;
    let proof = |rules: u32, until: usize| render(&prove_by(rules, &events[..until]).unwrap());
    fs::write(&file, proof(1, events.len())).unwrap();
    let (code, line) = file_check(&scene);
    assert_eq!(code, Some(0), "{line}");
    let forged = String::from_utf8(proof(1, events.len())).unwrap().replacen('{', "{ ", 1);
    fs::write(&file, forged).unwrap();
    assert_eq!(file_check(&scene).0, Some(5));

    // A run that died left the proof of a goal that runs: it claims nothing, and is written anew.
    for rules in [1, 2] {
        fs::write(&file, proof(rules, events.len() - 3)).unwrap();
        let (code, line) = file_check(&scene);
        assert_eq!((code, line.contains("claimed no more")), (Some(0), true), "{line}");
        assert_eq!(fs::read(&file).unwrap(), proof(2, events.len()));
    }
}

#[test]
fn an_earlier_proof_that_hides_a_later_red_check_fails() {
    let scene = Scene::new();
    let red = scene.mark("red");
    scene.repo.write("gate.sh", &format!("[ ! -e {} ]\n", red.display()));
    scene.repo.commit_all("gate");
    let plan = crate::support::scene::slice("one", "writes = [\"one.txt\"]", "echo one > one.txt");
    assert_eq!(scene.run(&(plan + crate::support::scene::GATE), &[]).code(), Some(0));
    scene.repo.git(&["merge", "-q", &format!("omk/{}/integration", scene.id())]);
    let file = scene.goal().join("proof.json");
    let before = fs::read(&file).unwrap();
    scene.make("red");
    assert_eq!(scene.omk(&["goal", "verify"]).code(), Some(0));
    assert_eq!(file_check(&scene).0, Some(0));
    fs::write(&file, before).unwrap();
    let (code, line) = file_check(&scene);
    assert_eq!((code, line.contains("has said otherwise since")), (Some(5), true), "{line}");
    assert_eq!(scene.omk(&["goal", "replay"]).code(), Some(0));
    assert_eq!(file_check(&scene).0, Some(0));
}

#[test]
fn no_kind_of_evidence_is_left_out() {
    let journal = include_str!("golden/events-v2.jsonl");
    let mut named = BTreeSet::new();
    for line in journal.lines() {
        paths_with_hash(&serde_json::from_str(line).unwrap(), &mut named);
    }
    let events = replay(journal.as_bytes(), genesis()).unwrap().events;
    let found: BTreeSet<_> = named_evidence(&events, &[]).into_iter().map(|evidence| evidence.file.path).collect();
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
