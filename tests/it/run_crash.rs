//! `kill -9` of the real program after every record of its journal: the resumed goal is the undisturbed one.
//!
//! A sample of the records here; all of them with `OMK_CRASH_EVERY=1`. (At every fsync and rename: `benches/crash.sh`.)

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Seek};
use std::path::Path;

use omk::store::codec::{genesis, position_of};
use omk::store::replay::replay;
use omk::workflow::state::GoalState;
use omk::workflow::view::goal_view;
use serde_json::Value;

use crate::support::orphan::{assert_nobody_left, names};
use crate::support::scene::{Scene, Session, slice, until};

/// How many of the records are tried without being asked for more.
const SAMPLE: usize = 6;
/// Two gates.
const GATES: &str =
    "[[gates]]\nname = \"check\"\ncommand = \"sh gate.sh\"\n[[gates]]\nname = \"look\"\ncommand = \"test -e a.txt\"\n";

/// Three slices, one of which comes after another and one of which merges with a third.
fn plan() -> String {
    let one = slice("one", "writes = [\"one.txt\"]", "echo one > one.txt");
    let two = slice("two", "after = [\"one\"]\nwrites = [\"two.txt\"]", "cat one.txt > two.txt; echo two >> two.txt");
    let three = slice("three", "writes = [\"three.txt\"]", "echo three > three.txt");
    format!("{one}{two}{three}{GATES}")
}

/// What has to be the same however often the run was interrupted.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    status: String,
    tree: String,
    integrated: Vec<String>,
    gates: BTreeMap<String, String>,
    reviews: BTreeMap<String, String>,
}

impl Outcome {
    fn of(scene: &Scene) -> Self {
        let view = scene.json("show");
        let slices = scene.records_of("slice_integrated");
        let mut integrated: Vec<_> = slices.iter().map(|it| it["slice"].as_str().unwrap().to_owned()).collect();
        integrated.sort();
        let verdicts = |rows: &Value, name: &[&str], verdict: &str| {
            let rows = rows.as_array().unwrap().iter();
            let key = |row: &Value| name.iter().fold(row, |row, key| &row[*key]).to_string();
            rows.map(|row| (key(row), row[verdict].to_string())).collect()
        };
        let proof = scene.json("proof");
        Self {
            status: view["status"].as_str().unwrap().to_owned(),
            tree: scene.repo.git(&["rev-parse", &format!("omk/{}/integration^{{tree}}", scene.id())]),
            integrated,
            gates: verdicts(&proof["gates"], &["gate"], "outcome"),
            reviews: verdicts(&view["reviews"], &["role"], "verdict"),
        }
    }
}

fn undisturbed() -> (Outcome, Vec<u8>) {
    let scene = Scene::new();
    let ran = scene.run(&plan(), &[]);
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    (Outcome::of(&scene), fs::read(scene.goal().join("events.jsonl")).unwrap())
}

/// Starts a run and kills it as soon as the journal has `records` lines; whether it was still at work then.
fn killed_after(scene: &Scene, records: usize) -> bool {
    let mut session = scene.start_plan(&plan(), &[]);
    let goals = scene.place.state().join("goals");
    until("the goal is there", || !names(&goals).is_empty());
    let journal = scene.goal().join("events.jsonl");
    until("the record is there", || lines(&journal) >= records || session.has_ended());
    kill_now(&mut session)
}

fn lines(journal: &Path) -> usize {
    let Ok(mut file) = fs::File::open(journal) else { return 0 };
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).unwrap();
    bytes.iter().filter(|&&byte| byte == b'\n').count()
}

fn kill_now(session: &mut Session) -> bool {
    if !session.has_ended() {
        session.signal(rustix::process::Signal::KILL);
    }
    session.end().code().is_none()
}

/// Kills a run after `records` records, resumes it, and returns what it came to.
fn crashed(records: usize) -> (Outcome, bool) {
    let scene = Scene::new();
    let killed = killed_after(&scene, records);
    assert_nobody_left(&scene);
    let status = scene.json("status")["status"].as_str().unwrap().to_owned();
    if status != "ready" {
        let resumed = scene.omk(&["goal", "resume"]);
        assert_eq!(resumed.code(), Some(0), "after {records}: {}{}", resumed.stdout(), resumed.stderr());
    }
    assert_nobody_left(&scene);
    assert_eq!(names(&scene.goal().join("worktrees")), [""; 0], "after {records}");
    assert_eq!(names(&scene.goal().join("repo.git/worktrees")), [""; 0], "after {records}");
    // What a dead attempt left half written is not taken for evidence that was changed.
    let check = scene.omk(&["goal", "proof", "--verify"]);
    assert_eq!(check.code(), Some(0), "after {records}: {}", check.stdout());
    (Outcome::of(&scene), killed)
}

#[test]
fn a_run_killed_after_any_record_ends_as_if_it_had_not_been() {
    let (whole, journal) = undisturbed();
    let records = journal.iter().filter(|&&byte| byte == b'\n').count();
    let every = std::env::var("OMK_CRASH_EVERY").ok().and_then(|every| every.parse().ok());
    let every = every.unwrap_or(records.div_ceil(SAMPLE)).max(1);
    let mut killed = 0;
    for after in (2..=records).step_by(every) {
        let (outcome, was) = crashed(after);
        killed += usize::from(was);
        assert_eq!(outcome, whole, "killed after record {after} of {records}");
    }
    eprintln!("killed {killed} of {} runs, of {records} records each", (2..=records).step_by(every).count());
    assert!(killed > 0, "no run was caught at work");
}

#[test]
fn every_prefix_of_a_journal_folds_and_the_fold_is_the_same_in_one_go_and_step_by_step() {
    let (_, journal) = undisturbed();
    let events = replay(&journal, genesis()).unwrap().events;
    let mut steps = GoalState::default();
    for (count, event) in events.iter().enumerate() {
        steps.apply(event);
        let prefix = GoalState::replay(&events[..=count]);
        assert_eq!(prefix, steps);
        assert!(goal_view(&prefix).is_some(), "{}", position_of(event).seq);
    }
}
