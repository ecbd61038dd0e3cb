//! What is heard of an agent from its start to its end, and what is made of it.
//!
//! Owns the reading of events: a line of standard output that is a JSON object of a known type is an event, every
//! other line is narrative. All of it goes into the log, within bounds.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::agent::{AgentEnd, AgentEvent, AgentSign};
use crate::domain::budget::Usage;
use crate::domain::ids::Timestamp;
use crate::domain::metering::Reports;
use crate::ports::AgentSigns;
use crate::process::drive::{Driven, EndedBy, Heard, Stream};
use crate::process::output::{Bounded, Lines};
use crate::process::program::Exit;
use crate::process::sanitise::{sanitise, tail_lines};

/// The longest line that can be an event, in bytes.
const LONGEST_EVENT: usize = 256 * 1024;
/// The most reports of use, and the most other events, of one run that are passed on; the log has the rest.
const MOST_EVENTS: usize = 10_000;
/// How often it is said at most that there is output.
const SAYS: Duration = Duration::from_millis(250);
/// How much of what an agent printed last is quoted, in bytes.
const EXCERPT: usize = 4096;

/// What is said of an agent that its keeper ended.
const LAPSED: &str = "omk stood still for longer than its lease, so its keeper ended it";

/// Who answers for exit statuses 126 and 127, with which a shell says that there is no such program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MissingProgram {
    /// The agent itself is missing: no attempt can succeed.
    IsTheAgent,
    /// The slice's own command is wrong: the attempt failed.
    IsTheTask,
}

/// The listening side.
pub(super) struct Conversation {
    events: AgentSigns,
    /// Who serves its model, where its user says so and it does not.
    provider: Option<String>,
    /// When it was last said that there is output.
    said: Option<Instant>,
    lines: Option<Lines>,
    log: Bounded,
    last_errors: Bounded,
    last_output: Bounded,
    spoke: bool,
    /// How many reports of use were passed on; a flood of words does not drown them.
    metered: usize,
    passed_on: usize,
    question: Option<String>,
    /// The refusal of its provider, while that is its last word.
    refusal: Option<Refusal>,
    usage: Reports,
}

/// The provider, when it takes requests again, and its words.
type Refusal = (Option<String>, Option<Timestamp>, String);

impl Conversation {
    /// Begins to listen; events go to `events` as they come.
    pub(super) fn new(events: AgentSigns, provider: Option<String>) -> Self {
        Self {
            events,
            provider,
            said: None,
            lines: Some(Lines::new(LONGEST_EVENT)),
            log: Bounded::default(),
            last_errors: Bounded::new(0, EXCERPT),
            last_output: Bounded::new(0, EXCERPT),
            spoke: false,
            metered: 0,
            passed_on: 0,
            question: None,
            refusal: None,
            usage: Reports::default(),
        }
    }

    /// Takes what is heard next.
    pub(super) fn hear(&mut self, heard: Heard<'_>) {
        match heard {
            Heard::Bytes(stream, bytes) => self.listen(stream, bytes),
            Heard::Vitals(vitals) => self.sign(AgentSign::Vitals(vitals)),
        }
    }

    fn sign(&self, sign: AgentSign) {
        let _nobody_listens = self.events.send(sign);
    }

    /// Takes the next piece of output.
    fn listen(&mut self, stream: Stream, bytes: &[u8]) {
        self.log.push(bytes);
        if self.said.is_none_or(|at| at.elapsed() >= SAYS) {
            self.said = Some(Instant::now());
            self.sign(AgentSign::Output);
        }
        match stream {
            Stream::Errors => self.last_errors.push(bytes),
            Stream::Output => {
                self.spoke = true;
                self.last_output.push(bytes);
                let mut heard = Vec::new();
                if let Some(lines) = &mut self.lines {
                    lines.push(bytes, |line| heard.extend(event(line)));
                }
                heard.into_iter().for_each(|event| self.take(event));
            }
        }
    }

    fn take(&mut self, mut event: AgentEvent) {
        if let AgentEvent::Limited { provider, .. } = &mut event {
            *provider = provider.take().or_else(|| self.provider.clone());
        }
        match &event {
            AgentEvent::Ask { text } => (self.question, self.refusal) = (Some(text.clone()), None),
            // Whoever is done no longer waits for an answer.
            AgentEvent::Done { .. } => (self.question, self.refusal) = (None, None),
            AgentEvent::Usage { usage, id, .. } => self.usage.take(id.as_deref(), usage),
            AgentEvent::Session { .. } => {}
            // Whoever goes on was not stopped by it.
            AgentEvent::Message { .. } | AgentEvent::Propose { .. } | AgentEvent::Tool { .. } => self.refusal = None,
            AgentEvent::Limited { provider, until, detail } => {
                self.refusal = Some((provider.clone(), *until, detail.clone()));
            }
        }
        let count = match &event {
            AgentEvent::Usage { .. } => &mut self.metered,
            AgentEvent::Message { .. }
            | AgentEvent::Propose { .. }
            | AgentEvent::Session { .. }
            | AgentEvent::Tool { .. }
            | AgentEvent::Ask { .. }
            | AgentEvent::Done { .. }
            | AgentEvent::Limited { .. } => &mut self.passed_on,
        };
        if *count < MOST_EVENTS {
            *count += 1;
            self.sign(AgentSign::Event(event));
        }
    }

