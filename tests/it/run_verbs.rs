//! Verbs beside `run`, and what `--json` promises.

use std::fs;

use serde_json::{Value, json};

use crate::support::scene::{GATE, Scene, slice};

fn chain() -> String {
    let one = slice("one", "writes = [\"one.txt\"]\nmerges = [\"a.txt\"]", "echo one > one.txt");
    let two = slice("two", "after = [\"one\"]\nwrites = [\"two.txt\"]\nrisk = \"high\"", "echo two > two.txt");
    one + &two + GATE
}

#[test]
fn a_printed_plan_is_read_back_as_it_is() {
    let scene = Scene::new();
    let path = scene.plan(&chain());
    let before = scene.sacred();
    let first = scene.omk(&["goal", "plan", "Do it", "--plan", &path]);
    assert_eq!(first.code(), Some(0), "{}", first.stderr());
    scene.sacred().assert_as(&before);
    assert_eq!(scene.json("status")["status"], "planned");
    assert!(scene.goal().join("technical-plan.md").exists());
    assert!(!scene.goal().join("worktrees").exists());

    fs::write(&path, first.stdout()).unwrap();
    let second = scene.omk(&["goal", "plan", "Do it", "--plan", &path]);
    assert_eq!((second.code(), second.stdout()), (Some(0), first.stdout()), "{}", second.stderr());
}

#[test]
fn a_planned_goal_is_resumed_to_ready() {
    let scene = Scene::new();
    let path = scene.plan(&chain());
    assert_eq!(scene.omk(&["goal", "plan", "Do it", "--plan", &path]).code(), Some(0));
    let resumed = scene.omk(&["goal", "resume"]);
    assert_eq!(resumed.code(), Some(0), "{}{}", resumed.stdout(), resumed.stderr());
    assert_eq!(scene.integrated("two.txt"), "two");
}

#[test]
fn a_run_without_until_ready_proves_the_scaffold_and_stops() {
    let scene = Scene::new();
    let path = scene.plan(&chain());
    let ran = scene.omk(&["goal", "run", "Do it", "--plan", &path, "--json"]);
    assert_eq!((ran.code(), &ran.json()["status"]), (Some(0), &json!("planned")), "{}", ran.stderr());
    let gates: Vec<_> = scene.records_of("gate_finished").iter().map(|it| it["scope"]["kind"].clone()).collect();
    assert_eq!(gates, [json!("base")]);
    assert_eq!(scene.records_of("attempt_offered").len(), 0);
}

#[test]
fn execute_makes_one_pass_at_a_time() {
    let scene = Scene::new();
    let path = scene.plan(&chain());
    scene.omk(&["goal", "plan", "Do it", "--plan", &path]);
    let first = scene.omk(&["goal", "execute", "--json"]);
    assert_eq!((first.code(), &first.json()["status"]), (Some(0), &json!("planned")), "{}", first.stderr());
    let integrated: Vec<_> = scene.records_of("slice_integrated").iter().map(|it| it["slice"].clone()).collect();
    assert_eq!(integrated, [json!("one")]);
    let second = scene.omk(&["goal", "execute", "--json"]);
    assert_eq!((second.code(), &second.json()["status"]), (Some(0), &json!("ready")), "{}", second.stderr());
}

#[test]
fn verify_and_review_look_at_a_ready_goal_and_leave_it_ready() {
    let scene = Scene::new();
    assert_eq!(scene.run(&chain(), &[]).code(), Some(0));
    for verb in ["verify", "review"] {
        let ran = scene.omk(&["goal", verb, "--json"]);
        assert_eq!((ran.code(), &ran.json()["status"]), (Some(0), &json!("ready")), "{verb}: {}", ran.stderr());
        let check = scene.omk(&["goal", "proof", "--verify"]);
        assert_eq!(check.code(), Some(0), "after {verb}: {}", check.stdout());
    }
    let rerun = scene.omk(&["goal", "proof", "--verify", "--rerun"]);
    assert_eq!(rerun.code(), Some(0), "{}{}", rerun.stdout(), rerun.stderr());
}

#[test]
fn gc_removes_what_a_ready_goal_does_not_need_and_nothing_else() {
    let scene = Scene::new();
    assert_eq!(scene.run(&chain(), &[]).code(), Some(0));
    let (before, branches) = (scene.sacred(), scene.branches());
    let everything = scene.everything();
    assert_eq!(scene.omk(&["goal", "gc", "--dry-run"]).code(), Some(0));
    scene.everything().assert_as(&everything);

    let ran = scene.omk(&["goal", "gc", "--json"]);
    assert_eq!((ran.code(), &ran.json()["goals"][0]["id"]), (Some(0), &json!(scene.id())), "{}", ran.stderr());
    for name in ["worktrees", "repo.git"] {
        assert!(!scene.goal().join(name).exists(), "{name}");
    }
    assert_eq!(scene.branches(), branches);
    assert_eq!(scene.repo.git(&["for-each-ref", "refs/omk"]), "");
    scene.sacred().assert_as(&before);
    assert_eq!(scene.json("list")["goals"][0]["status"], "ready");
    let check = scene.omk(&["goal", "proof", "--verify"]);
    assert_eq!(check.code(), Some(0), "{}", check.stdout());
    scene.repo.git(&["fsck", "--strict"]);
}

#[test]
fn a_run_under_json_streams_the_journal_and_ends_with_how_it_settled() {
    let scene = Scene::new();
    let ran = scene.run(&chain(), &["--json"]);
    let mut lines: Vec<Value> = ran.stdout().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = lines.pop().unwrap();
    assert_eq!(
        (&last["schema"], &last["exit"], &last["id"]),
        (&json!("omk.settled/v1"), &json!(0), &json!(scene.id()))
    );
    assert!(lines.iter().all(|line| line["schema"] == "omk.event/v1"));
    let journal: Vec<_> = scene.records().iter().map(|record| record["hash"].clone()).collect();
    let shown: Vec<_> = lines.iter().map(|line| line["hash"].clone()).collect();
    let unseen = journal.len() - shown.len();
    // What was written before the run began is not streamed.
    assert_eq!(shown, journal[unseen..]);
    assert!(unseen <= 2, "{unseen} records were not shown");
}

#[test]
fn derived_files_can_be_deleted() {
    let scene = Scene::new();
    assert_eq!(scene.run(&chain(), &[]).code(), Some(0));
    let shown = scene.omk(&["goal", "show", "--json"]).stdout();
    let listed = scene.omk(&["goal", "list", "--json"]).stdout();
    for entry in fs::read_dir(scene.goal()).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() && entry.file_name() != "events.jsonl" {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    assert_eq!(scene.omk(&["goal", "show", "--json"]).stdout(), shown);
    assert_eq!(scene.omk(&["goal", "list", "--json"]).stdout(), listed);
    let check = scene.omk(&["goal", "proof", "--verify"]);
    assert_eq!(check.code(), Some(0), "{}", check.stdout());
    // `replay` writes them again.
    assert_eq!(scene.omk(&["goal", "replay"]).code(), Some(0));
}

#[test]
fn without_a_plan_the_bullets_of_the_goal_are_the_slices() {
    let scene = Scene::new();
    let agent = "cmd:sh -c 'echo x > $OMK_SLICE_ID.txt'";
    let words = ["goal", "run", "- first thing\n- second thing", "--until-ready", "--agent", agent];
    let ran = scene.omk(&[&words[..], &["--gate", "check=sh gate.sh", "--json"]].concat());
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    assert_eq!(scene.records_of("slice_integrated").len(), 2);
}
