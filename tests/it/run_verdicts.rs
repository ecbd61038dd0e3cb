//! What the output of a gate says beside its exit status, gates that give both answers, and slices without a change.

use std::fs;

use serde_json::{Value, json};

use crate::support::acp_goal::{self, Bench};
use crate::support::scene::{GATE, Scene, slice};

/// The outcomes of the gate on the base, in order.
fn on_base(scene: &Scene) -> Vec<Value> {
    let finished = scene.records_of("gate_finished").into_iter().filter(|it| it["scope"]["kind"] == "base");
    finished.map(|it| it["result"]["outcome"].clone()).collect()
}

fn gaps(scene: &Scene) -> Vec<String> {
    let gaps = scene.json("proof")["gaps"].clone();
    gaps.as_array().unwrap().iter().map(|gap| gap.as_str().unwrap().to_owned()).collect()
}

fn slice_states(scene: &Scene) -> Vec<Value> {
    scene.json("status")["slices"].as_array().unwrap().iter().map(|slice| slice["state"].clone()).collect()
}

/// Waits, in an attempt's worktree, until the gate has run on the base.
const AFTER_BASE: &str = "until grep -q '\"scope\":{\"kind\":\"base\"}' ../../events.jsonl; do sleep 0.01; done; ";

#[test]
fn a_failed_test_in_the_final_summary_is_red_whatever_the_exit_status() {
    let gate = "if [ -e broken ]; then echo 'test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s'; exit 101; fi\necho 'test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s'\n";
    let scene = Scene::with(&[("t.sh", gate), ("gate.sh", "sh t.sh | cat\n")]);
    let ran = scene.run(&(slice("one", "writes = [\"broken\"]\nretries = 0", "echo x > broken") + GATE), &["--json"]);
    let reason = ran.json()["reason"].as_str().unwrap().to_owned();
    assert_eq!(ran.code(), Some(5), "{reason}");
    assert!(reason.contains("gate `check` exits with 0, but its test runner counts 1 failed test(s)"), "{reason}");
    let finished = scene.records_of("gate_finished");
    let outcome = json!({"kind": "tests_failed", "failed": 1});
    assert!(finished.iter().any(|it| it["result"]["outcome"] == outcome), "{finished:?}");
}

#[test]
fn a_runner_that_ran_no_test_is_not_green_and_the_base_has_a_gap() {
    let gate = "if [ -e x_test ]; then printf 'ok  \\tm\\t0.01s\\n'; else printf '?   \\tm\\t[no test files]\\n'; fi\n";
    let scene = Scene::with(&[("gate.sh", gate)]);
    let run = "echo x > one.txt; if grep -q 'ran no [t]est' $OMK_TASK_FILE; then echo x > x_test; fi";
    let ran = scene.run(&(slice("one", "writes = [\"one.txt\", \"x_test\"]", run) + GATE), &[]);
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    assert_eq!(on_base(&scene), [json!({"kind": "no_tests"})]);
    let gaps = gaps(&scene);
    for gap in ["gate `check` ran no test on the base", "gate `check` does not say how many tests it ran"] {
        assert!(gaps.iter().any(|it| it == gap), "{gaps:?}");
    }
}

#[test]
fn a_gate_in_whose_output_no_runner_is_recognised_leaves_a_gap() {
    let scene = Scene::new();
    let plan = slice("one", "writes = [\"one.txt\"]", "echo x > one.txt") + GATE;
    let ran = scene.run(&plan, &[]);
    let gap = "gate `check` does not show that it ran tests: no test runner was recognised in its output";
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    assert!(gaps(&scene).iter().any(|it| it == gap) && ran.stdout().contains(gap), "{}", ran.stdout());
}

#[test]
fn a_test_that_is_mended_is_not_lost_where_the_runner_names_failures_only() {
    let gate = "if [ -e mended.txt ]; then printf 'ok  \\tm\\t0.01s\\n'; else printf -- '--- FAIL: TestIt (0.00s)\\nFAIL\\nFAIL\\tm\\t0.01s\\nFAIL\\n'; exit 1; fi\n";
    let scene = Scene::with(&[("gate.sh", gate)]);
    let ran = scene.run(&(slice("one", "writes = [\"mended.txt\"]", "echo x > mended.txt") + GATE), &[]);
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    assert_eq!(on_base(&scene), vec![json!({"kind": "red", "exit": 1}); 2], "what is red on the base is run again");
    assert!(!gaps(&scene).iter().any(|gap| gap.contains("never seen red")), "{:?}", gaps(&scene));
}

#[test]
fn an_attempt_that_loses_a_test_is_told_at_once() {
    let gate = "cat tests.txt\n";
    let tests = "running 2 tests\ntest a ... ok\ntest b ... ok\n\ntest result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
    let scene = Scene::with(&[("gate.sh", gate), ("tests.txt", tests)]);
    let drop = "sed -i -e '/test b/d' -e 's/2 tests/1 test/' -e 's/2 passed/1 passed/' tests.txt";
    let add = "sed -i -e 's/2 tests/3 tests/' -e 's/2 passed/3 passed/' -e '/test a/i test c ... ok' tests.txt";
    let run = format!("{AFTER_BASE}if grep -q 'without 1 [t]est' $OMK_TASK_FILE; then {add}; else {drop}; fi");
    let ran = scene.run(&(slice("one", "writes = [\"tests.txt\"]\nretries = 1", &run) + GATE), &[]);
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    let ends = scene.records_of("attempt_finished");
    let told = &ends[0]["outcome"]["feedback"];
    assert_eq!(told["summary"], "gate `check` is green without 1 test(s) of the base: b", "{ends:?}");
    assert_eq!((&ends[1]["outcome"], ends.len()), (&json!({"kind": "passed"}), 2));
}

