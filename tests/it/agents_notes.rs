//! What agents note in their session files of each call of their model: it counts when a turn is cut off, and once.
//!
//! `session_files/` are those of real programs that were killed while a command ran, shortened: two calls of the model,
//! some noted twice.

use std::fs;
use std::path::{Path, PathBuf};

use omk::domain::agent::{AgentEnd, AgentEvent};
use omk::domain::budget::Usage;
use omk::domain::task::AgentSession;
use serde_json::{Value, json};

use crate::support::conversation::{Played, Stage};

/// An agent that notes its calls, and where below its user's home it does so for a session.
struct Noting {
    like: &'static str,
    model: &'static str,
    file: fn(&str) -> String,
    recorded: &'static str,
}

const ALL: [Noting; 3] = [
    Noting {
        like: "claude",
        model: "claude-sonnet-4-5",
        file: |session| format!(".claude/projects/-w/{session}.jsonl"),
        recorded: include_str!("session_files/claude.jsonl"),
    },
    Noting {
        like: "gemini",
        model: "gemini-2.5-pro",
        file: |session| format!(".gemini/tmp/w/chats/session-2026-11-21T15-30-{session:.8}.jsonl"),
        recorded: include_str!("session_files/gemini.jsonl"),
    },
    Noting {
        like: "codex",
        model: "gpt-5-codex",
        file: |session| format!(".codex/sessions/2026/11/30/rollout-2026-11-30T23-44-54-{session}.jsonl"),
        recorded: include_str!("session_files/codex.jsonl"),
    },
];

impl Noting {
    /// A stage for it, that plays `part`.
    fn plays(&self, mut part: Value) -> Stage {
        part["past"] = json!([]);
        let quirks = json!({"handshake_ms": 20_000, "mode_id": null, "stdin_eof_stops": true});
        Stage::new(self.like, "support::acp_agent::speaks", json!({"FAKE_AGENT": part.to_string()}), quirks)
    }

    fn notes(&self, stage: &Stage, session: &str, text: &str) -> PathBuf {
        write(&stage.outside("home"), &(self.file)(session), text)
    }

    /// The recording, of this session.
    fn recorded(&self, session: &str) -> String {
        self.recorded.replace("fake-1", session)
    }
}

fn write(home: &Path, file: &str, text: &str) -> PathBuf {
    let path = home.join(file);
    fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
    fs::write(&path, text).expect("a file");
    path
}

fn usage(input_tokens: u64, cached_tokens: u64, output_tokens: u64) -> Usage {
    Usage { input_tokens, cached_tokens, output_tokens, usd_micros: None }
}

/// What the recordings' calls used.
fn recorded() -> Usage {
    usage(203, 80, 40)
}

fn dies() -> Value {
    json!({"turns": [[{"say": "on"}, "die"]]})
}

fn reports(played: &Played) -> Vec<(Usage, &str)> {
    let reports = played.events.iter().filter_map(|event| match event {
        AgentEvent::Usage { usage, model, .. } => Some((*usage, model.as_deref().unwrap_or("?"))),
        _ => None,
    });
    reports.collect()
}

fn goes_on(stage: &mut Stage, used: Usage) {
    let (agent, id) = ("it".to_owned(), "earlier-1".to_owned());
    let worktree = "worktree".into();
    stage.session = Some(AgentSession { agent, id, worktree, used, cut_off: true, failures: 0, news: 0 });
}

#[tokio::test]
async fn an_agent_that_is_killed_in_its_turn_has_used_what_it_noted() {
    for agent in ALL {
        let stage = agent.plays(dies());
        agent.notes(&stage, "fake-1", &agent.recorded("fake-1"));
        agent.notes(&stage, "other-1", &agent.recorded("other-1"));
        let played = stage.play().await;
        assert!(matches!(played.report.end, AgentEnd::Failed { .. }), "{:?}", played.report.end);
        assert_eq!(played.report.usage, recorded(), "{}", agent.like);
        let each = [(usage(101, 40, 20), agent.model), (usage(102, 40, 20), agent.model)];
        assert!(each.iter().all(|one| reports(&played).contains(one)), "{:?}", reports(&played));
    }
}

