//! Sessions over the Agent Client Protocol: begun, gone on with, lost; and what the operator says into them.

use omk::domain::agent::{AgentEnd, AgentEvent};
use omk::domain::budget::Usage;
use omk::domain::task::AgentSession;
use serde_json::{Value, json};

use crate::support::conversation::{Played, Stage};

/// A stage for an agent that says one word a turn and knows `past`, with a session to go on with.
fn going_on(resume: &str, past: Value, more: Value) -> Stage {
    let notes = json!({});
    let mut quirks = json!({"resume": resume, "handshake_ms": 20_000});
    quirks.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut stage = Stage::fake(&notes, quirks);
    let prompts = stage.outside("prompts");
    play(&mut stage, json!({"turns": [[{"say": "on"}]], "past": past, "prompts": prompts}));
    let used = Usage { usd_micros: Some(500), ..Usage::default() };
    let (agent, id) = ("it".to_owned(), "old".to_owned());
    let worktree = "worktree".into();
    stage.session = Some(AgentSession { agent, id, worktree, used, cut_off: true, failures: 0, news: 0 });
    stage
}

fn play(stage: &mut Stage, part: Value) {
    let entry = json!({"env": {"FAKE_AGENT": part.to_string()}});
    stage.settings.profiles.configure("it", entry).expect("a profile");
}

fn prompts(stage: &Stage) -> String {
    std::fs::read_to_string(stage.outside("prompts")).expect("prompts")
}

fn sessions(played: &Played) -> Vec<&str> {
    let ids = played.events.iter().filter_map(|event| match event {
        AgentEvent::Session { id } => Some(id.as_str()),
        _ => None,
    });
    ids.collect()
}

#[tokio::test]
async fn a_session_that_is_begun_is_named() {
    let mut stage = Stage::fake(&json!({}), json!({}));
    play(&mut stage, json!({"turns": [[{"say": "hello"}]]}));
    let played = stage.play().await;
    assert_eq!((&played.report.end, sessions(&played)), (&AgentEnd::Finished, vec!["fake-1"]), "{}", played.log);
}

#[tokio::test]
async fn a_session_is_gone_on_with_and_told_why() {
    for resume in ["resume", "load"] {
        let stage = going_on(resume, json!([]), json!({}));
        let played = stage.play().await;
        assert_eq!((&played.report.end, sessions(&played)), (&AgentEnd::Finished, vec!["old"]), "{}", played.log);
        assert!(prompts(&stage).contains("You were cut off"), "{}", prompts(&stage));
        assert!(!played.frames.contains("session/new") && played.frames.contains(&format!("session/{resume}")));
    }
}

#[tokio::test]
async fn what_an_agent_tells_of_the_past_is_no_news() {
    let past = json!([
        {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "old words\n"}},
        {"sessionUpdate": "tool_call", "toolCallId": "t", "title": "old work", "status": "completed"},
        {"sessionUpdate": "usage_update", "used": 1, "size": 2, "cost": {"amount": 0.0005, "currency": "USD"}},
    ]);
    let stage = going_on("load", past, json!({}));
    let played = stage.play().await;
    assert_eq!((&played.report.end, played.said()), (&AgentEnd::Finished, vec!["on"]), "{}", played.log);
    assert_eq!(played.report.usage, Usage::default());
    assert!(!played.log.contains("old"), "{}", played.log);
}

#[tokio::test]
async fn the_cost_of_a_session_that_goes_on_is_charged_once() {
    let cost =
        json!({"sessionUpdate": "usage_update", "used": 1, "size": 2, "cost": {"amount": 0.0007, "currency": "USD"}});
    let charged = async |goes_on: bool| {
        let mut stage = going_on("resume", json!([]), json!({"cost_goes_on": goes_on}));
        play(&mut stage, json!({"turns": [[{"say": "on"}, {"update": cost}]], "past": []}));
        stage.play().await.report.usage.usd_micros
    };
    assert_eq!((charged(true).await, charged(false).await), (Some(200), Some(700)));
}

#[tokio::test]
async fn a_process_that_does_not_go_on_with_the_cost_of_the_one_before_begins_anew() {
    let cost = |amount: f64| {
        let cost = json!({"amount": amount, "currency": "USD"});
        json!({"update": {"sessionUpdate": "usage_update", "used": 1, "size": 2, "cost": cost}})
    };
    let charged = async |costs: Value| {
        let mut stage = going_on("resume", json!([]), json!({"cost_goes_on": true}));
        play(&mut stage, json!({"turns": [costs], "past": []}));
        stage.play().await.report.usage.usd_micros
    };
    // 500 were counted before.
    assert_eq!(charged(json!([cost(0.0003), cost(0.0009)])).await, Some(900));
    assert_eq!(charged(json!([cost(0.0006), cost(0.0009)])).await, Some(400));
}

