//! What commands advise once part of it was followed, and that none of them contradicts another.

use serde_json::{Value, json};

use crate::support::omk::{Place, Ran};
use crate::support::orphan::orphaned;
use crate::support::scene::{GATE, Scene, slice, until};

/// A slice that says that it used so many tokens, and waits to be ended for it until the mark `go`.
fn greedy(scene: &Scene, tokens: u64, more: &str) -> String {
    let says = format!("echo '{{\"type\":\"usage\",\"output_tokens\":{tokens}}}'");
    let run = format!("{says}\n{}; echo x > greedy.txt", scene.wait_for("spent", "go"));
    slice("greedy", &format!("writes = [\"greedy.txt\"]\n{more}"), &run)
}

/// A slice that asks once for a colour.
fn asking(id: &str) -> String {
    let told = format!("if grep -q 'yes[:] blue' $OMK_TASK_FILE; then echo blue > {id}.txt; exit 0; fi\n");
    let ask = "echo '{\"type\":\"ask\",\"text\":\"Which colour?\"}'";
    slice(id, &format!("writes = [\"{id}.txt\"]"), &(told + ask))
}

fn assert_ready(ran: &Ran) {
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
}

/// Whatever shows what goes on says the same, and no text of it proposes what is `done`.
fn assert_advised(scene: &Scene, next: &Value, done: &str) {
    assert_eq!([&scene.json("status")["next"], &scene.json("show")["next"]], [next, next]);
    let needs = scene.json("list")["goals"][0]["needs"].clone();
    assert!(needs.as_str().unwrap().ends_with(next[0].as_str().unwrap()), "{needs}");
    assert_eq!(scene.json("why")["commands"], *next);
    for verb in ["status", "list", "show", "why"] {
        let text = scene.omk(&["goal", verb]).stdout();
        assert!(!text.contains(done), "{verb}: {text}");
    }
}

fn resume(scene: &Scene) -> String {
    format!("omk goal resume {}", scene.id())
}

#[test]
fn a_question_that_was_answered_is_not_put_again_and_the_next_one_is() {
    let scene = Scene::new();
    let ran = scene.run(&(asking("one") + &asking("two") + GATE), &["--max-agents", "1"]);
    assert_eq!(ran.code(), Some(3), "{}", ran.stderr());
    let asked = scene.json("status")["questions"].as_array().unwrap().len();
    assert_eq!(asked, 2);
    let answer = |question: &str| format!("omk goal answer {}.{question}", scene.id());
    let other = format!("{} --text \"…\"", answer("a2"));
    assert_ready(&scene.omk(&["goal", "approve", "a1", "--text", "blue"]));
    assert_advised(&scene, &json!([other, resume(&scene)]), &answer("a1"));
    assert_ready(&scene.omk(&["goal", "approve", "a2", "--text", "blue"]));
    assert_advised(&scene, &json!([resume(&scene)]), "omk goal answer");
    let reason = scene.json("status")["reason"].clone();
    assert_eq!(reason, "answered since: slice `one` asks a1: Which colour?");
    assert_ready(&scene.omk(&["goal", "resume"]));
}

#[test]
fn a_budget_that_was_raised_enough_is_not_asked_for_again() {
    let scene = Scene::new();
    let ran = scene.run(&(greedy(&scene, 120, "") + GATE), &["--budget-tokens", "100"]);
    assert_eq!(ran.code(), Some(7), "{}", ran.stderr());
    let add = format!("omk goal budget-add {} --tokens …", scene.id());
    assert_ready(&scene.omk(&["goal", "budget-add", "--tokens", "10"]));
    assert_advised(&scene, &json!([add, resume(&scene)]), "more was added");
    assert_ready(&scene.omk(&["goal", "budget-add", "--tokens", "1000"]));
    assert_advised(&scene, &json!([resume(&scene)]), "budget-add");
    let reason = scene.json("status")["reason"].clone();
    assert_eq!(reason, "more was added since: the budget of tokens is used up");
    scene.make("go");
    assert_ready(&scene.omk(&["goal", "resume"]));
}

#[test]
fn a_slice_that_may_spend_again_goes_on_with_the_goal() {
    let scene = Scene::new();
    let ran = scene.run(&(greedy(&scene, 120, "budget = { tokens = 100 }") + GATE), &[]);
    assert_eq!(ran.code(), Some(7), "{}", ran.stderr());
    assert_ready(&scene.omk(&["goal", "budget-add", "--slice", "greedy", "--tokens", "1000"]));
    assert_advised(&scene, &json!([resume(&scene)]), "budget-add");
    let reason = "its budget of 100 tokens is used up; more was added since";
    assert_eq!(scene.json("show")["slices"][0]["reason"], reason);
    assert_eq!(scene.json("why")["slices"][0]["commands"][0], json!(resume(&scene)));
    scene.make("go");
    assert_ready(&scene.omk(&["goal", "resume"]));
}

