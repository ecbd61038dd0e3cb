//! What we say: hello, a session, prompts, and goodbye.
//!
//! Owns the order of the protocol on our side. Whatever happens on the way, the agent is told to stop before its
//! standard input is closed.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::outcome::{LOCKED_OUT, of_turn};
use super::terminals::Terminals;
use super::usage;
use crate::agents::course::{see_through, shake_hands};
use crate::agents::ending::{Ending, of_error};
use crate::agents::errand::Errand;
use crate::agents::jsonrpc::peer::{CallError, Peer};
use crate::agents::scene::Scene;
use crate::domain::agent::AgentEnd;

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
}

impl Session<'_> {
    /// From hello to the end of the last turn.
    pub(super) async fn converse(&self, stop: &CancellationToken, deadline: Instant) -> Ending {
        let cancel = || {
            self.terminals.stop_all();
            let session = self.scene.session();
            if let Some(session) = &session {
                self.peer.tell("session/cancel", &json!({ "sessionId": session }));
            }
            session.is_some()
        };
        see_through(self.scene, stop, deadline, self.work(), cancel).await
    }

    async fn work(&self) -> Result<(), Ending> {
        self.hello().await?;
        let session = self.open().await?;
        self.scene.lock().session = Some(session.clone());
        let Some(opening) = &self.errand.opening else { return Ok(()) };
        let mut text = opening.prompt.clone();
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

    async fn open(&self) -> Result<String, Ending> {
        let place = json!({ "cwd": self.errand.worktree, "mcpServers": [] });
        let answer = self.shake_hands("session/new", &place).await?;
        let id = answer.get("sessionId").and_then(Value::as_str);
        let id = id.ok_or_else(|| Ending::Unusable("it opened a session without an id".to_owned()))?.to_owned();
        let mode = self.errand.profile.quirks.mode_id.as_deref();
        if let Some(mode) = mode.filter(|mode| answer.pointer("/modes/currentModeId").is_none_or(|now| now != mode)) {
            self.shake_hands("session/set_mode", &json!({ "sessionId": id, "modeId": mode })).await?;
        }
        Ok(id)
    }

    /// Asks something that has to be answered before any work.
    async fn shake_hands(&self, method: &str, params: &Value) -> Result<Value, Ending> {
        let patience = Duration::from_millis(self.errand.profile.quirks.handshake_ms);
        shake_hands(&self.peer, patience, method, params).await
    }

    /// One turn; `Some` has the reasons of refusals that ended it too early.
    async fn turn(&self, session: &str, text: &str) -> Result<Option<Vec<String>>, Ending> {
        {
            let mut state = self.scene.lock();
            state.worked = false;
            state.refused.clear();
        }
        let prompt = json!({ "sessionId": session, "prompt": [{ "type": "text", "text": text }] });
        let profile = &self.errand.profile;
        let result = match self.peer.ask("session/prompt", &prompt).await {
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