#[tokio::test]
async fn the_home_is_that_of_the_agent_where_its_table_moves_it() {
    for (agent, variable, below) in [
        (&ALL[0], "HOME", ""),
        (&ALL[0], "CLAUDE_CONFIG_DIR", ".claude"),
        (&ALL[1], "HOME", ""),
        (&ALL[2], "CODEX_HOME", ".codex"),
    ] {
        let mut stage = agent.plays(dies());
        let moved = stage.outside("moved");
        write(&moved, &(agent.file)("fake-1"), &agent.recorded("fake-1"));
        let entry = json!({"env": {variable: moved.join(below)}});
        stage.settings.profiles.configure("it", entry).expect("a profile");
        assert_eq!(stage.play().await.report.usage, recorded(), "{} {variable}", agent.like);
    }
}

#[tokio::test]
async fn subagents_count_as_well() {
    let below = [".claude/projects/-w/fake-1/subagents/agent-a1.jsonl", ".gemini/tmp/w/chats/fake-1/a1.jsonl"];
    for (agent, file) in ALL.iter().zip(below) {
        let stage = agent.plays(dies());
        let notes = agent.recorded("fake-1");
        agent.notes(&stage, "fake-1", &notes);
        // Their messages have ids of their own; one that is in both files is one.
        let theirs = notes.replacen("\"msg_1\"", "\"msg_9\"", 2).replacen("31427f0a", "99999999", 1);
        write(&stage.outside("home"), file, &theirs);
        assert_eq!(stage.play().await.report.usage, usage(304, 120, 60), "{}", agent.like);
    }
}

#[tokio::test]
async fn what_is_noted_and_told_at_the_end_of_the_turn_counts_once() {
    for agent in ALL {
        let stage = agent.plays(json!({"turns": [[{"say": "on"}]], "usage": true}));
        let smaller = agent.recorded("fake-1").replace(":102,", ":3,").replace(":101,", ":2,").replace(":61,", ":2,");
        let smaller = smaller.replace(":62,", ":3,").replace(":40,", ":0,").replace(":20,", ":4,");
        agent.notes(&stage, "fake-1", &smaller);
        let played = stage.play().await;
        assert_eq!(
            (&played.report.end, played.report.usage),
            (&AgentEnd::Finished, usage(20, 0, 10)),
            "{}",
            played.log
        );
        let reports = reports(&played);
        assert_eq!(reports.len(), 3, "{reports:?}");
        assert_eq!(reports.iter().map(|(usage, _)| usage.tokens()).sum::<u64>(), 30, "{reports:?}");
    }
}

#[tokio::test]
async fn a_session_that_goes_on_is_charged_for_what_died_with_omk_once() {
    for agent in ALL {
        for (counted, left) in [(Usage::default(), recorded()), (usage(101, 40, 20), usage(102, 40, 20))] {
            let mut stage = agent.plays(json!({"turns": [[{"say": "on"}]], "usage": true}));
            agent.notes(&stage, "earlier-1", &agent.recorded("earlier-1"));
            // Another one, whose name begins alike.
            let other = (agent.file)("earlier-2").replace("w/", "v/");
            let theirs = agent.recorded("earlier-2").replace("\"msg_", "\"msg_0").replace("31427f0a", "01427f0a");
            let theirs = theirs.replace("\"resp_", "\"resp_0");
            write(&stage.outside("home"), &other, &theirs);
            goes_on(&mut stage, counted);
            let played = stage.play().await;
            assert_eq!(played.report.end, AgentEnd::Finished, "{}", played.log);
            assert_eq!(played.report.usage, left.plus(&usage(20, 0, 10)), "{}", agent.like);
        }
        let mut stage = agent.plays(json!({"turns": [[{"say": "on"}]], "usage": true}));
        agent.notes(&stage, "earlier-1", &agent.recorded("earlier-1"));
        goes_on(&mut stage, recorded());
        assert_eq!(stage.play().await.report.usage, usage(20, 0, 10), "{}", agent.like);
    }
}

