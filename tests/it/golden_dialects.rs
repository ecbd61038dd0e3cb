//! Recorded lines of every dialect, said again to the real host, and all that it makes of them: events, the end, use,
//! refusals, the log, and what it says itself.

use futures_util::stream::{StreamExt as _, iter};
use omk::domain::agent::AgentEvent;
use omk::domain::ids::Timestamp;
use omk::domain::task::AgentSession;
use serde_json::{Value, json};

use crate::support::conversation::{Played, Stage, transcript};
use crate::support::golden::Documents;

/// How many are played at once.
const AT_ONCE: usize = 3;
/// The longest text of ours that is shown whole: prompts are wording.
const SHOWN: usize = 200;

/// How a recording is said again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// The Agent Client Protocol, as this built-in agent speaks it.
    Acp(&'static str),
    Claude,
    Codex,
    Cmd,
    Wire,
}

/// A recording, which of its turns, and when the run is stopped.
struct Row {
    dialect: Dialect,
    recording: &'static str,
    turn: usize,
    /// The run is stopped at the first event whose JSON has this text.
    stopped: Option<&'static str>,
    /// The session that is gone on with.
    session: Option<&'static str>,
}

const fn whole(dialect: Dialect, recording: &'static str) -> Row {
    Row { dialect, recording, turn: 1, stopped: None, session: None }
}

const fn turn(dialect: Dialect, recording: &'static str, turn: usize) -> Row {
    Row { turn, ..whole(dialect, recording) }
}

const fn stopped(dialect: Dialect, recording: &'static str, turn: usize, at: &'static str) -> Row {
    Row { turn, stopped: Some(at), ..whole(dialect, recording) }
}

const ROWS: [Row; 41] = [
    whole(Dialect::Acp("kimi"), "acp-kimi-basic-term"),
    whole(Dialect::Acp("kimi"), "acp-kimi-term-refuse"),
    stopped(Dialect::Acp("kimi"), "acp-kimi-cancel", 2, "Running: "),
    whole(Dialect::Acp("claude"), "acp-claude-basic"),
    stopped(Dialect::Acp("claude"), "acp-claude-cancel", 2, "python3"),
    whole(Dialect::Acp("codex"), "acp-codex-basic"),
    turn(Dialect::Acp("codex"), "acp-codex-err", 1),
    turn(Dialect::Acp("codex"), "acp-codex-err", 2),
    turn(Dialect::Acp("codex"), "acp-codex-err", 3),
    turn(Dialect::Acp("codex"), "acp-codex-err", 4),
    whole(Dialect::Acp("gemini"), "acp-gemini-basic"),
    whole(Dialect::Acp("opencode"), "acp-opencode-basic"),
    whole(Dialect::Claude, "claude-two-turns"),
    turn(Dialect::Claude, "claude-two-turns", 2),
    whole(Dialect::Claude, "claude-refused"),
    whole(Dialect::Claude, "claude-hook-denied"),
    whole(Dialect::Claude, "claude-permission"),
    whole(Dialect::Claude, "claude-question"),
    stopped(Dialect::Claude, "claude-interrupted", 1, "\"session\""),
    stopped(Dialect::Claude, "claude-cancelled-command", 2, "python3"),
    whole(Dialect::Claude, "claude-limited"),
    whole(Dialect::Claude, "claude-gave-up-429"),
    whole(Dialect::Claude, "claude-401"),
    whole(Dialect::Claude, "claude-500"),
    whole(Dialect::Claude, "claude-cut"),
    whole(Dialect::Claude, "claude-no-login"),
    whole(Dialect::Codex, "codex-basic"),
    whole(Dialect::Codex, "codex-tools"),
    Row { session: Some("01a1fce2-09a3-7630-9722-74259b98811f"), ..turn(Dialect::Codex, "codex-resumed", 2) },
    whole(Dialect::Codex, "codex-401"),
    whole(Dialect::Codex, "codex-429"),
    whole(Dialect::Codex, "codex-500"),
    whole(Dialect::Codex, "codex-cut"),
    whole(Dialect::Cmd, "cmd-basic"),
    whole(Dialect::Cmd, "cmd-asks"),
    whole(Dialect::Cmd, "cmd-asks-no-more"),
    whole(Dialect::Cmd, "cmd-limited"),
    whole(Dialect::Cmd, "cmd-limited-and-goes-on"),
    whole(Dialect::Cmd, "cmd-500"),
    stopped(Dialect::Cmd, "cmd-cancelled", 1, "sleep 321"),
    whole(Dialect::Cmd, "cmd-not-startable"),
];

const WIRE: [Row; 4] = [
    whole(Dialect::Wire, "kimi-wire-basic"),
    whole(Dialect::Wire, "kimi-wire-deny"),
    stopped(Dialect::Wire, "kimi-wire-cancel", 1, "\"session\""),
    stopped(Dialect::Wire, "kimi-wire-cancel", 2, "sleep 321"),
];

impl Row {
    fn name(&self) -> String {
        let of = if self.turn > 1 { format!(".{}", self.turn) } else { String::new() };
        format!("{}{of}", self.recording)
    }

