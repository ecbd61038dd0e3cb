//! What real agents said, said again: the recordings under `transcripts/` against our side of the protocol.

use omk::domain::agent::{AgentEnd, AgentEvent};
use omk::domain::budget::Usage;
use serde_json::json;

use crate::support::conversation::{Played, Stage, transcript};

fn stage(like: &str, recording: &str, prompt: usize) -> Stage {
    let env = json!({"REPLAY": transcript(recording), "REPLAY_PROMPT": prompt.to_string()});
    Stage::new(like, "support::replay::speaks", env, json!({"handshake_ms": 20_000}))
}

async fn replay(like: &str, recording: &str) -> (Stage, Played) {
    let stage = stage(like, recording, 1);
    let played = stage.play().await;
    (stage, played)
}

fn usage(input_tokens: u64, cached_tokens: u64, output_tokens: u64) -> Usage {
    Usage { input_tokens, cached_tokens, output_tokens, usd_micros: None }
}

/// The log without what the test harness and the agents' own diagnostics print.
fn spoken(log: &str) -> String {
    let noise = ["running 1 test", "test support::", "[session/", "To resume this session: "];
    log.lines()
        .filter(|line| !line.is_empty() && !noise.iter().any(|n| line.starts_with(n)))
        .collect::<Vec<_>>()
        .join("\n")
}

fn read(stage: &Stage, name: &str) -> String {
    std::fs::read_to_string(stage.path(name)).expect("a file")
}

#[tokio::test]
async fn kimi_writes_and_runs_through_us() {
    let (stage, played) = replay("kimi", "acp-kimi-basic-term").await;
    assert_eq!(played.report.end, AgentEnd::Finished, "{}", played.log);
    assert_eq!(
        (read(&stage, "hello.txt").as_str(), read(&stage, "count.txt").as_str()),
        ("hello from the mock\n", "20 hello.txt\n")
    );
    let worktree = stage.path("");
    let log = played.log.replace(worktree.to_str().expect("text"), "/w/");
    insta::assert_snapshot!(spoken(&log));
    assert_eq!(played.said(), ["All done."]);
}

#[tokio::test]
async fn kimis_usage_comes_from_its_session_files() {
    let stage = stage("kimi", "acp-kimi-basic-term", 1);
    let agent = stage.outside("home/.kimi-code/sessions/wd/session_c3cdb626-eb97-45e3-9218-197e4c99ed61/agents/main");
    std::fs::create_dir_all(&agent).expect("a directory");
    let record = json!({"type": "usage.record", "model": "mock", "usageScope": "turn",
        "usage": {"inputOther": 63, "output": 20, "inputCacheRead": 40, "inputCacheCreation": 0}});
    std::fs::write(agent.join("wire.jsonl"), format!("{record}\n{record}\n")).expect("a file");
    let played = stage.play().await;
    assert_eq!(played.report.usage, usage(206, 80, 40));
    let models =
        played.events.iter().filter(|event| matches!(event, AgentEvent::Usage { model: Some(m), .. } if m == "mock"));
    assert_eq!(models.count(), 2);
}

#[tokio::test]
async fn kimi_that_gave_up_waiting_for_its_model_is_limited_whatever_it_claims() {
    let stage = stage("kimi", "acp-kimi-basic-term", 1);
    let agent = stage.outside("home/.kimi-code/sessions/wd/session_c3cdb626-eb97-45e3-9218-197e4c99ed61/agents/main");
    std::fs::create_dir_all(&agent).expect("a directory");
    let retry = json!({"type": "turn.step.retrying", "failedAttempt": 1, "delayMs": 30_000, "time": 1_795_260_768_431_u64,
        "errorName": "APIProviderRateLimitError", "errorMessage": "429 slow down", "statusCode": 429});
    std::fs::write(agent.join("wire.jsonl"), format!("{retry}\n")).expect("a file");
    let played = stage.play().await;
    assert!(matches!(&played.report.end, AgentEnd::Limited { detail, .. } if detail == "429 slow down"), "{played:?}");
    let until = Some(omk::domain::ids::Timestamp(1_795_260_798_431));
    let (provider, detail) = (Some("moonshot".to_owned()), "429 slow down".to_owned());
    let limited = AgentEvent::Limited { provider, until, detail };
    assert!(played.events.contains(&limited), "{:?}", played.events);
}

#[tokio::test]
async fn a_command_of_kimis_that_writes_elsewhere_is_refused_and_the_turn_goes_on() {
    let (stage, played) = replay("kimi", "acp-kimi-term-refuse").await;
    assert_eq!(played.report.end, AgentEnd::Finished, "{}", played.log);
    assert!(played.frames.contains("/x is outside of the worktree"), "{}", played.frames);
    assert_eq!((read(&stage, "in.txt").as_str(), played.said()), ("ok\n", vec!["end"]));
}

