//! What we say: hello, a session, prompts, and goodbye.
//!
//! Owns the order of the protocol on our side. Whatever happens on the way, the agent is told to stop before its
//! standard input is closed.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::outcome::{LOCKED_OUT, of_turn};
use super::terminals::Terminals;
use super::usage;
use crate::agents::course::{see_through, shake_hands};
use crate::agents::ending::{Ending, of_error, words_of};
use crate::agents::errand::{Errand, Opening};
use crate::agents::jsonrpc::peer::{CallError, Peer};
use crate::agents::profile::quirks::{Resume, Steer};
use crate::agents::scene::Scene;
use crate::domain::agent::AgentEnd;
use crate::ports::AgentHints;

/// The version of the protocol.
const VERSION: u64 = 1;
/// How often a turn that a refusal ended is taken up again.
const MOST_NUDGES: usize = 8;

/// Our side of the conversation.
pub(super) struct Session<'a> {
    pub(super) peer: Peer,
    pub(super) scene: &'a Arc<Scene>,
    pub(super) terminals: &'a Terminals,
    pub(super) errand: &'a Errand,
    /// What the operator says.
    pub(super) hints: AgentHints,
}

impl Session<'_> {
    /// From hello to the end of the last turn.
    pub(super) async fn converse(&mut self, stop: &CancellationToken, deadline: Instant) -> Ending {
        let (scene, terminals, peer) = (self.scene, self.terminals, self.peer.clone());
        let cancel = || {
            terminals.stop_all();
            let session = scene.session();
            if let Some(session) = &session {
                peer.tell("session/cancel", &json!({ "sessionId": session }));
            }
            session.is_some()
        };
        see_through(scene, stop, deadline, self.work(), cancel).await
    }

    async fn work(&mut self) -> Result<(), Ending> {
        let errand = self.errand;
        self.hello().await?;
        let Some(opening) = &errand.opening else {
            self.begin().await?;
            return Ok(());
        };
        let (session, mut text) = self.open(opening).await?;
        {
            let mut state = self.scene.lock();
            state.session = Some(session.clone());
            state.narrative.session(&session);
        }
        for _ in 0..MOST_NUDGES {
            match self.turn(&session, &text).await? {
                Some(reasons) => text = nudge(&reasons),
                None => return Ok(()),
            }
        }
        let detail = format!("the agent did not go on after {MOST_NUDGES} refusals; the log has them");
        Err(Ending::Over(AgentEnd::Failed { detail }))
    }

    async fn hello(&self) -> Result<(), Ending> {
        let quirks = &self.errand.profile.quirks;
        let hello = json!({
            "protocolVersion": VERSION,
            "clientCapabilities": {
                "fs": { "readTextFile": quirks.fs_read_cap, "writeTextFile": quirks.fs_write_cap },
                "terminal": quirks.terminal_cap,
            },
            "clientInfo": { "name": "omk", "version": env!("CARGO_PKG_VERSION") },
        });
        let answer = self.shake_hands("initialize", &hello).await?;
        let info = |name: &str| answer.pointer(name).and_then(Value::as_str).unwrap_or("?").to_owned();
        let about = format!("[{} {}]", info("/agentInfo/name"), info("/agentInfo/version"));
        self.scene.lock().narrative.note(&about);
        let generation = quirks.generation.as_ref();
        if let Some(Err(problem)) = generation.and_then(|it| it.judge(&info("/agentInfo/version"))) {
            return Err(Ending::Unusable(problem));
        }
        match answer.get("protocolVersion").and_then(Value::as_u64) {
            Some(VERSION) => Ok(()),
            Some(other) => Err(Ending::Unusable(format!("it speaks version {other} of the protocol, not {VERSION}"))),
            None => Err(Ending::Unusable("it does not say which version of the protocol it speaks".to_owned())),
        }
    }

    /// The session that an earlier process began, or a new one; and what is said in it first.
    async fn open(&self, opening: &Opening) -> Result<(String, String), Ending> {
        if let Some(resumption) = &opening.resumption {
            if let Some(answer) = self.resume(&resumption.session).await? {
                self.set_mode(&resumption.session, &answer).await?;
                return Ok((resumption.session.clone(), resumption.prompt.clone()));
            }
            let mut state = self.scene.lock();
            state.narrative.note("[the session to go on with is gone; this is a new one]");
            state.cost_micros = 0;
        }
        Ok((self.begin().await?, opening.prompt.clone()))
    }

    /// Begins a session.
    async fn begin(&self) -> Result<String, Ending> {
        let place = json!({ "cwd": self.errand.worktree, "mcpServers": [] });
        let answer = self.shake_hands("session/new", &place).await?;
        let id = answer.get("sessionId").and_then(Value::as_str);
        let id = id.ok_or_else(|| Ending::Unusable("it opened a session without an id".to_owned()))?.to_owned();
        self.set_mode(&id, &answer).await?;
        Ok(id)
    }

    /// Goes on with a session; `None` where the agent cannot, for whatever reason. What it tells of the past is no
    /// news.
    async fn resume(&self, session: &str) -> Result<Option<Value>, Ending> {
        let quirks = &self.errand.profile.quirks;
        let method = match quirks.resume {
            Resume::Load => "session/load",
            Resume::Resume => "session/resume",
            Resume::No | Resume::Flag(_) => return Ok(None),
        };
        let place = json!({ "sessionId": session, "cwd": self.errand.worktree, "mcpServers": [] });
        let patience = Duration::from_millis(quirks.handshake_ms);
        self.scene.lock().replaying = true;
        let answer = timeout(patience, self.peer.ask(method, &place)).await;
        self.scene.lock().replaying = false;
        let problem = match answer {
            Ok(Ok(answer)) => return Ok(Some(answer)),
            Ok(Err(CallError::Closed)) => return Err(Ending::Gone { greeted: false }),
            Ok(Err(CallError::Refused(error))) => words_of(&error),
            Err(_elapsed) => format!("no answer within {patience:?}"),
        };
        self.scene.lock().narrative.note(&format!("[{method}: {problem}]"));
        Ok(None)
    }

    async fn set_mode(&self, session: &str, opened: &Value) -> Result<(), Ending> {
        let mode = self.errand.profile.quirks.mode_id.as_deref();
        if let Some(mode) = mode.filter(|mode| opened.pointer("/modes/currentModeId").is_none_or(|now| now != mode)) {
            self.shake_hands("session/set_mode", &json!({ "sessionId": session, "modeId": mode })).await?;
        }
        Ok(())
    }

    /// Asks something that has to be answered before any work.
    async fn shake_hands(&self, method: &str, params: &Value) -> Result<Value, Ending> {
        let patience = Duration::from_millis(self.errand.profile.quirks.handshake_ms);
        shake_hands(&self.peer, patience, method, params).await
    }

    /// One turn; `Some` has the reasons of refusals that ended it too early.
    async fn turn(&mut self, session: &str, text: &str) -> Result<Option<Vec<String>>, Ending> {
        {
            let mut state = self.scene.lock();
            state.worked = false;
            state.refused.clear();
        }
        let profile = &self.errand.profile;
        let result = match self.prompt(session, text).await {
            Ok(result) => result,
            Err(CallError::Closed) => return Err(Ending::Gone { greeted: true }),
            Err(CallError::Refused(error)) => {
                return Err(Ending::Over(of_error(&error, LOCKED_OUT, profile, (self.scene.now)())));
            }
        };
        let spent = usage::of_turn(&result, &profile.quirks);
        let paid = !spent.is_empty();
        self.scene.account(spent);
        let mut state = self.scene.lock();
        state.narrative.pause();
        let refused = std::mem::take(&mut state.refused);
        let stopped = matches!(result.get("stopReason").and_then(Value::as_str), Some("end_turn" | "cancelled"));
        if profile.quirks.reject_ends_turn && !refused.is_empty() && stopped && !state.leaving {
            return Ok(Some(refused));
        }
        match of_turn(&result, paid, state.worked, state.trouble.as_deref(), profile) {
            AgentEnd::Finished => Ok(None),
            end => Err(Ending::Over(end)),
        }
    }

    /// Prompts, and says what the operator says meanwhile into the turn. What is said as a prompt of its own has an
    /// answer of its own: the turn is over when all are there, and the first has its use.
    async fn prompt(&mut self, session: &str, text: &str) -> Result<Value, CallError> {
        let Self { peer, scene, errand, hints, .. } = self;
        let mut turn = pin!(peer.ask("session/prompt", &words(session, text)));
        let (mut hints_come, mut said) = (errand.profile.quirks.steer != Steer::No, FuturesUnordered::new());
        let result = loop {
            tokio::select! {
                result = &mut turn => break result?,
                Some(()) = said.next() => {}
                hint = hints.recv(), if hints_come => match hint {
                    Some(hint) => said.push(steer(peer, scene, session, hint)),
                    None => hints_come = false,
                },
            }
        };
        if errand.profile.quirks.steer == Steer::Prompt {
            while said.next().await.is_some() {}
        }
        Ok(result)
    }
}

/// Says the operator's words into the running turn, and notes what came of it.
async fn steer(peer: &Peer, scene: &Scene, session: &str, hint: String) {
    let method = match &scene.profile.quirks.steer {
        Steer::No => return,
        Steer::Prompt => "session/prompt",
        Steer::Method(method) => method,
    };
    scene.lock().narrative.note(&format!("[the operator says: {hint}]"));
    if let Err(problem) = peer.ask(method, &words(session, &hint)).await {
        scene.lock().narrative.note(&format!("[the operator was not heard: {problem}]"));
    }
}

/// A text for a session.
fn words(session: &str, text: &str) -> Value {
    json!({ "sessionId": session, "prompt": [{ "type": "text", "text": text }] })
}

/// The prompt after a turn that ended with a refusal.
fn nudge(reasons: &[String]) -> String {
    let reasons: Vec<_> = reasons.iter().map(|reason| format!("- {reason}")).collect();
    format!(
        "A call of yours was refused, not by the user but by the rules of this task:\n{}\nGo on with the task without \
         it, and finish it.",
        reasons.join("\n")
    )
}