#[tokio::test]
async fn use_that_messages_tell_counts_once_with_what_the_end_of_the_turn_tells() {
    let chunk = |input: u64, output: u64| {
        let usage =
            json!({"inputTokens": input, "outputTokens": output, "cachedReadTokens": 5, "totalTokens": input + output});
        let content = json!({"type": "text", "text": "x"});
        json!({"update": {"sessionUpdate": "agent_message_chunk", "content": content, "_meta": {"usage": usage}}})
    };
    let call =
        json!({"update": {"sessionUpdate": "tool_call", "toolCallId": "1", "title": "make", "status": "completed"}});
    let used = async |turn: Value, usage: bool| {
        let mut stage = Stage::fake(&json!({}), json!({}));
        play(&mut stage, json!({"turns": [turn], "usage": usage}));
        stage.play().await.report.usage
    };
    let usage = |input_tokens, output_tokens, cached_tokens| Usage {
        input_tokens,
        output_tokens,
        cached_tokens,
        usd_micros: None,
    };
    // The second report of a call has more of it; the same input behind a tool is another call.
    assert_eq!(used(json!([chunk(10, 1), chunk(10, 2), call, chunk(10, 2)]), false).await, usage(20, 4, 10));
    // The end of the turn tells 20 and 10.
    assert_eq!(used(json!([chunk(10, 2)]), true).await, usage(20, 10, 5));
    assert_eq!(used(json!([chunk(10, 2), chunk(12, 9)]), true).await, usage(22, 11, 10));
    if std::env::var_os("OMK_ACP_AGENT").is_some() {
        eprintln!("\n*** SKIPPED: the agent that OMK_ACP_AGENT names dies before its last message is out ***\n");
        return;
    }
    assert_eq!(used(json!([chunk(10, 2), "die"]), false).await, usage(10, 2, 5));
}

#[tokio::test]
async fn where_a_session_is_gone_or_cannot_go_on_a_new_one_is_told_everything() {
    for resume in ["resume", "load", "no"] {
        let stage = going_on(resume, Value::Null, json!({}));
        let played = stage.play().await;
        assert_eq!((&played.report.end, sessions(&played)), (&AgentEnd::Finished, vec!["fake-1"]), "{}", played.log);
        let told = prompts(&stage);
        assert!(told.contains("Your slice: The first") && told.contains("holds earlier work"), "{told}");
        assert!(played.log.contains("this is a new one"), "{}", played.log);
    }
}

#[tokio::test]
async fn an_unknown_agent_goes_on_as_it_offers() {
    for (offers, method) in [(json!(["load"]), "session/load"), (json!(["load", "resume"]), "session/resume")] {
        let mut stage = going_on("offered", json!([]), json!({}));
        play(&mut stage, json!({"turns": [[{"say": "on"}]], "past": [], "offers": offers}));
        let played = stage.play().await;
        assert_eq!((&played.report.end, sessions(&played)), (&AgentEnd::Finished, vec!["old"]), "{}", played.log);
        assert!(played.frames.contains(method), "{}", played.frames);
    }
    let played = going_on("offered", json!([]), json!({})).play().await;
    assert_eq!((&played.report.end, sessions(&played)), (&AgentEnd::Finished, vec!["fake-1"]), "{}", played.log);
}

#[tokio::test]
async fn an_agent_that_dies_of_its_session_is_started_again_for_a_new_one() {
    let mut stage = going_on("load", json!([]), json!({}));
    let prompts_at = stage.outside("prompts");
    play(&mut stage, json!({"turns": [[{"say": "on"}]], "past": [], "fragile": true, "prompts": prompts_at}));
    let played = stage.play().await;
    assert_eq!((&played.report.end, sessions(&played)), (&AgentEnd::Finished, vec!["fake-1"]), "{}", played.log);
    assert!(prompts(&stage).contains("Your slice: The first"), "{}", prompts(&stage));
}

