//! What an agent asks of us: permission, files, terminals.
//!
//! Each act is judged by the policy before it is done. A refusal carries its reason where the protocol has a place
//! for it; a permission has none, so the reason is owed and told with the next prompt.

use std::future::ready;
use std::sync::Arc;

use serde_json::{Value, json};

use super::files::Files;
use super::terminals::Terminals;
use super::updates::{take, tool_call};
use crate::agents::jsonrpc::message::{Answer, INVALID_PARAMS, RpcError};
use crate::agents::jsonrpc::serve::{Answering, Dialect};
use crate::agents::open_calls::merge;
use crate::agents::policy::{Judgement, ToolCall};
use crate::agents::scene::{Interruption, Scene};

/// The requests that are answered here; each is for a session.
const REQUESTS: &[&str] = &[
    "session/request_permission",
    "fs/read_text_file",
    "fs/write_text_file",
    "terminal/create",
    "terminal/output",
    "terminal/wait_for_exit",
    "terminal/kill",
    "terminal/release",
];

/// The listening side.
pub(super) struct AcpDialect {
    scene: Arc<Scene>,
    terminals: Arc<Terminals>,
    files: Arc<Files>,
}

impl AcpDialect {
    /// Listens for an agent that has these.
    pub(super) fn new(scene: Arc<Scene>, terminals: Arc<Terminals>, files: Arc<Files>) -> Self {
        Self { scene, terminals, files }
    }

    /// Refuses a request for another session than the open one. While one is being opened its id is not known here, and
    /// some agents look for files then.
    fn of_this_session(&self, method: &str, params: &Value) -> Result<(), RpcError> {
        let Some(open) = self.scene.session().filter(|_| REQUESTS.contains(&method)) else { return Ok(()) };
        let named = params.get("sessionId").and_then(Value::as_str);
        if named == Some(open.as_str()) {
            return Ok(());
        }
        let reason = match named {
            Some(other) => format!("session `{}` is not open here", other.escape_debug()),
            None => "it names no session".to_owned(),
        };
        let refused = self.scene.enforce(method, Judgement::Refuse { reason });
        refused.map_err(|reason| RpcError::new(INVALID_PARAMS, reason))
    }

    fn permission(&self, params: &Value) -> Answer {
        let empty = Value::Null;
        let call = params.get("toolCall").unwrap_or(&empty);
        if self.scene.lock().leaving {
            return Ok(cancelled());
        }
        let verdict = match self.scene.profile.quirks.decided_by_requests {
            true => Ok(()),
            false => {
                let known = self.known(call);
                let judgement = self.scene.judge(&known);
                self.scene.enforce(&describe(call, &known), judgement)
            }
        };
        let options = params.get("options").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        Ok(match verdict {
            Ok(()) => choose(options, &["allow_once", "allow_always"]),
            Err(_) if self.scene.interrupted.is_cancelled() => cancelled(),
            Err(reason) => {
                self.scene.lock().owe_reason(reason);
                choose(options, &["reject_once", "reject_always"])
            }
        })
    }

    /// What the request tells of the call, over what was told before.
    fn known(&self, call: &Value) -> ToolCall {
        let id = call.get("toolCallId").and_then(Value::as_str).unwrap_or_default();
        let mut known = self.scene.lock().calls.known(id);
        merge(&mut known, tool_call(call));
        if known.kind == "execute" && known.command.is_none() {
            known.command = call.get("title").and_then(Value::as_str).map(str::to_owned);
        }
        known
    }
}

impl Dialect for AcpDialect {
    fn request(&mut self, method: &str, params: Value) -> Option<Answering> {
        self.scene.lock().narrative.alive();
        if let Err(refused) = self.of_this_session(method, &params) {
            return Some(Box::pin(ready(Err(refused))));
        }
        let quirks = &self.scene.profile.quirks;
        match method {
            "session/request_permission" => {
                self.scene.lock().asks_leave();
                Some(Box::pin(ready(self.permission(&params))))
            }
            "fs/read_text_file" if quirks.fs_read_cap => Some(self.files.read(&params)),
            "fs/write_text_file" if quirks.fs_write_cap => {
                self.scene.lock().acts();
                Some(self.files.write(params))
            }
            "terminal/create" if quirks.terminal_cap => {
                self.scene.lock().acts();
                Some(Arc::clone(&self.terminals).create(params))
            }
            "terminal/output" if quirks.terminal_cap => Some(Box::pin(ready(self.terminals.output(&params)))),
            "terminal/wait_for_exit" if quirks.terminal_cap => Some(self.terminals.wait(&params)),
            "terminal/kill" if quirks.terminal_cap => Some(Box::pin(ready(self.terminals.kill(&params)))),
            "terminal/release" if quirks.terminal_cap => Some(Box::pin(ready(self.terminals.release(&params)))),
            _ => None,
        }
    }

    fn notification(&mut self, method: &str, params: Value) {
        match method {
            "session/update" => take(&self.scene, &params),
            // Vendors' own: a sign of life.
            _ => self.scene.lock().narrative.alive(),
        }
    }

    /// What is seen behind the end of a turn is of another one. A turn that was cancelled has no tool at work, whatever
    /// was told of it.
    fn answered(&mut self, answer: &Answer) {
        let mut state = self.scene.lock();
        state.astir = false;
        let reason = answer.as_ref().ok().and_then(|result| result.get("stopReason"));
        if reason.and_then(Value::as_str) == Some("cancelled") {
            state.end_calls();
        }
    }

    fn narrative(&mut self, text: &str) {
        self.scene.lock().narrative.printed(format!("{text}\n").as_bytes());
    }

    fn too_long(&mut self, bytes: usize) {
        self.scene
            .interrupt(Interruption::Broken(format!("the agent sent a line of {bytes} bytes, more than is read")));
    }
}

fn describe(call: &Value, known: &ToolCall) -> String {
    match (&known.command, call.get("title").and_then(Value::as_str)) {
        (Some(command), _) => format!("`{command}`"),
        (None, Some(title)) => format!("`{title}`"),
        (None, None) => "a tool call".to_owned(),
    }
}

/// The outcome that picks the first option of these kinds, the best kind first. Ids differ from agent to agent.
fn choose(options: &[Value], kinds: &[&str]) -> Value {
    let of_kind = |kind: &&str| options.iter().find(|option| option.get("kind").and_then(Value::as_str) == Some(*kind));
    match kinds.iter().find_map(of_kind).and_then(|option| option.get("optionId")) {
        Some(id) => json!({ "outcome": { "outcome": "selected", "optionId": id } }),
        None => cancelled(),
    }
}

fn cancelled() -> Value {
    json!({ "outcome": { "outcome": "cancelled" } })
}