/// Lines that are almost what is understood.
fn damaged(agent: &Noting) -> String {
    let good = agent.recorded("fake-1");
    let of = |line: &&str| line.contains("output");
    let line = good.lines().find(of).expect("a line with tokens");
    let without = |name: &str| line.replace(&format!("\"{name}\":"), "\"other\":");
    let ids = ["\"msg_1\"", "\"31427f0a-dc01-4e49-9005-00841e611168\"", "\"resp_1\""];
    let lines = [
        without("timestamp"),
        without("usage").replace("\"tokens\":", "\"other\":"),
        without("type"),
        ids.iter().fold(line.to_owned(), |line, id| line.replace(id, "7")),
        line.replace(":20,", ":18446744073709551615,"),
        line.replace(":20,", ":-20,").replace(":61,", ":\"x\",").replace(":101,", ":[],").replace(":40,", ":4.5,"),
        line[..line.len() / 2].to_owned(),
        "{\"type\":\"assistant\"}".to_owned(),
        "[\"gemini\", \"assistant\"]".to_owned(),
        "\u{0}\u{1b}[31m".to_owned(),
    ];
    // The first line names the session; the last one is not whole.
    let first = good.lines().next().expect("a line");
    format!("{first}\n{}\n{line}", lines.join("\n"))
}

#[tokio::test]
async fn what_is_damaged_counts_nothing_and_breaks_nothing() {
    for agent in ALL {
        let stage = agent.plays(dies());
        agent.notes(&stage, "fake-1", &damaged(&agent));
        let played = stage.play().await;
        assert!(matches!(played.report.end, AgentEnd::Failed { .. }), "{:?}", played.report.end);
        assert_eq!(played.report.usage, Usage::default(), "{}: {:?}", agent.like, reports(&played));
    }
}

#[tokio::test]
async fn what_is_no_file_is_not_waited_for() {
    for agent in ALL {
        let stage = agent.plays(dies());
        let file = agent.notes(&stage, "fake-1", "");
        fs::remove_file(&file).expect("a file");
        rustix::fs::mkfifoat(rustix::fs::CWD, &file, rustix::fs::Mode::RUSR).expect("a pipe");
        let elsewhere = stage.outside("elsewhere");
        fs::write(&elsewhere, agent.recorded("fake-1")).expect("a file");
        let link = stage.outside("home").join((agent.file)("fake-1").replace("w/", "x/").replace("/30/", "/29/"));
        fs::create_dir_all(link.parent().expect("a directory")).expect("a directory");
        std::os::unix::fs::symlink(&elsewhere, &link).expect("a link");
        let played = stage.play().await;
        assert!(matches!(played.report.end, AgentEnd::Failed { .. }), "{:?}", played.report.end);
        assert_eq!(played.report.usage, Usage::default(), "{}", agent.like);
    }
}

#[tokio::test]
async fn what_a_session_of_claude_had_cost_is_charged_once_whether_its_process_ended_or_was_killed() {
    let cost = json!({"sessionUpdate": "usage_update", "cost": {"amount": 0.0009, "currency": "USD"}});
    let ended =
        |usd: f64| format!("{}\n", json!({"type": "cost-state", "totalCostUSD": usd, "sessionId": "earlier-1"}));
    let charged = async |noted: &str, counted: u64| {
        let agent = &ALL[0];
        let mut stage = agent.plays(json!({"turns": [[{"say": "on"}, {"update": cost}]], "usage": true}));
        agent.notes(&stage, "earlier-1", &format!("{}{noted}", agent.recorded("earlier-1")));
        goes_on(&mut stage, Usage { usd_micros: Some(counted), ..recorded() });
        stage.play().await.report.usage.usd_micros
    };
    // It ended by itself at 500, and at 200 before that.
    assert_eq!(charged(&(ended(0.0002) + &ended(0.0005)), 500).await, Some(400));
    // It was killed in a later process, which nobody counted the cost of.
    assert_eq!(charged(&ended(0.0005), 700).await, Some(400));
    // It never ended by itself.
    assert_eq!(charged("", 1_000).await, Some(900));
    assert_eq!(charged("", 500).await, Some(400));
}