#[tokio::test]
async fn kimi_is_cancelled_in_a_running_command_and_before_one() {
    for prompt in [2, 4] {
        let stage = stage("kimi", "acp-kimi-cancel", prompt);
        let played = stage.play_until(|event| matches!(event, AgentEvent::Tool { .. })).await;
        assert_eq!(played.report.end, AgentEnd::Stopped, "{}", played.log);
        assert!(played.frames.contains(r#""stopReason":"cancelled""#), "{}", played.frames);
    }
}

#[tokio::test]
async fn claude_asks_before_it_acts_and_is_charged_by_model_and_in_dollars() {
    let (_stage, played) = replay("claude", "acp-claude-basic").await;
    assert_eq!(played.report.end, AgentEnd::Finished, "{}", played.log);
    assert_eq!(played.report.usage, Usage { usd_micros: Some(1998), ..usage(410, 160, 80) });
    // It would ask its model for one.
    assert!(played.frames.contains(r#""title":"omk goal-1.one.1""#));
    insta::assert_snapshot!(spoken(&played.log));
}

#[tokio::test]
async fn codex_is_put_into_its_sandbox_and_charged() {
    let (_stage, played) = replay("codex", "acp-codex-basic").await;
    assert_eq!(played.report.end, AgentEnd::Finished, "{}", played.log);
    assert_eq!(played.report.usage, usage(306, 120, 60));
    assert!(played.frames.contains(r#""modeId":"workspace-write""#), "{}", played.frames);
}

#[tokio::test]
async fn codexs_troubles_are_told_apart() {
    let played = async |prompt| stage("codex", "acp-codex-err", prompt).play().await;
    let limited = played(1).await;
    assert_eq!(limited.report.end, AgentEnd::Finished, "{}", limited.log);
    let waits = limited
        .events
        .iter()
        .filter(|event| matches!(event, AgentEvent::Limited { provider: Some(p), .. } if p == "openai"));
    assert_eq!(waits.count(), 2, "{:?}", limited.events);
    let end = played(2).await.report.end;
    assert!(matches!(&end, AgentEnd::Unavailable { detail } if detail.contains("codex login")), "{end:?}");
    for prompt in [3, 4] {
        let end = played(prompt).await.report.end;
        assert!(
            matches!(&end, AgentEnd::Failed { detail } if detail.contains("the turn ended without work")),
            "{end:?}"
        );
    }
}

#[tokio::test]
async fn gemini_and_opencode_are_understood() {
    let (_stage, played) = replay("gemini", "acp-gemini-basic").await;
    assert_eq!((&played.report.end, played.report.usage), (&AgentEnd::Finished, usage(306, 0, 60)), "{}", played.log);
    let (_stage, played) = replay("opencode", "acp-opencode-basic").await;
    assert_eq!(played.report.end, AgentEnd::Finished, "{}", played.log);
    assert_eq!(played.report.usage, Usage { usd_micros: Some(321), ..usage(104, 40, 20) });
}

#[tokio::test]
async fn claude_is_cancelled_in_a_running_command() {
    let stage = stage("claude", "acp-claude-cancel", 2);
    let played =
        stage.play_until(|event| matches!(event, AgentEvent::Tool { title, .. } if title.contains("python3"))).await;
    assert_eq!(played.report.end, AgentEnd::Stopped, "{}", played.log);
    assert!(played.frames.contains(r#""stopReason":"cancelled""#), "{}", played.frames);
}

fn wire(recording: &str, prompt: usize) -> Stage {
    Stage::wire(
        "support::replay::speaks",
        json!({"REPLAY": transcript(recording), "REPLAY_PROMPT": prompt.to_string()}),
    )
}

#[tokio::test]
async fn kimi_cli_is_approved_and_counted_by_the_step() {
    let stage = wire("kimi-wire-basic", 1);
    let played = stage.play().await;
    assert_eq!((&played.report.end, played.report.usage), (&AgentEnd::Finished, usage(306, 120, 60)), "{}", played.log);
    let worktree = stage.path("");
    let log = played.log.replace(worktree.to_str().expect("text"), "/w/");
    insta::assert_snapshot!(spoken(&log));
    assert!(played.frames.contains(r#""response":"approve""#), "{}", played.frames);
}

#[tokio::test]
async fn kimi_cli_is_refused_with_the_reason_and_goes_on() {
    let played = wire("kimi-wire-deny", 1).play().await;
    assert_eq!((&played.report.end, played.said()), (&AgentEnd::Finished, vec!["gave up"]), "{}", played.log);
    assert!(played.frames.contains("/x is outside of the worktree"), "{}", played.frames);
}

#[tokio::test]
async fn kimi_cli_is_cancelled_in_a_running_command_and_before_one() {
    let begun = |event: &AgentEvent| matches!(event, AgentEvent::Session { .. });
    let running = |event: &AgentEvent| matches!(event, AgentEvent::Tool { title, .. } if title.contains("sleep 321"));
    let first = wire("kimi-wire-cancel", 1).play_until(begun).await;
    let second = wire("kimi-wire-cancel", 2).play_until(running).await;
    for played in [first, second] {
        assert_eq!(played.report.end, AgentEnd::Stopped, "{}", played.log);
        assert!(played.frames.contains(r#""status":"cancelled""#), "{}", played.frames);
    }
}
