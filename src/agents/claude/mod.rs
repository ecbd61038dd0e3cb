//! The dialect of Claude Code: `stream-json` both ways.
//!
//! Owns one process's conversation: what we write (`hello`, `prompt`, `interrupt`, answers) and what its lines mean.
//! Every tool call comes by a hook, in every mode, and waits for our answer; it never runs unjudged.

mod command;
mod ending;
mod line;
mod quota;
mod spending;
mod tools;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

pub use self::command::{Session, command_line};
use self::ending::{ending, is_limit};
use self::line::{Block, Control, Line, Outcome, Retry, Said};
pub(super) use self::quota::Quota;
use self::spending::Spending;
use super::heard::{Heard, Ruling};
use crate::domain::agent::{AgentEnd, AgentEvent};
use crate::domain::budget::Usage;
use crate::domain::ids::Timestamp;
use crate::process::sanitise::{one_line, sanitise};

/// The name of our hook.
const HOOK: &str = "judge";
/// The id of our first request.
const HELLO: &str = "hello";
/// What the model is told when it asks a person.
const PASSED_ON: &str = "Nobody can answer while you work. The question is passed on to a person, whose answer a later \
                         attempt gets: end your turn now, and say what you need it for.";
/// The same, where nobody will ever answer.
const NOBODY: &str = "Nobody is there to answer. Decide it yourself as the task demands, and say what you chose.";
/// The most tool calls that are remembered at once.
const MOST_CALLS: usize = 10_000;

/// A tool call that we have not answered.
#[derive(Debug)]
struct Waiting {
    /// It came by the hook, not as a question for permission.
    by_hook: bool,
    input: Value,
}

/// One conversation.
#[derive(Debug, Default)]
pub struct Claude {
    session: Option<String>,
    waiting: BTreeMap<String, Waiting>,
    running: BTreeMap<String, String>,
    spending: Spending,
    /// The kind of the error that it said last, in its words.
    error: Option<String>,
    /// When its provider takes requests again.
    limited_until: Option<Timestamp>,
    requests: u64,
    greeted: bool,
    /// Nobody answers questions.
    alone: bool,
    /// What was said into a turn and is not taken up, by its id.
    unheard: BTreeSet<String>,
}

impl Claude {
    /// A conversation that has not begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, where nobody will answer a question: the model decides by itself.
    pub fn alone() -> Self {
        Self { alone: true, ..Self::default() }
    }

    /// The same conversation in a new process that resumes a session, which had used `before`.
    #[must_use]
    pub fn resuming(self, before: Usage) -> Self {
        Self { spending: Spending::resumed(before), ..self }
    }

    /// The first line: asks it to show us every tool call.
    pub fn hello(&mut self) -> String {
        let hook = json!({"matcher": null, "hookCallbackIds": [HOOK]});
        control(HELLO, &json!({"subtype": "initialize", "hooks": {"PreToolUse": [hook]}}))
    }

    /// Whether it has answered the first line.
    pub fn has_greeted(&self) -> bool {
        self.greeted
    }

    /// A prompt; during a turn it goes into that one.
    pub fn prompt(&mut self, text: &str) -> String {
        json!({"type": "user", "message": {"role": "user", "content": text}}).to_string()
    }

    /// A word into the running turn, said at the moment `now`. It says when it takes it up (`Heard::Begun`): with the
    /// next result of a tool, or in a turn of its own behind this one.
    pub fn steer(&mut self, text: &str, now: Timestamp) -> String {
        self.requests += 1;
        // Like no other in this session, whichever process said it.
        let id = format!("{:08x}-{:04x}-4000-8000-{:012x}", now.0 >> 16 & 0xffff_ffff, now.0 & 0xffff, self.requests);
        let line = json!({"type": "user", "uuid": id, "message": {"role": "user", "content": text}});
        self.unheard.insert(id);
        line.to_string()
    }

    /// How much of what was said into the turn is not taken up.
    pub fn unheard(&self) -> usize {
        self.unheard.len()
    }

    /// Ends the turn; the session stays.
    pub fn interrupt(&mut self) -> String {
        self.requests += 1;
        control(&format!("stop-{}", self.requests), &json!({"subtype": "interrupt"}))
    }

    /// The line that answers a tool call; `None` where nobody waits for it any more.
    pub fn answer(&mut self, request: &str, ruling: &Ruling) -> Option<String> {
        let waiting = self.waiting.remove(request)?;
        let response = match (waiting.by_hook, ruling) {
            (true, Ruling::Allow) => decision("allow", None),
            (true, Ruling::Refuse { reason }) => decision("deny", Some(reason)),
            (false, Ruling::Allow) => json!({"behavior": "allow", "updatedInput": waiting.input}),
            (false, Ruling::Refuse { reason }) => json!({"behavior": "deny", "message": reason}),
        };
        let response = json!({"subtype": "success", "request_id": request, "response": response});
        Some(json!({"type": "control_response", "response": response}).to_string())
    }

