//! How a conversation begins: hello, and a session, new or gone on with.
//!
//! A session that cannot be gone on with is no reason to give up: a new one is begun, in the same program. Invariant:
//! what an agent replays of its history is not heard as new work.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use super::outcome::{Ending, is_passing, words_of};
use super::session::Session;
use crate::agents::errand::Resumption;
use crate::agents::jsonrpc::message::METHOD_NOT_FOUND;
use crate::agents::jsonrpc::peer::CallError;
use crate::agents::profile::quirks::Resume;

/// The version of the protocol.
const VERSION: u64 = 1;

/// A session that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Opened {
    /// The agent's name for it.
    pub(super) id: String,
    /// Whether it knows the task already.
    pub(super) resumed: bool,
}

impl Session<'_> {
    /// Says hello; returns what the agent offers.
    pub(super) async fn hello(&self) -> Result<Value, Ending> {
        let quirks = &self.errand.profile.quirks;
        let hello = json!({
            "protocolVersion": VERSION,
            "clientCapabilities": {
                "fs": { "readTextFile": quirks.fs_read_cap, "writeTextFile": quirks.fs_write_cap },
                "terminal": quirks.terminal_cap,
            },
            "clientInfo": { "name": "omk", "version": env!("CARGO_PKG_VERSION") },
        });
        let mut answer = self.shake_hands("initialize", &hello).await?;
        let info = |name: &str| answer.pointer(name).and_then(Value::as_str).unwrap_or("?").to_owned();
        let about = format!("[{} {}]", info("/agentInfo/name"), info("/agentInfo/version"));
        self.scene.lock().narrative.note(&about);
        match answer.get("protocolVersion").and_then(Value::as_u64) {
            Some(VERSION) => Ok(answer["agentCapabilities"].take()),
            Some(other) => Err(unusable(format!("it speaks version {other} of the protocol, not {VERSION}"))),
            None => Err(unusable("it does not say which version of the protocol it speaks".to_owned())),
        }
    }

    /// Goes on with the errand's session where there is one and the agent can, else begins one.
    pub(super) async fn open(&self, offers: &Value) -> Result<Opened, Ending> {
        let opening = self.errand.opening.as_ref();
        if let Some(resumption) = opening.and_then(|opening| opening.resumption.as_ref()) {
            match self.go_on(resumption, offers).await? {
                Ok(opened) => return Ok(opened),
                Err(problem) => {
                    let id = &resumption.session;
                    let told = format!("[session {id} cannot be gone on with: {problem}; a new one is begun]");
                    self.scene.lock().narrative.note(&told);
                }
            }
        }
        let place = json!({ "cwd": self.errand.worktree, "mcpServers": [] });
        let answer = self.shake_hands("session/new", &place).await?;
        let id = answer.get("sessionId").and_then(Value::as_str).filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| unusable("it opened a session without an id".to_owned()))?.to_owned();
        self.set_mode(&id, &answer).await?;
        Ok(Opened { id, resumed: false })
    }

    /// The inner `Err` says why a new session has to do.
    async fn go_on(&self, earlier: &Resumption, offers: &Value) -> Result<Result<Opened, String>, Ending> {
        let Some(method) = way_back(&self.errand.profile.quirks.resume, offers) else {
            return Ok(Err("the agent offers no way".to_owned()));
        };
        self.scene.lock().replays = true;
        let id = earlier.session.clone();
        let params = json!({ "sessionId": id, "cwd": self.errand.worktree, "mcpServers": [] });
        let answer = match timeout(self.patience_at_start(), self.peer.ask(method, &params)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(CallError::Closed)) => return Err(Ending::Gone { greeted: false }),
            Ok(Err(CallError::Refused(error))) => return Ok(Err(words_of(&error))),
            Err(_) => return Ok(Err(format!("no answer to {method}"))),
        };
        self.set_mode(&id, &answer).await?;
        Ok(Ok(Opened { id, resumed: true }))
    }

    /// Sets the mode that the profile wants, where `opened` does not say that it is set.
    async fn set_mode(&self, session: &str, opened: &Value) -> Result<(), Ending> {
        let mode = self.errand.profile.quirks.mode_id.as_deref();
        if let Some(mode) = mode.filter(|mode| opened.pointer("/modes/currentModeId").is_none_or(|now| now != mode)) {
            self.shake_hands("session/set_mode", &json!({ "sessionId": session, "modeId": mode })).await?;
        }
        Ok(())
    }

    fn patience_at_start(&self) -> Duration {
        Duration::from_millis(self.errand.profile.quirks.handshake_ms)
    }

    /// Asks something that has to be answered before any work.
    async fn shake_hands(&self, method: &str, params: &Value) -> Result<Value, Ending> {
        let patience = self.patience_at_start();
        match timeout(patience, self.peer.ask(method, params)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(CallError::Refused(error))) if error.code == METHOD_NOT_FOUND => {
                Err(unusable(format!("it does not know {method}")))
            }
            Ok(Err(CallError::Refused(error))) => {
                let problem = format!("it answers {method} with: {} (code {})", words_of(&error), error.code);
                Err(Ending::Unusable { problem, passing: is_passing(&error) })
            }
            Ok(Err(CallError::Closed)) => Err(Ending::Gone { greeted: false }),
            Err(_) => Err(unusable(format!("it did not answer {method} within {patience:?}"))),
        }
    }
}

fn unusable(problem: String) -> Ending {
    Ending::Unusable { problem, passing: false }
}

/// The request that goes on with a session; without a replay where the agent offers that.
fn way_back(quirk: &Resume, offers: &Value) -> Option<&'static str> {
    let silently = offers.pointer("/sessionCapabilities/resume").is_some_and(|offer| !offer.is_null());
    let by_load = offers.get("loadSession").and_then(Value::as_bool) == Some(true);
    match quirk {
        Resume::Offered | Resume::Resume if silently => Some("session/resume"),
        Resume::Offered | Resume::Resume | Resume::Load if by_load => Some("session/load"),
        Resume::Offered | Resume::Resume | Resume::Load | Resume::No | Resume::Flag(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_is_one_that_is_offered_and_known_to_work() {
        let both = json!({"loadSession": true, "sessionCapabilities": {"resume": {}}});
        let ways = |offers: &Value| {
            [Resume::Offered, Resume::Resume, Resume::Load, Resume::No].map(|quirk| way_back(&quirk, offers))
        };
        let (load, resume) = (Some("session/load"), Some("session/resume"));
        assert_eq!(ways(&both), [resume, resume, load, None]);
        assert_eq!(ways(&json!({"loadSession": true})), [load, load, load, None]);
        assert_eq!(ways(&json!({"sessionCapabilities": {"resume": {}}})), [resume, resume, None, None]);
        assert_eq!(ways(&json!({"sessionCapabilities": {"resume": null}, "loadSession": false})), [None; 4]);
        assert_eq!(ways(&Value::Null), [None; 4]);
    }
}