#[tokio::test]
async fn what_was_heard_of_a_start_is_kept_where_the_second_one_fails() {
    let dir = tempfile::tempdir().expect("a directory");
    let shell = dir.path().join("agent");
    std::os::unix::fs::symlink("/bin/sh", &shell).expect("a link");
    let command = json!([shell, "-c", format!("echo its last words >&2; rm {}; exit 3", shell.display())]);
    let played = Stage::configured(json!({"like": "gemini", "command": command})).play().await;
    let AgentEnd::Unavailable { detail } = &played.report.end else { panic!("{:?}", played.report.end) };
    assert!(detail.starts_with("failed to "), "{detail}");
    assert!(played.log.contains("its last words") && played.frames.contains("initialize"), "{}", played.log);
}

#[tokio::test]
async fn the_first_start_in_a_home_is_alone_and_one_that_was_spoilt_is_tried_again() {
    let places = tempfile::tempdir().expect("a directory");
    let part = |name: &str| json!({"set_up": places.path().join(name), "turns": [[{"say": "up"}]]});
    let stage = Stage::fake(&part("alone"), json!({"first_start_alone": true}));
    let host = stage.host();
    let greet = || host.greet("it", stage.path(""));
    let all = tokio::join!(greet(), greet(), greet(), greet());
    assert!(all.0.is_ok() && all.1.is_ok() && all.2.is_ok() && all.3.is_ok(), "{all:?}");
    // Somebody else is at it, and done soon.
    std::fs::create_dir(places.path().join("other")).expect("a directory");
    let played = Stage::fake(&part("other"), json!({})).play().await;
    assert_eq!(played.report.end, AgentEnd::Finished, "{}", played.log);
    assert!(played.log.contains("database is locked"), "{}", played.log);
}

#[tokio::test]
async fn the_operator_speaks_into_the_turn_as_the_agent_hears_it() {
    if std::env::var_os("OMK_ACP_AGENT").is_some() {
        eprintln!("\n*** SKIPPED: the agent that OMK_ACP_AGENT names hears no operator ***\n");
        return;
    }
    let begun = |event: &AgentEvent| matches!(event, AgentEvent::Message { text } if text == "ready");
    for steer in [json!({"method": "_session/steering"}), json!("prompt")] {
        let mut stage = Stage::fake(&json!({}), json!({"steer": steer}));
        play(&mut stage, json!({"turns": [[{"say": "ready"}, "heed"]], "usage": true}));
        let played = stage.play_told("use tabs", begun).await;
        let expected = (&AgentEnd::Finished, vec!["ready", "heard use tabs"], 30);
        assert_eq!((&played.report.end, played.said(), played.report.usage.tokens()), expected, "{}", played.log);
        assert!(played.log.contains("[the operator says: use tabs]"), "{}", played.log);
    }
}

#[tokio::test]
async fn words_that_come_too_late_for_a_turn_are_said_behind_it() {
    let begun = |event: &AgentEvent| matches!(event, AgentEvent::Message { text } if text == "ready");
    for steer in [json!({"method": "_session/steering"}), json!("no")] {
        let mut stage = Stage::fake(&json!({}), json!({"steer": steer}));
        let prompts_at = stage.outside("prompts");
        let waits = json!({"run": ["true"]});
        let turns = json!([[{"say": "ready"}, waits], [{"say": "with tabs"}]]);
        play(&mut stage, json!({"steered": "promptRequired", "turns": turns, "prompts": prompts_at}));
        let played = stage.play_told("use tabs", begun).await;
        assert_eq!(
            (&played.report.end, played.said().last()),
            (&AgentEnd::Finished, Some(&"with tabs")),
            "{}",
            played.log
        );
        assert_eq!(prompts(&stage).lines().last(), Some("\"use tabs\""));
    }
}

#[tokio::test]
async fn an_agent_that_says_nothing_any_more_is_ended_and_can_go_on_later() {
    let mut stage = Stage::fake(&json!({}), json!({"idle_ms": 300}));
    play(&mut stage, json!({"turns": [[{"say": "ready"}, "hang"]]}));
    let played = stage.play().await;
    let AgentEnd::Failed { detail } = &played.report.end else { panic!("{:?}", played.report.end) };
    assert!(detail.starts_with("the agent said nothing for 300ms"), "{detail}");
    assert!(played.frames.contains("session/cancel"), "{}", played.frames);
}