    /// What a line means, heard at the moment `now`. One that is no JSON of its protocol means nothing.
    pub fn hear(&mut self, line: &[u8], now: Timestamp) -> Vec<Heard> {
        match Line::read(line) {
            Line::Init { session } => self.session_is(session),
            Line::Said(said) => self.said(said),
            Line::Begun { id, model, usage } => self.spending.begun(id, model, &usage).into_iter().collect(),
            Line::Counted { id, usage } => self.spending.counted(&id, &usage).into_iter().collect(),
            Line::Results(calls) => calls.iter().filter_map(|call| self.finished(call)).collect(),
            Line::Retry(retry) => vec![retried(&retry, now)],
            Line::Denied { tool, message } => vec![message_of(&format!("{tool} was refused: {message}"))],
            Line::Limit(quota) => self.limit(quota),
            Line::Control { id, control } => self.controlled(id, control),
            Line::Withdrawn { id } => {
                self.waiting.remove(&id);
                Vec::new()
            }
            Line::Answered { id, error } if id == HELLO => self.welcomed(error),
            Line::Prompt { id, queued, begun } => self.prompted(&id, queued, begun).into_iter().collect(),
            Line::Answered { .. } | Line::Other => Vec::new(),
            Line::Result(outcome) => self.over(&outcome),
        }
    }

    fn welcomed(&mut self, error: Option<String>) -> Vec<Heard> {
        self.greeted = error.is_none();
        let refused = |error: String| Heard::Ended(AgentEnd::Unavailable { detail: sanitise(error.as_bytes()) });
        error.map(refused).into_iter().collect()
    }

    fn prompted(&mut self, id: &str, queued: bool, begun: bool) -> Option<Heard> {
        if !queued {
            self.unheard.remove(id);
        }
        begun.then_some(Heard::Begun)
    }

    fn session_is(&mut self, session: String) -> Vec<Heard> {
        if self.session.as_ref() == Some(&session) {
            return Vec::new();
        }
        self.session = Some(session.clone());
        vec![Heard::Session(session)]
    }

    fn said(&mut self, said: Said) -> Vec<Heard> {
        if let Some(error) = said.error {
            // The program speaks for itself: nothing was used, and the result says it again.
            self.error = Some(error);
            return Vec::new();
        }
        let mut heard: Vec<_> = self.spending.said(said.id, said.model, &said.usage).into_iter().collect();
        for block in said.blocks {
            match block {
                Block::Text(text) => heard.push(message_of(&text)),
                Block::Call { id, tool, input } => {
                    let title = one_line(tools::title(&tool, &input).as_bytes());
                    if self.running.len() < MOST_CALLS {
                        self.running.insert(id.clone(), title.clone());
                    }
                    heard.push(Heard::Event(AgentEvent::Tool { id, title, done: false }));
                }
            }
        }
        heard
    }

    fn finished(&mut self, call: &str) -> Option<Heard> {
        let title = self.running.remove(call)?;
        Some(Heard::Event(AgentEvent::Tool { id: call.to_owned(), title, done: true }))
    }

    fn limit(&mut self, quota: Quota) -> Vec<Heard> {
        self.limited_until = quota.refused_until();
        let Quota::Refused { until } = quota else { return Vec::new() };
        let detail = "the quota of the account is used up".to_owned();
        vec![Heard::Event(AgentEvent::Limited { provider: None, until, detail })]
    }

    fn controlled(&mut self, id: String, control: Control) -> Vec<Heard> {
        let (by_hook, tool, input, cwd) = match control {
            Control::Hook { tool, input, cwd } => (true, tool, input, cwd),
            Control::Permission { tool, input } => (false, tool, input, None),
            Control::Unknown { subtype } => {
                let error = format!("`{subtype}` is not answered here");
                let response = json!({"subtype": "error", "request_id": id, "error": error});
                return vec![Heard::Send(json!({"type": "control_response", "response": response}).to_string())];
            }
        };
        let question = tools::question(&tool, &input);
        let asked = tools::asked(&id, &tool, &input, cwd);
        self.waiting.insert(id.clone(), Waiting { by_hook, input });
        match question {
            Some(_) if self.alone => {
                self.answer(&id, &Ruling::Refuse { reason: NOBODY.to_owned() }).map(Heard::Send).into_iter().collect()
            }
            Some(text) => {
                let ask = Heard::Event(AgentEvent::Ask { text: sanitise(text.as_bytes()) });
                let refused = self.answer(&id, &Ruling::Refuse { reason: PASSED_ON.to_owned() });
                std::iter::once(ask).chain(refused.map(Heard::Send)).collect()
            }
            None => vec![Heard::Judge(asked)],
        }
    }

    fn over(&mut self, outcome: &Outcome) -> Vec<Heard> {
        let mut heard: Vec<_> = self.spending.settled(outcome).into_iter().collect();
        heard.push(Heard::Ended(ending(outcome, self.error.take().as_deref(), self.limited_until)));
        heard
    }
}

fn control(id: &str, request: &Value) -> String {
    json!({"type": "control_request", "request_id": id, "request": request}).to_string()
}

fn decision(decision: &str, reason: Option<&str>) -> Value {
    let mut output = json!({"hookEventName": "PreToolUse", "permissionDecision": decision});
    if let Some(reason) = reason {
        output["permissionDecisionReason"] = reason.into();
    }
    json!({"hookSpecificOutput": output})
}

fn message_of(text: &str) -> Heard {
    Heard::Event(AgentEvent::Message { text: sanitise(text.trim().as_bytes()) })
}

/// It waits by itself; a wait that the provider wants is one of the provider's state.
fn retried(retry: &Retry, now: Timestamp) -> Heard {
    let status = retry.status.map(|status| format!(" (status {status})")).unwrap_or_default();
    let kind = one_line(retry.error.as_bytes());
    let detail = format!("the model answers {kind}{status}; retry {} of {}", retry.attempt, retry.most);
    if is_limit(retry.status, Some(&retry.error)) {
        let until = Some(Timestamp(now.0.saturating_add(retry.delay_ms)));
        return Heard::Event(AgentEvent::Limited { provider: None, until, detail });
    }
    Heard::Event(AgentEvent::Message { text: detail })
}
