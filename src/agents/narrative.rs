//! What is heard of an agent in a conversation: signs for whoever watches, a log for people, the sum of its usage.
//!
//! Nothing here is evidence. Pieces of speech become whole lines, text of the agent is made harmless, and however
//! much it says memory is bounded.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::keeping::Keeping;
use crate::domain::agent::{AgentEvent, AgentSign};
use crate::domain::budget::Usage;
use crate::domain::ids::Timestamp;
use crate::domain::metering::Reports;
use crate::domain::redact::{Redactor, redact};
use crate::domain::vitals::Vitals;
use crate::ports::AgentSigns;
use crate::process::output::{Bounded, Lines};
use crate::process::sanitise::{one_line, sanitise, tail_lines};

/// The most events of one run that are passed on; the log has the rest.
const MOST_EVENTS: usize = 10_000;
/// Speech without the end of a line is passed on from here, in bytes.
const LONGEST_SPEECH: usize = 2_000;
/// Behind so many words a piece of such speech ends, so that no name is torn from its value.
const WORDS_KEPT: usize = 4;
/// What is kept of a line on its standard error, in bytes.
const LONGEST_ERROR: usize = 16 * 1024;
/// What stands at the end of a line of which no more is kept.
pub(super) const CUT: &str = "[... what follows is left out ...]";
/// How much of what an agent said last is quoted, in bytes.
const EXCERPT: usize = 4_096;
/// The most tool calls that are open at once.
const MOST_TOOLS: usize = 1_000;
/// How often it is said at most that there was any output.
const SIGN: Duration = Duration::from_millis(250);

/// The listening side of a conversation.
pub(super) struct Narrative {
    events: AgentSigns,
    log: Keeping,
    last_words: Bounded,
    speech: String,
    /// What it says, and what it prints on either stream, without secrets: what one has begun does not end in another.
    clean_speech: Redactor,
    clean_print: Redactor,
    clean_errors: Redactor,
    errors: Lines,
    tools: BTreeMap<String, String>,
    usage: Reports,
    passed_on: usize,
    signed: Option<Instant>,
}

impl Narrative {
    /// Begins to listen; signs go to `events` and text to `log` as they come.
    pub(super) fn new(events: AgentSigns, log: Keeping) -> Self {
        Self {
            events,
            log,
            last_words: Bounded::new(0, EXCERPT),
            speech: String::new(),
            clean_speech: Redactor::default(),
            clean_print: Redactor::default(),
            clean_errors: Redactor::default(),
            errors: Lines::new(LONGEST_ERROR),
            tools: BTreeMap::new(),
            usage: Reports::default(),
            passed_on: 0,
            signed: None,
        }
    }

    /// It gave a sign of life, whatever it was.
    pub(super) fn alive(&mut self) {
        let now = Instant::now();
        if self.signed.is_none_or(|last| now.saturating_duration_since(last) >= SIGN) {
            self.signed = Some(now);
            let _nobody_listens = self.events.send(AgentSign::Output);
        }
    }

    /// Its keeper looked at its processes.
    pub(super) fn vitals(&self, vitals: Vitals) {
        let _nobody_listens = self.events.send(AgentSign::Vitals(vitals));
    }

    /// It works in this session.
    pub(super) fn session(&mut self, id: &str) {
        self.pass_on(AgentEvent::Session { id: id.to_owned() });
    }

    /// It says something, piece by piece; what ends a line is passed on.
    pub(super) fn speech(&mut self, piece: &str) {
        self.speech.push_str(piece);
        let whole = match self.speech.rfind('\n') {
            Some(end) => end + 1,
            None if self.speech.len() >= LONGEST_SPEECH => {
                let spaces = self.speech.rmatch_indices(' ').nth(WORDS_KEPT - 1);
                spaces.map_or(self.speech.len(), |(at, _)| at + 1)
            }
            None => return,
        };
        let rest = self.speech.split_off(whole);
        let text = std::mem::replace(&mut self.speech, rest);
        self.message(&text);
    }

    /// It has ended what it was saying.
    pub(super) fn pause(&mut self) {
        let text = std::mem::take(&mut self.speech);
        self.message(&text);
    }

    fn message(&mut self, text: &str) {
        let text = self.clean_speech.redact(sanitise(text.as_bytes()).trim());
        if !text.is_empty() {
            self.write(&text);
            self.last_words.push(text.as_bytes());
            self.last_words.push(b"\n");
            self.pass_on(AgentEvent::Message { text });
        }
    }

    /// A tool call begins, or what it does is known better.
    pub(super) fn tool(&mut self, id: &str, title: &str) {
        self.pause();
        let title = redact(&one_line(title.as_bytes()));
        let known = self.tools.get(id);
        if known == Some(&title) || (known.is_none() && self.tools.len() >= MOST_TOOLS) {
            return;
        }
        self.tools.insert(id.to_owned(), title.clone());
        self.write(&format!("[{title}]"));
        self.pass_on(AgentEvent::Tool { id: id.to_owned(), title, done: false });
    }

    /// A tool call has ended.
    pub(super) fn tool_ended(&mut self, id: &str, how: &str) {
        if let Some(title) = self.tools.remove(id) {
            self.write(&format!("[{title}: {how}]"));
            self.pass_on(AgentEvent::Tool { id: id.to_owned(), title, done: true });
        }
    }

    /// No tool works any more, whatever was told of those that are open.
    pub(super) fn tools_ended(&mut self, how: &str) {
        let open: Vec<String> = self.tools.keys().cloned().collect();
        open.iter().for_each(|id| self.tool_ended(id, how));
    }

