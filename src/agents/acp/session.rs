//! What we say: hello, a session, prompts, and goodbye.
//!
//! Owns the order of the protocol on our side. Whatever happens on the way, the agent is told to stop before its
//! standard input is closed.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::outcome::{LOCKED_OUT, of_turn};
use super::terminals::Terminals;
use super::usage;
use crate::agents::ending::{Ending, of_error, words_of};
use crate::agents::errand::Errand;
use crate::agents::jsonrpc::message::METHOD_NOT_FOUND;
use crate::agents::jsonrpc::peer::{CallError, Peer};
use crate::agents::scene::{Interruption, Scene};
use crate::domain::agent::AgentEnd;

/// The version of the protocol.
const VERSION: u64 = 1;
/// How long an agent that was told to stop may take to end by itself.
const AFTER_CANCEL: Duration = Duration::from_millis(200);
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
        let mut work = pin!(self.work());
        let end = tokio::select! {
            biased;
            () = stop.cancelled() => AgentEnd::Stopped,
            () = sleep_until(deadline) => AgentEnd::TimedOut,
            () = self.scene.interrupted.cancelled() => self.interrupted(),
            ending = &mut work => match ending {
                Ok(()) => return Ending::Over(AgentEnd::Finished),
                Err(ending) => return ending,
            },
        };
        self.scene.lock().leaving = true;
        self.terminals.stop_all();
        if let Some(session) = self.scene.session() {
            self.peer.tell("session/cancel", &json!({ "sessionId": session }));
            let patience = Duration::from_millis(self.errand.profile.quirks.cancel_ms);
            let _too_late_or_done = timeout(patience, work).await;
        }
        Ending::Over(end)
    }

    /// How long the program may live when we have hung up.
    pub(super) fn patience(&self, ending: &Ending) -> Duration {
        let quirks = &self.errand.profile.quirks;
        match ending {
            Ending::Over(AgentEnd::Stopped | AgentEnd::TimedOut | AgentEnd::Asked { .. }) => AFTER_CANCEL,
            _ if quirks.stdin_eof_stops => Duration::from_millis(quirks.exit_ms),
            _ => Duration::ZERO,
        }
    }

    fn interrupted(&self) -> AgentEnd {
        match self.scene.lock().interruption.clone() {
            Some(Interruption::Question(question)) => AgentEnd::Asked { question },
            Some(Interruption::Broken(detail)) => AgentEnd::Failed { detail },
            None => AgentEnd::Stopped,
        }
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
        match timeout(patience, self.peer.ask(method, params)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(CallError::Refused(error))) if error.code == METHOD_NOT_FOUND => {
                Err(Ending::Unusable(format!("it does not know {method}")))
            }
            Ok(Err(CallError::Refused(error))) => {
                Err(Ending::Unusable(format!("it answers {method} with: {} (code {})", words_of(&error), error.code)))
            }
            Ok(Err(CallError::Closed)) => Err(Ending::Gone { greeted: false }),
            Err(_) => Err(Ending::Unusable(format!("it did not answer {method} within {patience:?}"))),
        }
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
