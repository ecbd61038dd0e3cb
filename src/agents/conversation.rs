//! What is heard of an agent from its start to its end, and what is made of it.
//!
//! Owns the reading of events: a line of standard output that is a JSON object of a known type is an event, every
//! other line is narrative. All of it goes into the log, line by line, within bounds. Invariant: nothing leaves here with
//! a secret that can be recognised.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::ending::without_secrets;
use super::keeping::Keeping;
use super::narrative::CUT;
use super::sums::Sums;
use super::wait::believed;
use crate::domain::agent::{AgentEnd, AgentEvent, AgentSign};
use crate::domain::budget::Usage;
use crate::domain::ids::Timestamp;
use crate::domain::redact::{Redactor, redact};
use crate::ports::AgentSigns;
use crate::process::drive::{Driven, EndedBy, Heard, Stream};
use crate::process::output::{Bounded, Lines};
use crate::process::program::Exit;
use crate::process::sanitise::{sanitise, tail_lines};

/// The longest line that can be an event, and what is kept of a longer one, in bytes.
const LONGEST_EVENT: usize = 256 * 1024;
/// The most events of one run, reports of use apart, that are passed on; the log has the rest.
const MOST_EVENTS: usize = 10_000;
/// How often it is said at most that there is output.
const SAYS: Duration = Duration::from_millis(250);
/// How much of what an agent printed last is quoted, in bytes.
const EXCERPT: usize = 4096;

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
    /// Tells how far ahead a stated end of a limit lies.
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// When it was last said that there is output.
    said: Option<Instant>,
    log: Keeping,
    output: Ear,
    errors: Ear,
    spoke: bool,
    passed_on: usize,
    question: Option<String>,
    /// The refusal of its provider, while that is its last word.
    refusal: Option<Refusal>,
    /// What it used; a flood of words does not drown it.
    usage: Sums,
}

/// One stream: its lines, and the last of them.
struct Ear {
    lines: Lines,
    clean: Redactor,
    last: Bounded,
}

impl Ear {
    fn new() -> Self {
        Self { lines: Lines::new(LONGEST_EVENT), clean: Redactor::default(), last: Bounded::new(0, EXCERPT) }
    }

    /// Takes a piece; lines that it ends go into the log, and to `each`.
    fn hear(&mut self, bytes: &[u8], log: &mut Keeping, mut each: impl FnMut(&[u8])) {
        let Self { lines, clean, last } = self;
        // All at once: a flood may be of lines of one letter.
        let mut block = Vec::new();
        let mut write = |text: String| {
            log.push(text.as_bytes());
            last.push(text.as_bytes());
        };
        lines.push(bytes, |line| {
            if line.len() < LONGEST_EVENT {
                [line, b"\n"].into_iter().for_each(|part| block.extend_from_slice(part));
            } else {
                write(clean.redact_lines(&sanitise(&std::mem::take(&mut block))) + &readable(line, clean) + "\n");
            }
            each(line);
        });
        write(clean.redact_lines(&sanitise(&block)));
    }

    /// Takes what is left when the stream ends: its last words.
    fn finish(mut self, log: &mut Keeping, each: impl FnOnce(&[u8])) -> String {
        let mut rest = Vec::new();
        self.lines.finish(|line| rest = line.to_vec());
        let text = readable(&rest, &mut self.clean);
        log.push(text.as_bytes());
        self.last.push(text.as_bytes());
        each(&rest);
        sanitise(&self.last.finish())
    }
}

/// A line for people.
fn readable(line: &[u8], clean: &mut Redactor) -> String {
    let cut = if line.len() < LONGEST_EVENT { "" } else { CUT };
    clean.redact(&sanitise(line)) + cut
}

/// The provider, when it takes requests again, and its words.
type Refusal = (Option<String>, Option<Timestamp>, String);

