//! Sessions over the Agent Client Protocol: begun, gone on with, told things, fallen silent.

use omk::domain::agent::{AgentEnd, AgentEvent};
use omk::domain::budget::Usage;
use omk::domain::task::AgentSession;
use omk::ports::Agents;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::agents::silence;
use crate::support::conversation::{Played, Stage};

fn session(id: &str, used: Usage) -> Option<AgentSession> {
    Some(AgentSession { agent: "it".into(), id: id.into(), worktree: "w".into(), used, cut_off: true })
}

fn usd(micros: u64) -> Usage {
    Usage { usd_micros: Some(micros), ..Usage::default() }
}

fn cost(amount: f64) -> Value {
    json!({"sessionUpdate": "usage_update", "used": 1, "size": 2, "cost": {"amount": amount, "currency": "USD"}})
}

fn words(text: &str) -> Value {
    json!({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}})
}

fn sessions(played: &Played) -> Vec<&str> {
    let ids = played.events.iter().filter_map(|event| match event {
        AgentEvent::Session { id } => Some(id.as_str()),
        _ => None,
    });
    ids.collect()
}

/// Plays a part in which the prompts are written down, and returns them with what came of it.
async fn prompted(mut part: Value, quirks: Value, earlier: Option<AgentSession>) -> (Played, Vec<String>) {
    heard(&mut part, quirks, earlier, silence()).await
}

async fn heard(
    part: &mut Value,
    quirks: Value,
    earlier: Option<AgentSession>,
    hints: UnboundedReceiver<String>,
) -> (Played, Vec<String>) {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("prompts");
    part["prompts"] = json!(file);
    let mut stage = Stage::fake(part, quirks);
    stage.session = earlier;
    let played = stage.play_told(hints).await;
    let prompts = std::fs::read_to_string(file).unwrap_or_default();
    let prompts = prompts.lines().map(|line| serde_json::from_str(line).expect("a text")).collect();
    (played, prompts)
}

#[tokio::test]
async fn a_session_is_made_known_before_anything_is_done_in_it() {
    let (played, prompts) = prompted(json!({"turns": [[{"say": "hm"}]]}), json!({}), None).await;
    assert_eq!(played.events.first(), Some(&AgentEvent::Session { id: "fake-1".into() }));
    assert!(prompts[0].contains("Your slice: The first"), "{prompts:?}");
}

#[tokio::test]
async fn a_session_goes_on_without_counting_or_telling_its_history_again() {
    let history =
        json!([words("long ago\n"), cost(0.5), {"sessionUpdate": "tool_call", "toolCallId": "1", "title": "old"}]);
    for (offers, method) in [(json!(["load"]), "session/load"), (json!(["load", "resume"]), "session/resume")] {
        let part = json!({"offers": offers, "known": "s-7", "history": history,
            "turns": [[{"update": cost(0.75)}, {"say": "the rest"}]]});
        let (played, prompts) = prompted(part, json!({"resume": "offered"}), session("s-7", usd(500_000))).await;
        assert_eq!(played.report.end, AgentEnd::Finished, "{}", played.log);
        assert_eq!((sessions(&played), played.said()), (vec!["s-7"], vec!["the rest"]));
        assert_eq!(played.report.usage, usd(250_000));
        assert!(prompts.len() == 1 && prompts[0].starts_with("You were cut off"), "{prompts:?}");
        assert!(played.frames.contains(method) && !played.frames.contains("session/new"), "{}", played.frames);
    }
}

#[tokio::test]
async fn a_total_of_the_process_alone_is_counted_whole() {
    let part = json!({"offers": ["resume"], "known": "s-7", "turns": [[{"update": cost(0.75)}, {"say": "x"}]]});
    let quirks = json!({"resume": "resume", "cost_scope": "process"});
    let (played, _) = prompted(part, quirks, session("s-7", usd(500_000))).await;
    assert_eq!(played.report.usage, usd(750_000));
}

#[tokio::test]
async fn a_session_that_is_unknown_or_cannot_be_taken_up_becomes_a_new_one_in_the_same_run() {
    let fresh = async |part: Value, quirks: Value| {
        let (played, prompts) = prompted(part, quirks, session("s-7", usd(500_000))).await;
        assert_eq!((&played.report.end, sessions(&played)), (&AgentEnd::Finished, vec!["fake-1"]), "{}", played.log);
        assert!(prompts.len() == 1 && prompts[0].contains("Your slice: The first"), "{prompts:?}");
        assert_eq!(played.report.usage, usd(750_000));
        played.log
    };
    let turns = json!([[{"update": cost(0.75)}, {"say": "x"}]]);
    let log = fresh(json!({"offers": ["resume"], "known": "s-8", "turns": turns}), json!({"resume": "resume"})).await;
    assert!(log.contains("session s-7 cannot be gone on with: Resource not found"), "{log}");
    let log = fresh(json!({"known": "s-7", "turns": turns}), json!({"resume": "load"})).await;
    assert!(log.contains("the agent offers no way"), "{log}");
    // It dies of it: the program is started again.
    fresh(json!({"offers": ["load"], "known": "s-7", "fragile": true, "turns": turns}), json!({"resume": "load"}))
        .await;
}

