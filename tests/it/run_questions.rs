//! What only a person may allow: asked, answered, and what becomes of it where nobody answers.

use serde_json::{Value, json};

use crate::support::acp_goal::{Bench, shell, slice};
use crate::support::git_repo::write_executable;
use crate::support::omk::Ran;
use crate::support::scene::{GATE, Scene};

const QUESTION: &str =
    "May this slice's agent run `docker run x`? Answer `allow docker run`, or say what to do instead.";

/// An agent that asks for permission, says what came of it, and then does its work.
fn bench(unattended: Option<&str>) -> Bench {
    let call = json!({"toolCallId": "1", "kind": "execute", "rawInput": {"command": "docker run x"}});
    let bench = Bench::new(Scene::new(), &json!([{"ask": call}, shell("echo 1 > one.txt")]));
    let mut commands = json!({"asked": ["docker run"]});
    if let Some(policy) = unattended {
        commands["unattended"] = policy.into();
    }
    bench.configure("no", commands);
    bench
}

fn run(bench: &Bench, more: &[&str]) -> (Option<i32>, Value) {
    let ran = bench.run(&slice("one", ""), &[&["--json"], more].concat());
    (ran.code(), ran.json()["status"].clone())
}

/// What the agent said of its permission, attempt by attempt.
fn permitted(bench: &Bench) -> Vec<String> {
    let logs = (1..9).map(|attempt| bench.scene.goal().join(format!("artifacts/agent-runs/one.{attempt}.log")));
    let logs = logs.map_while(|log| std::fs::read_to_string(log).ok());
    logs.flat_map(|log| log.lines().filter(|line| line.starts_with("chose ")).map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// Wherever an answer is proposed, it is the same command, whole.
fn assert_proposed(scene: &Scene, answer: &str) {
    let command = format!("omk goal answer {}.a1 {answer}", scene.id());
    for verb in ["status", "why", "list", "logs"] {
        let text = scene.omk(&["goal", verb]).stdout();
        let proposed = text.matches("omk goal answer ").count();
        assert_eq!((proposed > 0, text.matches(&command).count()), (true, proposed), "{verb}: {text}");
    }
}

fn assert_ready(ran: &Ran) {
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
}

#[test]
fn a_question_needs_you_and_a_yes_grants_what_it_names() {
    // What holds where nobody answers says nothing of a run in which somebody does.
    let bench = bench(Some("allow"));
    assert_eq!(run(&bench, &[]), (Some(3), json!("blocked_on_human")));
    let scene = &bench.scene;
    assert_eq!(scene.records_of("question_asked"), [json!({"id": "a1", "slice": "one", "text": QUESTION})]);
    let status = scene.json("status");
    assert_eq!(status["questions"][0]["text"], QUESTION, "{status}");
    assert_proposed(scene, "--yes");
    assert_ready(&scene.omk(&["goal", "approve", "a1"]));
    assert_ready(&scene.omk(&["goal", "resume"]));
    let prompts = bench.prompts();
    let told = format!("## the operator's answer to a1, \"{QUESTION}\"\n```\nyes\n```");
    assert!(prompts.len() == 2 && prompts[1].contains(&told), "{prompts:?}");
    assert_eq!(permitted(&bench), ["chose yes"]);
}

#[test]
fn an_agent_that_asked_goes_on_in_its_session_with_question_and_answer() {
    let scene = Scene::new();
    let script = format!(
        "#!/bin/sh\nM={}\ncat > $M/task.$OMK_ATTEMPT\necho '{{\"type\":\"session\",\"id\":\"s-1\"}}'\n\
         [ $OMK_ATTEMPT = 1 ] && {{ echo half > one.txt; echo '{{\"type\":\"ask\",\"text\":\"Which  colour?\"}}'; exit; }}\n\
         cp one.txt $M/found; echo whole > one.txt\n",
        scene.place.path("marks").display()
    );
    write_executable(&scene.place.path("."), "agent.sh", &script);
    let agent = format!("cmd:{}", scene.place.path("agent.sh").display());
    let plan = slice("one", "") + GATE;
    assert_eq!(scene.run(&plan, &["--agent", &agent]).code(), Some(3));
    assert_proposed(&scene, "--text \"…\"");
    assert_ready(&scene.omk(&["goal", "answer", "a1", "--text", "blue"]));
    assert_ready(&scene.omk(&["goal", "resume"]));
    let task: Value = serde_json::from_slice(&std::fs::read(scene.mark("task.2")).unwrap()).unwrap();
    assert_eq!((&task["session"], &task["workspace"]), (&json!({"id": "s-1", "cut_off": true}), &json!("continued")));
    let summary = "the operator's answer to a1, \"Which colour?\"";
    assert_eq!(task["feedback"], json!([{"kind": "operator", "summary": summary, "detail": "blue"}]));
    assert_eq!(std::fs::read_to_string(scene.mark("found")).unwrap(), "half\n");
}

#[test]
fn an_answer_in_words_is_what_the_next_attempt_reads_and_grants_nothing() {
    let bench = bench(None);
    assert_eq!(run(&bench, &[]).0, Some(3));
    assert_ready(&bench.scene.omk(&["goal", "answer", "a1", "--no", "--text", "use podman"]));
    let resumed = bench.scene.omk(&["goal", "resume", "--json"]);
    // This agent asks again, whatever it was told.
    assert_eq!((resumed.code(), bench.scene.records_of("question_asked").len()), (Some(3), 2));
    assert!(bench.prompts()[1].contains("```\nno: use podman\n```"), "{:?}", bench.prompts());
}

#[test]
fn where_nobody_answers_the_agent_is_refused_in_its_turn_and_goes_on() {
    let bench = bench(None);
    assert_eq!(run(&bench, &["--no-input"]), (Some(0), json!("ready")));
    assert_eq!((permitted(&bench), bench.scene.records_of("attempt_offered").len()), (vec!["chose no".to_owned()], 1));
    assert_eq!(bench.scene.records_of("question_asked").len(), 0);
}

#[test]
fn where_nobody_answers_the_user_may_have_allowed_it_beforehand() {
    let bench = bench(Some("allow"));
    assert_eq!(run(&bench, &["--no-input"]), (Some(0), json!("ready")));
    assert_eq!(permitted(&bench), ["chose yes"]);
}

#[test]
fn where_nobody_answers_and_it_is_to_be_asked_all_the_same_the_last_attempt_blocks_the_goal() {
    let bench = bench(Some("ask"));
    assert_eq!(run(&bench, &["--no-input"]), (Some(3), json!("blocked_on_human")));
    assert_eq!(bench.scene.records_of("attempt_offered").len(), 3);
    assert_eq!(bench.scene.records_of("question_asked").len(), 1);
    let prompts = bench.prompts();
    let told = "nobody answers questions in this run: decide yourself and say what you assumed";
    assert!(prompts[1].contains(told) && prompts[1].contains(&format!("you asked: {QUESTION}")), "{}", prompts[1]);
}