    /// It used something; adds to what it used before.
    pub(super) fn used(&mut self, usage: Usage, id: Option<String>, model: Option<String>) {
        if usage != Usage::default() {
            self.usage.take(id.as_deref(), &usage);
            self.pass_on(AgentEvent::Usage { usage, id, model });
        }
    }

    /// Its provider takes no requests for now.
    pub(super) fn limited(&mut self, provider: Option<String>, until: Option<Timestamp>, detail: &str) {
        let detail = redact(&one_line(detail.as_bytes()));
        self.write(&format!("[limited: {detail}]"));
        self.pass_on(AgentEvent::Limited { provider, until, detail });
    }

    /// Something for the log alone.
    pub(super) fn note(&mut self, text: &str) {
        self.pause();
        self.write(&redact(&sanitise(text.as_bytes())));
    }

    /// It printed whole lines outside of the protocol.
    pub(super) fn printed(&mut self, bytes: &[u8]) {
        self.alive();
        let text = self.clean_print.redact(&sanitise(bytes));
        self.quote(&text);
    }

    /// It printed this on its standard error, wherever that ends.
    pub(super) fn errors(&mut self, bytes: &[u8]) {
        self.alive();
        let mut whole = Vec::new();
        self.errors.push(bytes, |line| whole.extend(whole_line(line)));
        self.whole_errors(&whole);
    }

    /// There is no more of its standard error.
    fn end_errors(&mut self) {
        let mut last = Vec::new();
        std::mem::replace(&mut self.errors, Lines::new(LONGEST_ERROR)).finish(|line| last = whole_line(line));
        self.whole_errors(&last);
    }

    fn whole_errors(&mut self, lines: &[u8]) {
        if !lines.is_empty() {
            let text = self.clean_errors.redact(&sanitise(lines));
            self.quote(&text);
        }
    }

    fn quote(&mut self, text: &str) {
        self.log.push(text.as_bytes());
        self.last_words.push(text.as_bytes());
    }

    /// What it has used so far.
    pub(super) fn usage(&self) -> Usage {
        self.usage.total()
    }

    /// What it said last, as an excerpt.
    pub(super) fn last_words(&mut self) -> String {
        self.end_errors();
        let kept = std::mem::replace(&mut self.last_words, Bounded::new(0, EXCERPT));
        let text = sanitise(&kept.finish());
        let text = text.lines().filter(|line| !line.starts_with("[...")).collect::<Vec<_>>().join("\n");
        tail_lines(text.trim(), EXCERPT).to_owned()
    }

    /// The log.
    pub(super) fn finish(&mut self) -> Keeping {
        self.pause();
        self.end_errors();
        self.log.take()
    }

    fn write(&mut self, text: &str) {
        self.log.push(text.as_bytes());
        self.log.push(b"\n");
    }

    fn pass_on(&mut self, event: AgentEvent) {
        // Usage is money: it is never left out.
        if self.passed_on < MOST_EVENTS || matches!(event, AgentEvent::Usage { .. }) {
            self.passed_on += 1;
            let _nobody_listens = self.events.send(AgentSign::Event(event));
        }
    }
}

/// A line of standard error with its end.
fn whole_line(line: &[u8]) -> Vec<u8> {
    let cut = if line.len() < LONGEST_ERROR { "" } else { CUT };
    [line, cut.as_bytes(), b"\n"].concat()
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    #[test]
    fn a_secret_is_taken_out_however_its_text_is_cut() {
        let (events, mut heard) = unbounded_channel();
        let mut narrative = Narrative::new(events, Keeping::default());
        for piece in ["key sk-abcd", "efghijkl\n", "-----BEGIN PRIVATE KEY-----\nMIIE", "abcd\n", "token: abcd"] {
            narrative.errors(piece.as_bytes());
        }
        let errors = "key [redacted]\n-----BEGIN PRIVATE KEY-----\n[redacted]\ntoken: [redacted]";
        assert_eq!(narrative.last_words(), errors);
        let words = "w ".repeat(LONGEST_SPEECH / 2);
        for piece in [&words, "password: abcd", "efgh\n"] {
            narrative.speech(piece);
        }
        drop(narrative.finish());
        let mut said = Vec::new();
        while let Ok(sign) = heard.try_recv() {
            if let AgentSign::Event(AgentEvent::Message { text }) = sign {
                said.push(text);
            }
        }
        assert_eq!(said.join(" "), format!("{words}password: [redacted]"));
    }

    #[test]
    fn a_secret_on_one_stream_is_taken_out_whatever_the_other_prints_within_it() {
        let mut narrative = Narrative::new(unbounded_channel().0, Keeping::default());
        narrative.errors(b"-----BEGIN PRIVATE KEY-----\nMIIE\n");
        narrative.printed(b"what is that?\n");
        narrative.errors(b"abcd\n");
        narrative.printed(b"-----BEGIN PRIVATE KEY-----\n");
        narrative.errors(b"-----END PRIVATE KEY-----\nwell\n");
        narrative.printed(b"MIIE\n");
        let kept = "-----BEGIN PRIVATE KEY-----\n[redacted]\nwhat is that?\n[redacted]\n\
                    -----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\nwell\n[redacted]\n";
        assert_eq!(narrative.last_words(), kept.trim_end());
        assert_eq!(String::from_utf8(narrative.finish().into_bytes()).expect("text"), kept);
    }
}