    /// What the end of its process means, what it used, and its log.
    pub(super) fn conclude(mut self, driven: &Driven, missing: MissingProgram) -> (AgentEnd, Usage, String) {
        let mut heard = None;
        if let Some(lines) = self.lines.take() {
            lines.finish(|line| heard = event(line));
        }
        heard.into_iter().for_each(|event| self.take(event));
        let log = sanitise(&self.log.finish());
        let last = if self.last_errors.is_empty() { self.last_output } else { self.last_errors };
        let excerpt = sanitise(&last.finish());
        let excerpt = tail_lines(excerpt.trim_end(), EXCERPT);
        let end = match driven.by {
            EndedBy::Timeout => AgentEnd::TimedOut,
            EndedBy::Stop => AgentEnd::Stopped,
            EndedBy::Itself => {
                let unheard = missing == MissingProgram::IsTheAgent && !self.spoke;
                match self.refusal {
                    Some((provider, until, detail)) => AgentEnd::Limited { provider, until, detail },
                    None => ended_by_itself(driven.ended.exit, self.question, unheard, excerpt),
                }
            }
            EndedBy::Lease => AgentEnd::Failed { detail: LAPSED.to_owned() },
            EndedBy::KeeperLost => {
                let killed = driven.ended.survivors.len();
                AgentEnd::Failed { detail: format!("its keeper died; {killed} of its processes were killed") }
            }
        };
        (end, self.usage.total(), log)
    }
}

fn ended_by_itself(exit: Exit, question: Option<String>, unheard: bool, excerpt: &str) -> AgentEnd {
    match (exit, question) {
        (_, Some(question)) => AgentEnd::Asked { question },
        (Exit::Code(0), None) => AgentEnd::Finished,
        (Exit::Code(code @ (126 | 127)), None) if unheard => {
            AgentEnd::Unavailable { detail: unavailable(code, excerpt) }
        }
        (Exit::Code(code), None) => AgentEnd::Failed { detail: format!("exit status {code}{}", quoted(excerpt)) },
        (Exit::Signal(signal), None) => {
            AgentEnd::Failed { detail: format!("killed by signal {signal}{}", quoted(excerpt)) }
        }
    }
}

fn unavailable(code: i32, excerpt: &str) -> String {
    if excerpt.is_empty() { format!("the agent cannot be run: exit status {code}") } else { excerpt.to_owned() }
}

fn quoted(excerpt: &str) -> String {
    if excerpt.is_empty() { String::new() } else { format!("\n{excerpt}") }
}

/// Reads a line as an event. Text of an event may hold what a terminal obeys; it is made harmless here.
fn event(line: &[u8]) -> Option<AgentEvent> {
    if !line.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    let clean = |text: String| sanitise(text.as_bytes());
    Some(match serde_json::from_slice(line).ok()? {
        AgentEvent::Message { text } => AgentEvent::Message { text: clean(text) },
        AgentEvent::Propose { title, description } => {
            AgentEvent::Propose { title: clean(title), description: clean(description) }
        }
        AgentEvent::Ask { text } => AgentEvent::Ask { text: clean(text) },
        AgentEvent::Done { summary } => AgentEvent::Done { summary: clean(summary) },
        AgentEvent::Usage { usage, id, model } => AgentEvent::Usage { usage, id, model: model.map(clean) },
        AgentEvent::Session { id } => AgentEvent::Session { id: clean(id) },
        AgentEvent::Tool { id, title, done } => AgentEvent::Tool { id, title: clean(title), done },
        AgentEvent::Limited { provider, until, detail } => {
            AgentEvent::Limited { provider: provider.map(clean), until, detail: clean(detail) }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_event_only_if_it_is_whole_and_of_a_known_type() {
        let usage = Usage { input_tokens: 3, ..Usage::default() };
        assert_eq!(
            event(br#"{"type":"usage","input_tokens":3,"more":1}"#),
            Some(AgentEvent::Usage { usage, id: None, model: None })
        );
        assert_eq!(event(br#" {"type":"done"}"#), Some(AgentEvent::Done { summary: String::new() }));
        let message = AgentEvent::Message { text: "a b".into() };
        assert_eq!(event(b"{\"type\":\"message\",\"text\":\"a \\u001b[1mb\"}"), Some(message));
        for line in [r#"{"type":"ask"}"#, r#"{"type":"bye"}"#, r#"{"text":"x"}"#, r#"{"type":"message","#, "done"] {
            assert_eq!(event(line.as_bytes()), None, "{line}");
        }
    }
}