#[tokio::test]
async fn a_call_that_a_turn_left_open_excuses_no_silence_in_the_next_one() {
    let call = |kind: &str| json!({"update": {"sessionUpdate": kind, "toolCallId": "1", "title": "make", "status": "in_progress"}});
    let refused = json!({"ask": {"toolCallId": "2", "kind": "execute", "rawInput": {"command": "git push"}}});
    let mut stage = Stage::fake(&json!({}), json!({"idle_ms": 300, "reject_ends_turn": true}));
    let late = call("tool_call_update");
    play(&mut stage, json!({"turns": [[call("tool_call"), refused, {"stop": "cancelled"}], [late, "hang"]]}));
    let played = stage.play().await;
    let AgentEnd::Failed { detail } = &played.report.end else { panic!("{:?}", played.report.end) };
    assert!(detail.starts_with("the agent said nothing for 300ms"), "{detail}");
    let tool = |done| AgentEvent::Tool { id: "1".into(), title: "make".into(), done };
    let tools: Vec<_> = played.events.iter().filter(|event| matches!(event, AgentEvent::Tool { .. })).collect();
    assert_eq!(tools, [&tool(false), &tool(true)]);
    assert!(played.log.contains("[make: its end was not told]"), "{}", played.log);
}

#[tokio::test]
async fn words_of_the_operator_that_nobody_hears_are_in_the_log() {
    let last = |event: &AgentEvent| matches!(event, AgentEvent::Message { text } if text == "last");
    let (waits, refused) = (
        json!({"run": ["true"]}),
        json!({"ask": {"toolCallId": "1", "kind": "execute", "rawInput": {"command": "git push"}}}),
    );
    let failing = json!([[{"say": "last"}, waits, {"fail": [-32603, "boom"]}]]);
    let mut refusing = vec![json!([refused]); 7];
    refusing.push(json!([{"say": "last"}, waits, refused]));
    for (turns, end) in [(failing, "boom"), (json!(refusing), "the agent did not go on after 8 refusals")] {
        let mut stage = Stage::fake(&json!({}), json!({"reject_ends_turn": true}));
        play(&mut stage, json!({"turns": turns}));
        let played = stage.play_told("use tabs", last).await;
        assert!(
            matches!(&played.report.end, AgentEnd::Failed { detail } if detail.contains(end)),
            "{:?}",
            played.report.end
        );
        assert!(played.log.ends_with("[the agent was not told what the operator said: use tabs]\n"), "{}", played.log);
    }
}

/// The same agent, which prints `answer` when it is asked what its sessions used.
fn asked(stage: &mut Stage, answer: &str) {
    let agent = &stage.settings.profiles.find("it").expect("a profile").command;
    let command = [&["sh", "-c", "exec \"$@\"", "sh"].map(str::to_owned)[..], agent].concat();
    let entry = json!({"command": command, "quirks": {"usage_ask": ["-c", answer]}});
    stage.settings.profiles.configure("it", entry).expect("a profile");
}

const ALL: &str =
    r#"test {session} = fake-1 || test {session} = old && echo '[{"input": 120, "output": 30, "usd": 0.5}]'"#;

#[tokio::test]
async fn an_agent_whose_turns_tell_too_little_is_asked_what_its_session_used() {
    let used =
        |input_tokens, output_tokens, usd_micros| Usage { input_tokens, output_tokens, usd_micros, cached_tokens: 0 };
    for (answer, usage) in [(ALL, used(120, 30, Some(500_000))), ("exit 1", used(20, 10, None))] {
        let mut stage = Stage::fake(&json!({"turns": [[{"say": "done"}]], "usage": true}), json!({}));
        asked(&mut stage, answer);
        let played = stage.play().await;
        assert_eq!((&played.report.end, played.report.usage), (&AgentEnd::Finished, usage), "{}", played.log);
    }
}

#[tokio::test]
async fn what_was_counted_of_a_session_before_is_not_counted_again() {
    let mut stage = going_on("resume", json!([]), json!({}));
    if let Some(session) = &mut stage.session {
        session.used = Usage { input_tokens: 100, output_tokens: 30, cached_tokens: 0, usd_micros: Some(500_000) };
    }
    asked(&mut stage, ALL);
    let played = stage.play().await;
    assert_eq!(played.report.usage, Usage { input_tokens: 20, ..Usage::default() }, "{}", played.log);
}

#[tokio::test]
async fn who_stops_an_agent_does_not_wait_for_its_account() {
    let mut stage = Stage::fake(&json!({"turns": [[{"say": "ready"}, "hang"]]}), json!({}));
    asked(&mut stage, ALL);
    let played = stage.play_until(|event| matches!(event, AgentEvent::Message { .. })).await;
    assert_eq!((&played.report.end, played.report.usage), (&AgentEnd::Stopped, Usage::default()), "{}", played.log);
}