#[test]
fn every_command_says_of_an_orphan_that_its_process_died() {
    let scene = orphaned();
    for verb in ["status", "why", "budget", "show"] {
        let text = scene.omk(&["goal", verb]).stdout();
        assert!(text.contains("running (orphaned)"), "{verb}: {text}");
        assert!(!text.contains("a run is under way"), "{verb}: {text}");
        assert!(verb == "budget" || text.contains(&resume(&scene)), "{verb}: {text}");
    }
    assert_eq!(scene.json("why")["reason"], scene.json("status")["reason"]);
    // The journal's word alone, which knows of no death.
    let shown = scene.json("show");
    assert_eq!([&shown["reason"], &shown["next"]], [&json!("a run is under way"), &json!([])]);
}

#[test]
fn more_for_a_slice_or_a_role_reaches_the_run() {
    let scene = Scene::new();
    let dir = scene.place.path(".config/omk");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("config.toml"), "[budget.roles.executor]\ntokens = 900\n").unwrap();
    let slow = format!("{}; echo slow > slow.txt", scene.wait_for("on", "end"));
    let plan = slice("slow", "writes = [\"slow.txt\"]", &slow) + &greedy(&scene, 120, "budget = { tokens = 100 }");
    let mut session = scene.start_plan(&(plan + GATE), &["--max-agents", "2"]);
    scene.see("on");
    until("it is given up", || !scene.records_of("slice_given_up").is_empty());
    let add = |whose: &[&str]| scene.omk(&[&["goal", "budget-add", "--json", "--tokens", "1000"], whose].concat());
    let said = |ran: Ran| (ran.code(), ran.json()["limits"].clone(), ran.json()["next"].clone());
    let retry = format!("omk goal retry {} --slice greedy", scene.id());
    assert_eq!(said(add(&["--slice", "greedy"])), (Some(0), json!({"tokens": 1100}), json!(retry)));
    let status = format!("omk goal status {}", scene.id());
    assert_eq!(said(add(&["--role", "executor"])), (Some(0), json!({"tokens": 1900}), json!(status)));
    for (whose, refusal) in [
        (["--slice", "slow"], "slice `slow` has no limit of tokens"),
        (["--slice", "nobody"], "has no slice `nobody`"),
        (["--role", "security"], "role security has no limit of tokens"),
    ] {
        let refused = add(&whose);
        assert_eq!(refused.code(), Some(2), "{}", refused.stdout());
        assert!(refused.stderr().contains(refusal), "{}", refused.stderr());
    }
    scene.make("go");
    assert_ready(&scene.omk(&["goal", "retry", "--slice", "greedy"]));
    scene.make("end");
    assert_eq!(session.code(), Some(0), "{}", session.stderr());
    assert_eq!((scene.integrated("greedy.txt"), scene.records_of("run_started").len()), ("x".into(), 1));
}

#[test]
fn a_refusal_names_the_verb_that_was_typed() {
    let scene = Scene::new();
    assert_eq!(scene.run(&(asking("one") + GATE), &[]).code(), Some(3));
    assert_ready(&scene.omk(&["goal", "cancel"]));
    for (words, verb) in
        [(&["budget-add", "--time", "1m"][..], "budget-add"), (&["answer", "latest.a1", "--yes"], "answer")]
    {
        let refused = scene.omk(&[&["goal"], words].concat());
        let said = format!("is cancelled and cannot be taken up by `{verb}`");
        assert!(refused.stderr().contains(&said), "{}", refused.stderr());
    }
}

#[test]
fn without_any_goal_every_command_says_how_one_is_begun() {
    let place = Place::new();
    for verb in ["status", "why", "budget", "show"] {
        let refused = place.run(&["goal", verb]);
        assert_eq!(refused.code(), Some(2), "{verb}");
        assert!(refused.stderr().contains("begin one: omk goal run \"...\""), "{verb}: {}", refused.stderr());
    }
}

#[test]
fn a_slice_whose_agent_may_change_nothing_is_noted_with_its_place() {
    let scene = Scene::new();
    let checks = slice("checks", "", "true");
    let path =
        scene.plan(&(checks + "[[slices]]\nid = \"idle\"\n\n[[slices]]\nid = \"busy\"\nwrites = [\"x\"]\n" + GATE));
    let note = "plan.toml:6:6: slice `idle` has neither `writes` nor `merges`: its agent may change nothing";
    for verb in ["plan", "run"] {
        let ran = scene.omk(&["goal", verb, "Do it", "--plan", &path, "--agent", "cmd:true"]);
        assert_ready(&ran);
        let notes: Vec<_> = ran.stderr().lines().filter(|it| it.contains("neither")).map(str::to_owned).collect();
        assert!(notes.len() == 1 && notes[0].ends_with(note), "{verb}: {notes:?}");
    }
}
