//! The dialect of Codex: `exec --json`, one process a turn, which takes no words while it works.
//!
//! Owns what its lines mean. It shows tool calls and waits for nobody: its own sandbox holds it to the worktree, and
//! the capture finds the rest.

mod command;
mod line;

use std::collections::BTreeMap;

pub use self::command::{Thread, command_line};
use self::line::{Item, Line, Tokens};
use super::heard::Heard;
use super::provider::{Refusal, refusal_in};
use crate::domain::agent::{AgentEnd, AgentEvent};
use crate::domain::budget::Usage;
use crate::process::sanitise::{one_line, sanitise};

/// What it calls an attempt to go on after an error.
const RETRY: &str = "Reconnecting...";
/// The most tool calls that are remembered at once.
const MOST_CALLS: usize = 10_000;

/// One process.
#[derive(Debug, Default)]
pub struct Codex {
    thread: Option<String>,
    running: BTreeMap<String, String>,
    before: Usage,
}

impl Codex {
    /// A process that begins a thread.
    pub fn new() -> Self {
        Self::default()
    }

    /// A process that goes on with a thread which had used `before`: it reports the thread's sum, not the turn's.
    pub fn resumed(before: Usage) -> Self {
        Self { before, ..Self::default() }
    }

    /// What a line means. One that is no JSON of its protocol means nothing.
    pub fn hear(&mut self, line: &[u8]) -> Vec<Heard> {
        match Line::read(line) {
            Line::Thread { id } => self.thread_is(id),
            Line::ItemBegun(item) => self.begun(item).into_iter().collect(),
            Line::ItemEnded(item) => self.ended(item),
            Line::Trouble { message } => vec![trouble(&message)],
            Line::TurnOver(tokens) => {
                let used = self.used(&tokens);
                used.into_iter().chain([Heard::Ended(AgentEnd::Finished)]).collect()
            }
            Line::TurnFailed { message } => vec![Heard::Ended(ending(&message))],
            Line::Other => Vec::new(),
        }
    }

    fn thread_is(&mut self, id: String) -> Vec<Heard> {
        if self.thread.as_ref() == Some(&id) {
            return Vec::new();
        }
        self.thread = Some(id.clone());
        vec![Heard::Session(id)]
    }

    fn begun(&mut self, item: Item) -> Option<Heard> {
        let title = one_line(item.title()?.as_bytes());
        if self.running.len() < MOST_CALLS {
            self.running.insert(item.id.clone(), title.clone());
        }
        Some(Heard::Event(AgentEvent::Tool { id: item.id, title, done: false }))
    }

    fn ended(&mut self, item: Item) -> Vec<Heard> {
        if let Some(text) = item.words() {
            return vec![Heard::Event(AgentEvent::Message { text: sanitise(text.trim().as_bytes()) })];
        }
        let Some(title) = item.title() else { return Vec::new() };
        let mut heard = Vec::new();
        // Some calls are shown only when they are over.
        let title = match self.running.remove(&item.id) {
            Some(title) => title,
            None => {
                let title = one_line(title.as_bytes());
                heard.push(Heard::Event(AgentEvent::Tool { id: item.id.clone(), title: title.clone(), done: false }));
                title
            }
        };
        heard.push(Heard::Event(AgentEvent::Tool { id: item.id, title, done: true }));
        heard
    }

    fn used(&mut self, tokens: &Tokens) -> Option<Heard> {
        let increment = Usage {
            input_tokens: tokens.input_tokens.saturating_sub(self.before.input_tokens),
            cached_tokens: tokens.cached_input_tokens.saturating_sub(self.before.cached_tokens),
            output_tokens: tokens.output_tokens.saturating_sub(self.before.output_tokens),
            ..Usage::default()
        };
        self.before = self.before.plus(&increment);
        let event = AgentEvent::Usage { usage: increment, id: None, model: None };
        (increment != Usage::default()).then_some(Heard::Event(event))
    }
}

/// It says so and goes on trying, or the end follows.
fn trouble(message: &str) -> Heard {
    let detail = one_line(message.as_bytes());
    Heard::Event(if message.starts_with(RETRY) && refusal_in(message) == Some(Refusal::Limit) {
        AgentEvent::Limited { provider: None, until: None, detail }
    } else {
        AgentEvent::Message { text: detail }
    })
}

/// It has only words for it.
fn ending(message: &str) -> AgentEnd {
    let detail = sanitise(message.as_bytes());
    match refusal_in(message) {
        Some(Refusal::Limit) => AgentEnd::Limited { provider: None, until: None, detail },
        Some(Refusal::Billing | Refusal::Login | Refusal::Model) => AgentEnd::Unavailable { detail },
        None => AgentEnd::Failed { detail },
    }
}