#[tokio::test]
async fn the_operators_words_reach_a_turn_as_the_agent_takes_them() {
    for quirk in [json!({"method": "_session/steering"}), json!("prompt")] {
        let (hints, heard_by_it) = unbounded_channel();
        hints.send("use tabs".to_owned()).expect("a listener");
        let mut part = json!({"usage": true, "turns": [["heed", {"say": "done"}]]});
        let quirks = json!({"steer": quirk, "usage_source": "turn_usage"});
        let (played, prompts) = heard(&mut part, quirks, None, heard_by_it).await;
        assert_eq!(played.report.end, AgentEnd::Finished, "{}", played.log);
        let said = played.said();
        assert!(said.contains(&"use tabs") && said.last() == Some(&"done"), "{said:?}");
        assert_eq!(prompts.len(), 1, "{prompts:?}");
        // Both prompts of one turn tell the same.
        assert_eq!(played.report.usage, Usage { input_tokens: 20, output_tokens: 10, ..Usage::default() });
        assert!(played.log.contains("[the operator: use tabs]"), "{}", played.log);
    }
}

#[tokio::test]
async fn what_cannot_be_said_into_a_turn_is_said_behind_it() {
    for quirks in [json!({"steer": {"method": "_session/steering"}}), json!({"steer": "no"})] {
        let (hints, heard_by_it) = unbounded_channel();
        hints.send("use tabs".to_owned()).expect("a listener");
        let ask = json!({"ask": {"toolCallId": "1", "kind": "execute", "rawInput": {"command": "make"}}});
        let mut part = json!({"steered": "promptRequired", "turns": [[ask], [{"say": "with tabs"}]]});
        let (played, prompts) = heard(&mut part, quirks, None, heard_by_it).await;
        assert_eq!(played.report.end, AgentEnd::Finished, "{}", played.log);
        assert!(prompts.len() == 2 && prompts[1].contains("\nuse tabs\n"), "{prompts:?}");
        assert_eq!(played.said(), ["chose yes", "with tabs"]);
    }
}

#[test]
fn who_can_be_told_anything_is_known_from_the_profiles() {
    let host = Stage::configured(json!({"like": "claude"})).host();
    let hears = ["kimi", "claude", "codex", "opencode", "gemini", "it", "script", "cmd:cat", "acp:cat", "nobody"];
    let hears: Vec<_> = hears.into_iter().filter(|agent| host.hears(agent)).collect();
    assert_eq!(hears, ["claude", "codex", "opencode", "it"]);
}

#[tokio::test]
async fn an_agent_that_falls_silent_is_ended_so_that_its_session_can_go_on() {
    let end = async |steps: Value, idle: u64, tool: u64| {
        let quirks = json!({"idle_ms": idle, "tool_idle_ms": tool, "cancel_ms": 200});
        let mut stage = Stage::fake(&json!({"turns": [steps]}), quirks);
        stage.timeout_ms = 20_000;
        let played = stage.play().await;
        (played.report.end, played.frames)
    };
    let silent = |end: &AgentEnd| matches!(end, AgentEnd::Failed { detail } if detail.contains("said nothing for"));
    let call = json!({"update": {"sessionUpdate": "tool_call", "toolCallId": "1", "title": "make", "kind": "execute"}});
    let (ended, frames) = end(json!([{"say": "x"}, "hang"]), 150, 150).await;
    assert!(silent(&ended) && frames.contains("session/cancel"), "{ended:?}");
    let (ended, _) = end(json!([call, "hang"]), 50, 400).await;
    assert!(silent(&ended), "{ended:?}");
    // A command that it runs through us is ours to answer, however long it takes.
    let (ended, _) = end(json!([{"run": ["sleep", "0.6"]}]), 200, 200).await;
    assert_eq!(ended, AgentEnd::Finished);
}

#[tokio::test]
async fn a_tool_call_that_is_open_makes_a_longer_patience() {
    let call = json!({"update": {"sessionUpdate": "tool_call", "toolCallId": "1", "title": "make", "kind": "execute"}});
    let mut stage = Stage::fake(&json!({"turns": [[call, "hang"]]}), json!({"idle_ms": 50, "tool_idle_ms": 60_000}));
    stage.timeout_ms = 1_000;
    assert_eq!(stage.play().await.report.end, AgentEnd::TimedOut);
}

#[tokio::test]
async fn the_first_start_in_a_home_is_alone_and_one_that_was_spoilt_is_tried_again() {
    let places = tempfile::tempdir().expect("a directory");
    let part = |name: &str| json!({"set_up": places.path().join(name), "turns": [[{"say": "up"}]]});
    let stage = Stage::fake(&part("alone"), json!({"first_start_alone": true}));
    let host = stage.host();
    let greet = || host.greet("it", stage.path(""));
    let all = tokio::join!(greet(), greet(), greet(), greet());
    assert_eq!(all, (Ok(()), Ok(()), Ok(()), Ok(())));
    // Somebody else is at it, and done soon.
    std::fs::create_dir(places.path().join("other")).expect("a directory");
    let played = Stage::fake(&part("other"), json!({})).play().await;
    assert_eq!(played.report.end, AgentEnd::Finished, "{}", played.log);
    assert!(played.log.contains("database is locked"), "{}", played.log);
}