impl Conversation {
    /// Begins to listen; events go to `events` and text to `log` as they come.
    pub(super) fn new(
        events: AgentSigns,
        provider: Option<String>,
        now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
        log: Keeping,
    ) -> Self {
        Self {
            events,
            provider,
            now,
            said: None,
            log,
            output: Ear::new(),
            errors: Ear::new(),
            spoke: false,
            passed_on: 0,
            question: None,
            refusal: None,
            usage: Sums::default(),
        }
    }

    /// Takes what is heard next.
    pub(super) fn hear(&mut self, heard: Heard<'_>) {
        match heard {
            Heard::Bytes(stream, bytes) => self.listen(stream, bytes),
            Heard::Vitals(vitals) => self.sign(AgentSign::Vitals(vitals)),
        }
        let sums = self.usage.due(Instant::now());
        self.tell(sums);
    }

    fn tell(&self, events: Vec<AgentEvent>) {
        events.into_iter().for_each(|event| self.sign(AgentSign::Event(event)));
    }

    fn sign(&self, sign: AgentSign) {
        let _nobody_listens = self.events.send(sign);
    }

    /// Takes the next piece of output.
    fn listen(&mut self, stream: Stream, bytes: &[u8]) {
        if self.said.is_none_or(|at| at.elapsed() >= SAYS) {
            self.said = Some(Instant::now());
            self.sign(AgentSign::Output);
        }
        match stream {
            Stream::Errors => self.errors.hear(bytes, &mut self.log, |_| {}),
            Stream::Output => {
                self.spoke = true;
                let mut heard = Vec::new();
                self.output.hear(bytes, &mut self.log, |line| heard.extend(event(line)));
                heard.into_iter().for_each(|event| self.take(event));
            }
        }
    }

    fn take(&mut self, mut event: AgentEvent) {
        if let AgentEvent::Limited { provider, until, .. } = &mut event {
            *provider = provider.take().or_else(|| self.provider.clone());
            let now = (self.now)();
            *until = until.filter(|at| believed(*at, now));
        }
        match &event {
            AgentEvent::Ask { text } => (self.question, self.refusal) = (Some(text.clone()), None),
            // Whoever is done no longer waits for an answer.
            AgentEvent::Done { .. } => (self.question, self.refusal) = (None, None),
            AgentEvent::Usage { .. } | AgentEvent::Session { .. } => {}
            // Whoever goes on was not stopped by it.
            AgentEvent::Message { .. } | AgentEvent::Propose { .. } | AgentEvent::Tool { .. } => self.refusal = None,
            AgentEvent::Limited { provider, until, detail } => {
                self.refusal = Some((provider.clone(), *until, detail.clone()));
            }
        }
        let goes_on = match &event {
            AgentEvent::Usage { usage, id, model } => self.usage.take(id.as_deref(), model.as_deref(), usage),
            AgentEvent::Message { .. }
            | AgentEvent::Propose { .. }
            | AgentEvent::Session { .. }
            | AgentEvent::Tool { .. }
            | AgentEvent::Ask { .. }
            | AgentEvent::Done { .. }
            | AgentEvent::Limited { .. } => {
                self.passed_on += 1;
                self.passed_on <= MOST_EVENTS
            }
        };
        if goes_on {
            self.sign(AgentSign::Event(event));
        }
    }

