//! What the agent lets us see while it works: `event`.
//!
//! Reads tolerantly: an event of an unknown kind is a sign of life and nothing else. What a step used is said once, by
//! the status behind it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::calls::Calls;
use super::requests::text;
use crate::agents::policy::ToolCall;
use crate::agents::scene::{Scene, State};
use crate::domain::budget::Usage;

/// The most subagents whose steps are told apart.
const MOST_AGENTS: usize = 1_000;

/// The step that each agent is at; the main one has no name.
#[derive(Debug, Default)]
pub(super) struct Steps(BTreeMap<String, u64>);

/// Listens to one agent of the program.
struct Listener<'a> {
    scene: &'a Scene,
    state: &'a mut State,
    calls: &'a mut Calls,
    steps: &'a mut Steps,
    /// Its name; the main one has none.
    agent: &'a str,
}

/// Takes one event.
pub(super) fn take(scene: &Scene, state: &mut State, calls: &mut Calls, steps: &mut Steps, event: &Value) {
    match text(event, "type") {
        "SubagentEvent" => {
            let payload = &event["payload"];
            let agent = text(payload, "agent_id");
            let agent = if agent.is_empty() { text(payload, "parent_tool_call_id") } else { agent };
            Listener { scene, state, calls, steps, agent }.take(&payload["event"]);
        }
        _ => Listener { scene, state, calls, steps, agent: "" }.take(event),
    }
}

impl Listener<'_> {
    fn take(&mut self, event: &Value) {
        let payload = &event["payload"];
        match text(event, "type") {
            "TurnBegin" if self.agent.is_empty() => self.calls.end_all(),
            "StepBegin" => self.step(payload),
            "ContentPart" => self.content(payload),
            "ToolCall" => self.call(payload),
            "ToolCallPart" => self.calls.more(self.agent, text(payload, "arguments_part")),
            "ToolResult" => self.result(payload),
            "StatusUpdate" => self.status(payload),
            "StepRetry" => self.retry(payload),
            "StepInterrupted" => self.state.narrative.note("[the step was interrupted]"),
            "SteerInput" => self.state.narrative.note("[the agent has read what the operator said]"),
            "CompactionBegin" => self.state.narrative.note("[the agent shortens its context]"),
            _ => {}
        }
    }

    fn step(&mut self, payload: &Value) {
        let Steps(steps) = &mut *self.steps;
        if steps.len() < MOST_AGENTS || steps.contains_key(self.agent) {
            steps.insert(self.agent.to_owned(), payload["n"].as_u64().unwrap_or_default());
        }
        if self.agent.is_empty() {
            self.state.narrative.pause();
        }
    }

    /// What a subagent says it says to the main one.
    fn content(&mut self, payload: &Value) {
        if text(payload, "type") == "text" && self.agent.is_empty() {
            let piece = text(payload, "text");
            self.state.says(piece);
        }
    }

    fn call(&mut self, payload: &Value) {
        self.state.acts();
        self.tell();
        let (id, function) = (text(payload, "id"), &payload["function"]);
        // What it does is known to its hook: here it only counts that it works.
        self.state.calls.begin(id, ToolCall::default());
        self.calls.begin(self.agent, id, text(function, "name"), text(function, "arguments"));
    }

    fn result(&mut self, payload: &Value) {
        self.tell();
        let failed = payload["return_value"]["is_error"].as_bool().unwrap_or_default();
        let id = text(payload, "tool_call_id");
        self.state.narrative.tool_ended(id, if failed { "failed" } else { "completed" });
        self.state.calls.end(id);
        self.calls.end(id);
    }

    /// Tells of the calls that have been streamed to their end.
    fn tell(&mut self) {
        for (id, title) in self.calls.untold() {
            self.state.narrative.tool(&id, &title);
        }
    }

    fn status(&mut self, payload: &Value) {
        self.tell();
        let Some(counts) = payload.get("token_usage").filter(|counts| counts.is_object()) else { return };
        let Steps(steps) = &*self.steps;
        let step = steps.get(self.agent).copied().unwrap_or_default();
        let id = format!("{}/{step}/{}", self.agent, text(payload, "message_id"));
        self.state.relief();
        self.state.narrative.used(tokens(counts), Some(id), None);
    }

    fn retry(&mut self, payload: &Value) {
        let number = |name: &str| payload[name].as_u64().unwrap_or_default();
        let status = payload["status_code"].as_u64();
        let wait = payload["wait_s"].as_f64().filter(|wait| (0.0..=604_800.0).contains(wait)).unwrap_or_default();
        let words = format!(
            "{}{}; attempt {} of {} in {wait:.1} s",
            text(payload, "error_type"),
            status.map(|status| format!(" {status}")).unwrap_or_default(),
            number("next_attempt"),
            number("max_attempts"),
        );
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
        let until = (self.scene.now)().plus((wait * 1000.0).ceil() as u64);
        match status {
            Some(429 | 529) => {
                self.state.narrative.limited(self.scene.profile.provider.clone(), Some(until), &words);
            }
            _ => self.state.narrative.note(&format!("[{words}]")),
        }
        (self.state.trouble, self.state.waits) = (Some(words), Some(until));
    }
}

fn tokens(counts: &Value) -> Usage {
    let count = |name: &str| counts[name].as_u64().unwrap_or_default();
    let cached_tokens = count("input_cache_read");
    let input_tokens = count("input_other") + cached_tokens + count("input_cache_creation");
    Usage { input_tokens, cached_tokens, output_tokens: count("output"), usd_micros: None }
}