    fn stage(&self) -> Stage {
        let env = json!({"REPLAY": transcript(self.recording), "REPLAY_PROMPT": self.turn.to_string()});
        let exe = std::env::current_exe().expect("this binary");
        let lines = "FAKE_WORDS=\"$*\" exec \"$0\" --exact support::replay_lines::speaks --ignored --nocapture \
                     --test-threads=1";
        let command = json!(["sh", "-c", lines, exe]);
        let mut stage = match self.dialect {
            Dialect::Acp(like) => Stage::new(like, "support::replay::speaks", env, json!({"handshake_ms": 20_000})),
            Dialect::Wire => Stage::wire("support::replay::speaks", env),
            Dialect::Claude => Stage::configured(json!({"like": "claude-code", "command": command, "env": env})),
            Dialect::Codex => Stage::configured(json!({"like": "codex-exec", "command": command, "env": env})),
            Dialect::Cmd => Stage::configured(json!({"protocol": "cmd", "command": command, "env": env})),
        };
        stage.session = self.session.map(|id| {
            let used = json!({"input_tokens": 2055, "cached_tokens": 800, "output_tokens": 46});
            let session = json!({"agent": "it", "id": id, "worktree": "w", "used": used, "cut_off": true});
            serde_json::from_value::<AgentSession>(session).expect("a session")
        });
        stage
    }

    /// Whether the agent wrote to its standard error.
    fn has_errors(&self) -> bool {
        std::fs::read_to_string(transcript(self.recording)).expect("a recording").contains("\"dir\": \"stderr\"")
    }

    async fn document(&self) -> String {
        let stage = self.stage();
        let json = |event: &AgentEvent| serde_json::to_string(event).expect("a form in JSON");
        let played = stage.play_until(|event| self.stopped.is_some_and(|at| json(event).contains(at))).await;
        let worktree = stage.path("");
        stable(&text(&played, self.has_errors()), worktree.to_str().expect("text"))
    }
}

/// All that came of a run, but how long it took. The lines of a log with standard error in it have no order of their own.
fn text(played: &Played, sorted: bool) -> String {
    let report = &played.report;
    let json = |value: Value| format!("{value}\n");
    let events = played.events.iter().map(|event| json(soon(json!(event))));
    let sent = played.frames.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let sent = sent.filter(|frame| frame["dir"] == "->").map(|frame| json(shortened(frame["msg"].clone())));
    let mut log = spoken(&played.log);
    if sorted {
        log.sort();
    }
    let log = log.into_iter().map(|line| format!("{line}\n")).collect();
    let sections = [
        ("end", json(soon(json!(report.end)))),
        ("usage", json(json!(report.usage))),
        ("refused", json(json!({"count": report.refused.count, "first": report.refused.first}))),
        ("events", events.collect()),
        ("sent", sent.collect()),
        (if sorted { "log, sorted" } else { "log" }, log),
    ];
    sections.map(|(name, text)| format!("===== {name}\n{text}")).concat()
}

/// A moment that was reckoned from now is `SOON`.
fn soon(mut value: Value) -> Value {
    const DAY: u64 = 86_400_000;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").as_millis() as u64;
    let until = value.get("until").and_then(|until| serde_json::from_value::<Timestamp>(until.clone()).ok());
    if until.is_some_and(|until| until.0.abs_diff(now) < DAY) {
        value["until"] = "SOON".into();
    }
    value
}

/// A message of ours without its long texts.
fn shortened(value: Value) -> Value {
    match value {
        Value::String(text) if text.len() > SHOWN => "TEXT".into(),
        Value::Array(items) => items.into_iter().map(shortened).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, shortened(value))).collect(),
        other => other,
    }
}

/// The log without what the test harness prints.
fn spoken(log: &str) -> Vec<&str> {
    let noise = ["running 1 test", "test support::", "[session/", "To resume this session: "];
    log.lines().filter(|line| !line.is_empty() && !noise.iter().any(|noise| line.starts_with(noise))).collect()
}

/// The one place that removes what depends on where and when the test runs.
fn stable(text: &str, worktree: &str) -> String {
    let worktree = worktree.trim_end_matches('/');
    let parent = worktree.trim_end_matches("/worktree");
    let version = env!("CARGO_PKG_VERSION");
    let mut text = text.replace(worktree, "/w").replace(parent, "/p").replace(&format!("\"{version}\""), "\"VERSION\"");
    // Where an error quotes the log, the test harness is in it.
    for speaker in ["replay", "replay_lines"] {
        text = text.replace(&format!("running 1 test\\ntest support::{speaker}::speaks ...\\n"), "");
    }
    // A session that we name ourselves bears the time.
    const OURS: &str = "omk-goal-1.one.1-";
    let mut parts = text.split(OURS);
    let first = parts.next().unwrap_or_default().to_owned();
    let rest = parts.map(|part| format!("{OURS}TIME{}", part.trim_start_matches(|it: char| it.is_ascii_hexdigit())));
    first + &rest.collect::<String>()
}

#[tokio::test]
async fn every_dialect_is_understood_as_it_was() {
    let rows: Vec<&Row> = ROWS.iter().chain(&WIRE).collect();
    let played = iter(rows).map(|row| async move { (row.name(), row.document().await) }).buffered(AT_ONCE);
    let mut documents = Documents::of("dialects");
    for (name, text) in played.collect::<Vec<_>>().await {
        documents.compare(&format!("{name}.txt"), &text);
    }
    documents.finish();
}

#[test]
fn every_recording_has_a_row() {
    let recordings = std::fs::read_dir(transcript("x").parent().expect("a directory")).expect("recordings");
    let names = recordings.map(|entry| entry.expect("an entry").path());
    let names = names.filter(|path| path.extension().is_some_and(|it| it == "jsonl"));
    let names = names.map(|path| path.file_stem().and_then(|it| it.to_str()).expect("a name").to_owned());
    let known: Vec<_> = ROWS.iter().chain(&WIRE).map(|row| row.recording).collect();
    let missing: Vec<_> = names.filter(|name| !known.contains(&name.as_str())).collect();
    assert_eq!(missing, [""; 0]);
}