    /// What the end of its process means, what it used, and its log.
    pub(super) fn conclude(mut self, driven: &Driven, missing: MissingProgram) -> (AgentEnd, Usage, Keeping) {
        let mut heard = None;
        let output = std::mem::replace(&mut self.output, Ear::new());
        let errors = std::mem::replace(&mut self.errors, Ear::new());
        let output = output.finish(&mut self.log, |line| heard = event(line));
        let errors = errors.finish(&mut self.log, |_| {});
        heard.into_iter().for_each(|event| self.take(event));
        let sums = self.usage.rest();
        self.tell(sums);
        let excerpt = if errors.is_empty() { output } else { errors };
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
            EndedBy::Lease => AgentEnd::Lapsed,
            EndedBy::KeeperLost => {
                let killed = driven.ended.survivors.len();
                AgentEnd::Failed { detail: format!("its keeper died; {killed} of its processes were killed") }
            }
        };
        (without_secrets(end), self.usage.total(), self.log)
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

/// Reads a line as an event. Text of an event may hold what a terminal obeys, and secrets; it is made harmless here.
fn event(line: &[u8]) -> Option<AgentEvent> {
    if !line.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    let clean = |text: String| redact(&sanitise(text.as_bytes()));
    Some(match serde_json::from_slice(line).ok()? {
        AgentEvent::Message { text } => AgentEvent::Message { text: clean(text) },
        AgentEvent::Propose { title, description } => {
            AgentEvent::Propose { title: clean(title), description: clean(description) }
        }
        AgentEvent::Ask { text } => AgentEvent::Ask { text: clean(text) },
        AgentEvent::Done { summary } => AgentEvent::Done { summary: clean(summary) },
        AgentEvent::Usage { usage, id, model } => AgentEvent::Usage { usage, id, model: model.map(clean) },
        // Another process goes on with it by this name.
        AgentEvent::Session { id } => AgentEvent::Session { id: sanitise(id.as_bytes()) },
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
    fn a_secret_is_taken_out_however_the_streams_are_cut() {
        let mut conversation = Conversation::new(
            tokio::sync::mpsc::unbounded_channel().0,
            None,
            Arc::new(|| Timestamp(0)),
            Keeping::default(),
        );
        for (stream, piece) in [
            (Stream::Errors, "uses sk-abcd"),
            (Stream::Output, "-----BEGIN PRIVATE KEY-----\nMIIEabcd\nabcd"),
            (Stream::Errors, "efghijkl\nbad to"),
            (Stream::Output, "efgh\n-----END PRIVATE KEY-----\n"),
            (Stream::Errors, "ken=abcdefgh"),
        ] {
            conversation.hear(Heard::Bytes(stream, piece.as_bytes()));
        }
        let ended = serde_json::json!({"exit": {"code": 1}, "cpu_user_ms": 0, "cpu_system_ms": 0, "max_rss_kb": 0, "survivors": []});
        let ended = serde_json::from_value(ended).expect("an end");
        let driven = Driven { ended, by: EndedBy::Itself };
        let (end, _, log) = conversation.conclude(&driven, MissingProgram::IsTheAgent);
        let errors = "uses [redacted]\nbad token=[redacted]";
        assert_eq!(end, AgentEnd::Failed { detail: format!("exit status 1\n{errors}") });
        let key = "-----BEGIN PRIVATE KEY-----\n[redacted]\nuses [redacted]\n[redacted]\n-----END PRIVATE KEY-----\n";
        let log = String::from_utf8(log.into_bytes());
        assert_eq!(log, Ok(format!("{key}bad token=[redacted]")));
    }

    #[test]
    fn a_flood_of_reports_is_told_whole_while_the_agent_works_and_a_flood_of_words_is_not() {
        let (events, mut told) = tokio::sync::mpsc::unbounded_channel();
        let mut conversation = Conversation::new(events, None, Arc::new(|| Timestamp(0)), Keeping::default());
        let one = "{\"type\":\"usage\",\"output_tokens\":2}\n{\"type\":\"message\",\"text\":\"a\"}\n";
        conversation.hear(Heard::Bytes(Stream::Output, one.repeat(MOST_EVENTS + 5_000).as_bytes()));
        let (mut tokens, mut reports, mut words) = (0, 0, 0);
        while let Ok(sign) = told.try_recv() {
            match sign {
                AgentSign::Event(AgentEvent::Usage { usage, .. }) => {
                    (tokens, reports) = (tokens + usage.tokens(), reports + 1)
                }
                AgentSign::Event(_) => words += 1,
                AgentSign::Output | AgentSign::Vitals(_) => {}
            }
        }
        assert_eq!((tokens, reports, words), (2 * (MOST_EVENTS as u64 + 5_000), MOST_EVENTS + 1, MOST_EVENTS));
    }

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
