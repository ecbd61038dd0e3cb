//! What the agent asks of us: whether a tool call may go on.
//!
//! Every call comes as a hook, with all of its input, whatever the agent's own mode; it is judged before it happens and
//! a refusal carries its reason to the model. An approval shows less and is judged as well: the agent goes on without
//! a hook's answer when that fails.

use std::future::ready;

use serde_json::{Value, json};

use super::calls::Calls;
use super::events::{Steps, take};
use super::tools;
use crate::agents::jsonrpc::message::{Answer, METHOD_NOT_FOUND, RpcError};
use crate::agents::jsonrpc::serve::{Answering, Dialect};
use crate::agents::policy::ToolCall;
use crate::agents::scene::{Interruption, Scene};

/// What a call is told that comes when the conversation ends.
const LEAVING: &str = "this run is being ended; stop here";

/// The listening side.
pub(super) struct WireDialect<'a> {
    scene: &'a Scene,
    calls: Calls,
    steps: Steps,
}

impl<'a> WireDialect<'a> {
    /// Listens for the agent of a scene.
    pub(super) fn new(scene: &'a Scene) -> Self {
        Self { scene, calls: Calls::default(), steps: Steps::default() }
    }

    /// A hook: only calls of tools are waited for.
    fn hook(&mut self, payload: &Value) -> Answer {
        let answer =
            |action, reason: &str| Ok(json!({ "request_id": text(payload, "id"), "action": action, "reason": reason }));
        if text(payload, "event") != "PreToolUse" {
            return answer("allow", "");
        }
        let (data, nothing) = (payload.get("input_data").unwrap_or(&Value::Null), Value::Null);
        let (tool, input) = (text(data, "tool_name"), data.get("tool_input").unwrap_or(&nothing));
        let id = text(data, "tool_call_id");
        if let Some(title) = self.calls.whole(id, tool, input) {
            let mut state = self.scene.lock();
            state.calls.learn(id, tools::call(tool, input));
            state.narrative.tool(id, &title);
        }
        match self.judge(&tools::call(tool, input), &tools::title(tool, input)) {
            Ok(()) => answer("allow", ""),
            Err(reason) => answer("block", &reason),
        }
    }

    fn approval(&mut self, payload: &Value) -> Answer {
        let tool = text(payload, "sender");
        let shown = tools::shown(tool, payload.get("display").unwrap_or(&Value::Null));
        let call = match shown.command.is_none() && shown.paths.is_empty() {
            true => tools::call(tool, &self.calls.input(text(payload, "tool_call_id"))),
            false => shown,
        };
        for (id, title) in self.calls.untold() {
            self.scene.lock().narrative.tool(&id, &title);
        }
        let (response, feedback) = match self.judge(&call, text(payload, "description")) {
            Ok(()) => ("approve", String::new()),
            // A refusal without words would end the turn.
            Err(reason) => ("reject", reason),
        };
        Ok(json!({ "request_id": text(payload, "id"), "response": response, "feedback": feedback }))
    }

    fn judge(&self, call: &ToolCall, act: &str) -> Result<(), String> {
        if self.scene.lock().leaving {
            return Err(LEAVING.to_owned());
        }
        self.scene.enforce(&format!("`{act}`"), self.scene.judge(call))
    }
}

impl Dialect for WireDialect<'_> {
    fn request(&mut self, method: &str, params: Value) -> Option<Answering> {
        let mut state = self.scene.lock();
        state.narrative.alive();
        state.worked |= method == "request";
        drop(state);
        if method != "request" {
            return None;
        }
        let payload = params.get("payload").unwrap_or(&Value::Null);
        let answer = match text(&params, "type") {
            "HookRequest" => self.hook(payload),
            "ApprovalRequest" => self.approval(payload),
            other => Err(RpcError::new(METHOD_NOT_FOUND, format!("omk does not answer {}", other.escape_debug()))),
        };
        Some(Box::pin(ready(answer)))
    }

    fn notification(&mut self, method: &str, params: Value) {
        let state = &mut *self.scene.lock();
        state.narrative.alive();
        if method == "event" {
            take(self.scene, state, &mut self.calls, &mut self.steps, &params);
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

/// A text field; empty where there is none.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
