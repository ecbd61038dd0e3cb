//! What is shown of a goal that no run works on: nothing of it claims to move, and attempts are counted as they count.

use std::fs;

use omk::cli::output::words::Tries;
use omk::domain::ids::Attempt;
use omk::domain::view::SliceState;
use serde_json::{Value, json};

use crate::support::orphan::{assert_resumes, orphaned, paused};
use crate::support::scene::{GATE, Scene, slice};

/// Of each slice its state, and what it waits for with what follows.
fn slices(scene: &Scene) -> Vec<Value> {
    let status = scene.json("status");
    let of = |slice: &Value| {
        let waits: Vec<_> = slice["waiting_for"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| json!([it["kind"], it["ref"], it["next"]]))
            .collect();
        json!([slice["id"], slice["state"], slice["step"], waits])
    };
    status["slices"].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn a_goal_that_is_cancelled_after_its_process_died_claims_no_work() {
    let scene = orphaned();
    assert_eq!(scene.omk(&["goal", "cancel"]).code(), Some(0));
    assert_eq!(slices(&scene), [json!(["done", "integrated", null, []]), json!(["slow", "cancelled", null, []])]);
    for verb in ["status", "show", "why"] {
        let text = scene.omk(&["goal", verb]).stdout();
        assert!(!text.contains("running") && !text.contains("follows"), "{verb}: {text}");
    }
    let why = scene.json("why");
    assert_eq!((&why["slices"][0]["next"], &why["commands"]), (&json!("nothing: the goal was cancelled"), &json!([])));
}

#[test]
fn a_paused_goal_says_what_follows_when_it_goes_on() {
    let scene = paused();
    let waits = json!([["goal", "paused", "attempt 1 of 3 follows when the goal goes on"]]);
    assert_eq!(slices(&scene), [json!(["done", "integrated", null, []]), json!(["slow", "waiting", null, waits])]);
    assert_resumes(&scene);
}

#[test]
fn an_interrupted_attempt_is_no_retry() {
    let scene = paused();
    let resumed = assert_resumes(&scene);
    assert!(!resumed.stdout().contains("retry") && !resumed.stdout().contains("retries"), "{}", resumed.stdout());
    let slow = scene.json("show")["slices"][1].clone();
    assert_eq!((&slow["attempt"], &slow["failures"], &slow["uncounted"]), (&json!(2), &json!(0), &json!(1)));
    let text = scene.omk(&["goal", "show"]).stdout();
    assert!(text.contains("merged, attempt 1 of 3 (2 in all)"), "{text}");
}

#[test]
fn attempts_are_counted_against_those_that_may_fail() {
    let text = |state, attempt, failures| Tries { state, attempt: Attempt(attempt), failures, most: 2 }.text();
    let expected = [
        (SliceState::Waiting, 0, 0, ""),
        (SliceState::Running, 1, 0, "attempt 1 of 2"),
        (SliceState::Running, 2, 1, "attempt 2 of 2"),
        (SliceState::Running, 4, 1, "attempt 2 of 2 (4 in all)"),
        (SliceState::Asking, 1, 0, "attempt 1 of 2"),
        (SliceState::Waiting, 2, 0, "2 attempts in all"),
        (SliceState::GivenUp, 2, 2, "2 of 2 attempts failed"),
        (SliceState::GivenUp, 4, 2, "2 of 2 attempts failed, 4 attempts in all"),
    ];
    for (state, attempt, failures, shown) in expected {
        assert_eq!(text(state, attempt, failures), shown);
    }
}

#[test]
fn a_retry_tries_the_slice_that_was_named_and_no_other() {
    let scene = Scene::new();
    let failing = |id: &str| slice(id, &format!("retries = 0\nwrites = [\"{id}.txt\"]"), "exit 1");
    let ran = scene.run(&(failing("one") + &failing("two") + GATE), &[]);
    assert_eq!(ran.code(), Some(5), "{}", ran.stderr());
    scene.omk(&["goal", "retry", "--slice", "one"]);
    let offered = |scene: &Scene| -> Vec<String> {
        let records = scene.records_of("attempt_offered");
        records.iter().map(|it| it["attempt"]["slice"].as_str().unwrap().to_owned()).collect()
    };
    let attempts = |slice: &str| offered(&scene).iter().filter(|it| *it == slice).count();
    assert_eq!((attempts("one"), attempts("two")), (2, 1));
    // A plain `resume` takes up everything again.
    scene.omk(&["goal", "resume"]);
    assert_eq!((attempts("one"), attempts("two")), (3, 2));
}

#[test]
fn a_slice_that_is_given_up_after_a_retry_has_one_count_of_its_attempts() {
    let scene = Scene::new();
    let ran = scene.run(&(slice("one", "retries = 0\nwrites = [\"one.txt\"]", "exit 3") + GATE), &[]);
    assert_eq!(ran.code(), Some(5), "{}", ran.stderr());
    let again = scene.omk(&["goal", "retry", "--slice", "one"]);
    assert!(again.stdout().contains("gave up  one: its attempt 2 failed"), "{}", again.stdout());
    let shown = scene.omk(&["goal", "show"]).stdout();
    assert!(shown.contains("given up, 1 of 1 attempts failed, 2 attempts in all"), "{shown}");
}

// ---- commands that are proposed ----

#[test]
fn what_cannot_be_taken_up_again_is_looked_at_by_its_own_id() {
    let scene = orphaned();
    assert_eq!(scene.omk(&["goal", "cancel"]).code(), Some(0));
    let (id, state) = (scene.id(), scene.place.state());
    let state = state.to_str().unwrap();
    for verb in ["resume", "execute"] {
        let said = scene.omk(&["goal", verb, &id]).stderr();
        assert!(said.contains(&format!("look at it with: omk goal show {id}\n")), "{verb}: {said}");
        let said = scene.omk(&["goal", verb, &id, "--state-dir", state]).stderr();
        assert!(said.contains(&format!("look at it with: omk --state-dir {state} goal show {id}\n")), "{verb}: {said}");
    }
}

#[test]
fn commands_name_the_state_directory_where_a_flag_did() {
    let scene = paused();
    let (id, state) = (scene.id(), scene.place.state());
    let state = state.to_str().unwrap();
    let resume = format!("omk goal resume {id} --state-dir {state}");
    for verb in ["status", "why", "list"] {
        let ran = scene.omk(&["goal", verb, "--state-dir", state]);
        let within = format!("omk --state-dir {state} goal resume {id}");
        assert!(ran.stdout().contains(&resume) || ran.stdout().contains(&within), "{verb}: {}", ran.stdout());
    }
    let next = scene.omk(&["goal", "status", "--json", "--state-dir", state]).json()["next"].clone();
    assert_eq!(next, json!([resume]));
}

#[test]
fn the_slices_of_logs_are_those_of_the_goal() {
    let scene = paused();
    let ran = scene.omk(&["goal", "logs", "--slice", "nope"]);
    assert_eq!((ran.code(), ran.stdout().as_str()), (Some(2), ""));
    assert!(ran.stderr().contains("has no slice `nope`"), "{}", ran.stderr());
}

#[test]
fn the_log_of_a_red_gate_shows_what_the_gate_printed() {
    let scene = Scene::new();
    let noise = "if [ -e one.txt ]; then for i in $(seq 40); do echo \"line $i\"; done; exit 7; fi\n";
    scene.repo.write("gate.sh", noise);
    scene.repo.commit_all("a gate that fails");
    let ran = scene.run(&(slice("one", "retries = 0\nwrites = [\"one.txt\"]", "echo 1 > one.txt") + GATE), &[]);
    assert_eq!(ran.code(), Some(5), "{}", ran.stderr());
    let logs = scene.omk(&["goal", "logs", "--slice", "one"]).stdout();
    for line in ["| line 1\n", "| line 4\n", "| … 28 lines\n", "| line 33\n", "| line 40\n"] {
        assert!(logs.contains(line), "{line:?} is not in:\n{logs}");
    }
    assert!(!logs.contains("| line 20"), "{logs}");
}

#[test]
fn garbage_is_counted_as_the_disk_counts_it() {
    let scene = paused();
    assert_resumes(&scene);
    let goal = scene.goal();
    // A name for a file that is there already takes no room; a small file takes a block.
    fs::write(goal.join("repo.git/small"), "x").unwrap();
    fs::hard_link(goal.join("repo.git/small"), goal.join("repo.git/again")).unwrap();
    let there: Vec<_> = ["worktrees", "repo.git", "repo.git.making", "gates", "tasks", "discarded"]
        .map(|name| goal.join(name))
        .into_iter()
        .filter(|path| path.exists())
        .collect();
    let du = std::process::Command::new("du").args(["-s", "-c", "-B1"]).args(there).output().unwrap();
    let said = String::from_utf8(du.stdout).unwrap();
    let total: u64 = said.lines().last().unwrap().split_whitespace().next().unwrap().parse().unwrap();
    let report = scene.omk(&["goal", "gc", "--dry-run", "--json"]).json();
    assert_eq!(report["goals"][0]["bytes"], json!(total));
}

#[test]
fn a_plan_takes_the_gates_and_the_agent_that_its_help_names() {
    let scene = Scene::new();
    let words = ["goal", "plan", "Do it", "--agent", "cmd:true", "--gate", "test=make test"];
    let ran = scene.omk(&words);
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    assert!(ran.stdout().contains("make test"), "{}", ran.stdout());
    assert_eq!(scene.json("show")["charter"]["agent"], "cmd:true");
}

// ---- a run that is looked at ----
