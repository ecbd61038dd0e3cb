//! How long an agent has been quiet, and what was last seen of it.
//!
//! Pure; measured by the steady clock. A message, output, or a change in the worktree is progress; a process that
//! computes is not. The worktree is looked at half way and at the end only, against how it was when somebody looked
//! last: a change found then counts as made at that moment, so an agent is never called stale too early.

use std::time::Duration;

use crate::domain::agent::AgentEvent;
use crate::domain::ids::{AttemptRef, Moment};
use crate::domain::vitals::{Sighting, Vitals};

/// The shortest time between two sightings that are passed on, in milliseconds.
const SHOWN_EVERY_MS: u64 = 250;
/// The longest line that is shown of an event, in characters.
const LONGEST_LINE: usize = 200;
/// The most tool calls that are told apart; what an agent leaves open beyond that is forgotten, the oldest first.
const MOST_CALLS: usize = 64;

/// What is to be done about an agent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Nothing for so many milliseconds.
    Rest(u64),
    /// It has been quiet for half of the time or all of it: look at its worktree.
    Look,
}

/// What a look at the worktree comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It works, or was warned of already.
    Nothing,
    /// It has been quiet for half of the time: say so, once.
    Quiet(Sighting),
    /// It has been quiet for all of the time; says how.
    Stale(String),
}

/// The watch over one run of an agent.
#[derive(Clone, Debug)]
pub struct Vigil {
    attempt: AttemptRef,
    agent: String,
    stall_ms: u64,
    quiet_since: Moment,
    warned: bool,
    worktree: Option<u64>,
    last_event: String,
    calls: Vec<(String, String)>,
    vitals: Vitals,
    shown: Option<Moment>,
}

impl Vigil {
    /// A watch that begins as the agent does; stale after `stall_ms` milliseconds of quiet.
    pub fn new(attempt: AttemptRef, agent: String, stall_ms: u64, now: Moment) -> Self {
        Self {
            attempt,
            agent,
            stall_ms,
            quiet_since: now,
            warned: false,
            worktree: None,
            last_event: String::new(),
            calls: Vec::new(),
            vitals: Vitals::default(),
            shown: None,
        }
    }

    fn progress(&mut self, now: Moment) {
        self.quiet_since = now;
        self.warned = false;
    }

    /// The agent let us see something.
    pub fn event(&mut self, event: &AgentEvent, now: Moment) {
        self.progress(now);
        if let AgentEvent::Tool { id, title, done } = event {
            self.calls.retain(|(open, _)| open != id);
            if !done {
                self.calls.drain(..(self.calls.len() + 1).saturating_sub(MOST_CALLS));
                self.calls.push((id.clone(), line(title)));
            }
        }
        self.last_event = described(event);
    }

    /// The agent printed something.
    pub fn output(&mut self, now: Moment) {
        self.progress(now);
    }

    /// Its keeper spoke, which is no progress.
    pub fn vitals(&mut self, vitals: Vitals) {
        self.vitals = vitals;
    }

    /// How the worktree was when the agent began.
    pub fn begins_with(&mut self, worktree: u64) {
        self.worktree.get_or_insert(worktree);
    }

    /// What is to be done now.
    pub fn check(&self, now: Moment) -> Watch {
        let due = if self.warned { self.stall_ms } else { self.stall_ms / 2 };
        match due.saturating_sub(now.since(self.quiet_since)) {
            0 => Watch::Look,
            rest => Watch::Rest(rest),
        }
    }

    /// The worktree was looked at; `None` where that failed, which shows no change.
    pub fn looked(&mut self, worktree: Option<u64>, now: Moment) -> Finding {
        let changed = worktree.is_some() && worktree != self.worktree;
        self.worktree = worktree.or(self.worktree);
        let quiet_ms = now.since(self.quiet_since);
        if changed {
            self.progress(now);
            return Finding::Nothing;
        }
        if quiet_ms >= self.stall_ms {
            let span = humantime::format_duration(Duration::from_millis(self.stall_ms));
            return Finding::Stale(format!("no message, no output and no change in its worktree for {span}"));
        }
        if self.warned || quiet_ms < self.stall_ms / 2 {
            return Finding::Nothing;
        }
        self.warned = true;
        Finding::Quiet(self.sighting(now))
    }

    /// What is seen of the attempt.
    pub fn sighting(&self, now: Moment) -> Sighting {
        Sighting {
            attempt: self.attempt.clone(),
            agent: self.agent.clone(),
            quiet_ms: now.since(self.quiet_since),
            last_event: self.last_event.clone(),
            tool_call: self.calls.last().map(|(_, title)| title.clone()),
            vitals: self.vitals.clone(),
            seen_ms_ago: 0,
        }
    }

    /// The same, a few times a second at most.
    pub fn show(&mut self, now: Moment) -> Option<Sighting> {
        if self.shown.is_some_and(|shown| now.since(shown) < SHOWN_EVERY_MS) {
            return None;
        }
        self.shown = Some(now);
        Some(self.sighting(now))
    }
}

/// An event in one line.
fn described(event: &AgentEvent) -> String {
    let (what, text) = match event {
        AgentEvent::Message { text } => ("", text),
        AgentEvent::Tool { title, done: false, .. } => ("begins: ", title),
        AgentEvent::Tool { title, done: true, .. } => ("has done: ", title),
        AgentEvent::Limited { detail, .. } => ("its provider refuses: ", detail),
        AgentEvent::Propose { title, .. } => ("proposes: ", title),
        AgentEvent::Session { id } => ("works in session ", id),
        AgentEvent::Ask { text } => ("asks: ", text),
        AgentEvent::Done { summary } => ("says it is done: ", summary),
        AgentEvent::Usage { usage, .. } => return format!("reports {} tokens", usage.tokens()),
    };
    line(&format!("{what}{text}"))
}

fn line(text: &str) -> String {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    first.trim().trim_end_matches(':').chars().take(LONGEST_LINE).collect()
}