#[test]
fn a_gate_that_gives_both_answers_on_the_base_is_flaky_and_no_evidence() {
    let scene = Scene::new();
    let mark = scene.mark("ran").display().to_string();
    scene.repo.write("gate.sh", &format!("if [ -e {mark} ]; then exit 0; fi; touch {mark}; exit 1\n"));
    scene.repo.commit_all("flaky");
    let run = format!("{AFTER_BASE}echo x > one.txt");
    let ran = scene.run(&(slice("one", "writes = [\"one.txt\"]", &run) + GATE), &[]);
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    assert_eq!(on_base(&scene), [json!({"kind": "red", "exit": 1}), json!({"kind": "green"})]);
    assert_eq!(scene.records_of("flake_seen")[0]["scope"], json!({"kind": "base"}));
    let gaps = gaps(&scene);
    let said = |what: &str| gaps.iter().any(|gap| gap.contains(what)) && ran.stdout().contains(what);
    assert!(said("gate `check` is flaky: it gave both answers on tree "), "{gaps:?}");
    assert!(said("gate `check` was never seen red here"), "{gaps:?}");
}

#[test]
fn a_command_that_had_nothing_to_change_completes_its_slice() {
    let scene = Scene::new();
    let fmt = slice("fmt", "writes = [\"a.txt\"]", "true");
    let first = slice("first", "writes = [\"first.txt\"]", "echo x > first.txt");
    let between = slice("between", "after = [\"first\"]\nwrites = [\"c.txt\"]", "true");
    let next = slice("next", "after = [\"fmt\", \"between\"]\nwrites = [\"b\"]", "cat first.txt > b");
    let ran = scene.run(&(fmt + &first + &between + &next + GATE), &[]);
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    assert_eq!(scene.integrated("b"), "x", "what stands behind an unchanged slice is there");
    assert_eq!(slice_states(&scene), ["unchanged", "integrated", "unchanged", "integrated"]);
    assert_eq!(scene.records_of("slice_unchanged")[0]["why"], json!({"kind": "command_succeeded"}));
    assert_eq!(scene.records_of("attempt_offered").len(), 4);
    let proof = scene.omk(&["goal", "proof", "--verify"]);
    assert_eq!(proof.code(), Some(0), "{}", proof.stdout());
}

#[test]
fn a_goal_whose_tree_is_its_base_is_not_ready() {
    let nothing = [slice("one", "writes = [\"a.txt\"]", "true")];
    let there_and_back = [
        slice("one", "writes = [\"x.txt\"]", "echo x > x.txt"),
        slice("two", "after = [\"one\"]\nwrites = [\"x.txt\"]", "rm x.txt"),
    ];
    for slices in [&nothing[..], &there_and_back[..]] {
        let scene = Scene::new();
        let ran = scene.run(&(slices.concat() + GATE), &["--json"]);
        let settled = ran.json();
        assert_eq!((ran.code(), &settled["status"]), (Some(5), &json!("not_ready")), "{settled}");
        assert_eq!(settled["reason"], "nothing changed");
        assert_eq!(scene.branches(), ["main"]);
    }
}

#[test]
fn an_agent_that_changed_nothing_asks_once_and_a_yes_completes_the_slice() {
    let bench = Bench::new(Scene::new(), &json!([acp_goal::shell("true")]));
    let next = slice("next", "after = [\"one\"]\nwrites = [\"b\"]", "echo b > b");
    let ran = bench.run(&(acp_goal::slice("one", "") + &next), &["--no-input"]);
    assert_eq!(ran.code(), Some(3), "{}{}", ran.stdout(), ran.stderr());
    let scene = &bench.scene;
    assert_eq!(scene.records_of("attempt_offered").len(), 1);
    assert_eq!(scene.records_of("question_asked")[0]["about"], "unchanged");
    assert!(scene.omk(&["goal", "status"]).stdout().contains("--yes"));
    assert_eq!(scene.omk(&["goal", "approve", "a1"]).code(), Some(0));
    let resumed = scene.omk(&["goal", "resume"]);
    assert_eq!(resumed.code(), Some(0), "{}{}", resumed.stdout(), resumed.stderr());
    assert_eq!(scene.records_of("slice_unchanged")[0]["why"], json!({"kind": "answered"}));
    assert_eq!(slice_states(scene), ["unchanged", "integrated"]);
}

#[test]
fn an_agent_with_nothing_to_do_behind_what_mended_a_red_gate_is_done() {
    let scene = Scene::with(&[("gate.sh", "test -e mended.txt\n"), ("a.txt", "a\n")]);
    let bench = Bench::new(scene, &json!([acp_goal::shell("true")]));
    let mend = slice("mend", "writes = [\"mended.txt\"]", &format!("{AFTER_BASE}sleep 0; echo x > mended.txt"));
    let ran = bench.run(&(mend + &acp_goal::slice("one", "after = [\"mend\"]")), &[]);
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    let why = json!({"kind": "gate_mended", "gate": "check"});
    assert_eq!(bench.scene.records_of("slice_unchanged")[0]["why"], why);
    assert!(fs::exists(bench.scene.goal().join("proof.json")).unwrap());
}
