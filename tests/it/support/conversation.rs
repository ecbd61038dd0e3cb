//! Agents that are spoken to, run by the real host in a worktree of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use omk::adapters::clock::SystemClock;
use omk::agents::environment::AgentEnvironment;
use omk::agents::host::{AgentHost, AgentSetup};
use omk::agents::settings::AgentSettings;
use omk::domain::agent::{AgentEvent, AgentReport, AgentSign, AgentTask};
use omk::domain::ids::{Attempt, CommitId, Epoch, GoalId};
use omk::domain::task::{AgentSession, Assignment, Feedback, SliceSpec, Surroundings};
use omk::ports::{AgentHints, Agents};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::sync::CancellationToken;

use crate::agents::silence;
use crate::kept::Kept;
use crate::process::launcher;

/// A place for one agent, which is called `it`.
pub(crate) struct Stage {
    dir: tempfile::TempDir,
    pub(crate) kept: Kept,
    pub(crate) settings: AgentSettings,
    pub(crate) feedback: Vec<Feedback>,
    /// The session to go on with.
    pub(crate) session: Option<AgentSession>,
    pub(crate) timeout_ms: u64,
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) report: AgentReport,
    pub(crate) events: Vec<AgentEvent>,
    pub(crate) log: String,
    pub(crate) frames: String,
}

impl Stage {
    /// A place for the agent that the hidden test `speaker` of this binary is, with `like`'s quirks and more.
    pub(crate) fn new(like: &str, speaker: &str, env: Value, quirks: Value) -> Self {
        let exe = std::env::current_exe().expect("this binary");
        let command = json!([exe, "--exact", speaker, "--ignored", "--nocapture", "--test-threads=1"]);
        let entry = json!({"like": like, "command": command, "env": env, "quirks": quirks});
        Self::configured(entry)
    }

    /// A place for the agent of the Python CLI's protocol that the hidden test `speaker` of this binary is. It finds its
    /// arguments in `FAKE_ARGUMENTS`, one a line.
    pub(crate) fn wire(speaker: &str, env: Value) -> Self {
        let script = "FAKE_ARGUMENTS=$(printf '%s\\n' \"$@\") exec \"$FAKE_EXE\" --exact \"$FAKE_SPEAKER\" --ignored \
                      --nocapture --test-threads=1";
        let mut env = env;
        env["FAKE_EXE"] = json!(std::env::current_exe().expect("this binary"));
        env["FAKE_SPEAKER"] = speaker.into();
        let generation = json!({"ask": ["-c", "echo kimi, version 1.51.0"]});
        let quirks = json!({"generation": generation, "handshake_ms": 20_000});
        let command = json!(["sh", "-c", script, "kimi"]);
        Self::configured(json!({"like": "kimi-cli", "command": command, "env": env, "quirks": quirks}))
    }

    /// A place for an agent as it is configured.
    pub(crate) fn configured(entry: Value) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        for name in ["worktree", "home"] {
            std::fs::create_dir(dir.path().join(name)).expect("a directory");
        }
        let mut settings = AgentSettings::default();
        settings.profiles.configure("it", entry).expect("a profile");
        Self { dir, kept: Kept::default(), settings, feedback: Vec::new(), session: None, timeout_ms: 60_000 }
    }

    /// A place for an agent that plays `part`: this binary's, or the one that `OMK_ACP_AGENT` names.
    pub(crate) fn fake(part: &Value, quirks: Value) -> Self {
        let env = json!({"FAKE_AGENT": part.to_string()});
        let plain = json!({"handshake_ms": 20_000});
        let mut stage = Self::new("gemini", "support::acp_agent::speaks", env, plain);
        let mut entry = json!({"quirks": quirks});
        if let Some(other) = std::env::var_os("OMK_ACP_AGENT") {
            entry["command"] = json!([other.to_str().expect("text")]);
        }
        entry["quirks"]["fs_read_cap"] = true.into();
        entry["quirks"]["terminal_cap"] = true.into();
        entry["quirks"]["usage_source"] = "any".into();
        entry["quirks"]["stdin_eof_stops"] = true.into();
        stage.settings.profiles.configure("it", entry).expect("a profile");
        stage
    }

    /// A place for an agent that speaks in lines as `like` does and plays `part`.
    pub(crate) fn stream(like: &str, part: &Value) -> Self {
        let exe = std::env::current_exe().expect("this binary");
        let speaks = "support::stream_agent::speaks --ignored --nocapture --test-threads=1";
        let script = format!(r#"FAKE_WORDS="$*" exec "$0" --exact {speaks}"#);
        let command = json!(["sh", "-c", script, exe]);
        Self::configured(json!({"like": like, "command": command, "env": {"FAKE_STREAM": part.to_string()}}))
    }

    /// The same place for another part.
    pub(crate) fn again(mut self, part: &Value, quirks: Value) -> Self {
        let entry = json!({"env": {"FAKE_STREAM": part.to_string()}, "quirks": quirks});
        self.settings.profiles.configure("it", entry).expect("a profile");
        self
    }

    /// A path in the worktree.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().expect("a directory").join("worktree").join(name)
    }

    /// A path outside of the worktree.
    pub(crate) fn outside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn host(&self) -> AgentHost {
        let mut host: Vec<_> = std::env::vars_os().filter(|(name, _)| name == "PATH").collect();
        host.push(("HOME".into(), self.dir.path().join("home").into()));
        AgentHost::new(AgentSetup {
            launcher: launcher(),
            artifacts: Arc::new(self.kept.clone()),
            omk: PathBuf::from(env!("CARGO_BIN_EXE_omk")),
            cwd: self.dir.path().to_owned(),
            tasks: self.dir.path().join("tasks"),
            environment: AgentEnvironment::pick(host, &[]),
            clock: Arc::new(SystemClock),
            settings: self.settings.clone(),
        })
    }

    fn task(&self) -> AgentTask {
        let spec = serde_json::from_value::<SliceSpec>(json!({
            "id": "one", "title": "The first", "retries": 1, "writes": ["src", "hello.txt"],
        }));
        AgentTask {
            goal: GoalId::parse("goal-1").expect("an id"),
            goal_text: "make it so".into(),
            criteria: Vec::new(),
            constraints: Vec::new(),
            assignment: Assignment {
                spec: spec.expect("a slice"),
                attempt: Attempt(1),
                epoch: Epoch(1),
                agent: "it".into(),
                start: CommitId::parse(&"a".repeat(40)).expect("an id"),
                content: None,
                feedback: self.feedback.clone(),
                captured: None,
                keep: Vec::new(),
                session: self.session.clone(),
                around: Surroundings::default(),
                lapses: 0,
            },
            worktree: self.dir.path().join("worktree"),
            timeout_ms: self.timeout_ms,
            grace_ms: 2_000,
            pulse_ms: 5_000,
            lease_ms: 60_000,
        }
    }

    /// Runs the agent to its end.
    pub(crate) async fn play(&self) -> Played {
        self.play_until(|_| false).await
    }

    /// Runs the agent, and stops it when `enough` is true of one of its events.
    pub(crate) async fn play_until(&self, enough: impl Fn(&AgentEvent) -> bool) -> Played {
        let stop = CancellationToken::new();
        let stops = |event: &AgentEvent| {
            if enough(event) {
                stop.cancel();
            }
        };
        self.play_with(silence(), &stop, stops).await
    }

    /// Runs the agent to its end, with what the operator says.
    pub(crate) async fn play_hinted(&self, hints: AgentHints) -> Played {
        self.play_with(hints, &CancellationToken::new(), |_| {}).await
    }

    /// Runs the agent, and says `hint` into its turn when `when` is true of one of its events.
    pub(crate) async fn play_told(&self, hint: &str, when: impl Fn(&AgentEvent) -> bool) -> Played {
        let (say, hints) = unbounded_channel();
        let says = |event: &AgentEvent| {
            if when(event) {
                say.send(hint.to_owned()).expect("somebody listens");
            }
        };
        self.play_with(hints, &CancellationToken::new(), says).await
    }

    async fn play_with(&self, hints: AgentHints, stop: &CancellationToken, each: impl Fn(&AgentEvent)) -> Played {
        let (events, mut heard) = unbounded_channel();
        let host = self.host();
        let (report, events) =
            tokio::join!(host.run(self.task(), events, hints, stop.clone()), collect(&mut heard, each));
        let log = report.log.as_ref().map(|log| self.kept.text(log)).unwrap_or_default();
        let frames = self.kept.found("agent-runs/one.1.frames.jsonl");
        Played { report, events, log, frames: frames.unwrap_or_default() }
    }
}

async fn collect(heard: &mut UnboundedReceiver<AgentSign>, each: impl Fn(&AgentEvent)) -> Vec<AgentEvent> {
    let mut all = Vec::new();
    while let Some(sign) = heard.recv().await {
        if let AgentSign::Event(event) = sign {
            each(&event);
            all.push(event);
        }
    }
    all
}

impl Played {
    /// The acts that the policy refused.
    pub(crate) fn refused(&self) -> Vec<String> {
        self.report.refused.first.iter().map(|refusal| refusal.act.clone()).collect()
    }

    /// What the agent said, line by line.
    pub(crate) fn said(&self) -> Vec<&str> {
        let messages = self.events.iter().filter_map(|event| match event {
            AgentEvent::Message { text } => Some(text.as_str()),
            _ => None,
        });
        messages.flat_map(str::lines).collect()
    }
}

/// Where recorded traffic is.
pub(crate) fn transcript(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/transcripts").join(format!("{name}.jsonl"))
}
