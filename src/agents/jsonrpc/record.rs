//! The raw lines of a conversation as evidence: a JSON object a line, redacted, bounded.
//!
//! `{"t":<seconds>,"dir":"->" | "<-" | "narrative","msg":<the line>}`; of a long one `"cut":<bytes>` and its beginning.

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::agents::keeping::Keeping;
use crate::agents::redact::redact;

/// What is kept of one line, in bytes.
const LONGEST: usize = 16 * 1024;

/// Which way a line went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::agents) enum Direction {
    /// To the agent.
    Out,
    /// From the agent.
    In,
    /// From the agent, and no message.
    Narrative,
}

/// The record of one conversation.
#[derive(Debug)]
pub(in crate::agents) struct Record {
    since: Instant,
    kept: Keeping,
}

impl Record {
    /// A record that begins now; its lines go to `kept`.
    pub(in crate::agents) fn begin(now: Instant, kept: Keeping) -> Self {
        Self { since: now, kept }
    }

    /// Adds a line.
    pub(in crate::agents) fn line(&mut self, now: Instant, direction: Direction, line: &[u8]) {
        let seconds = now.saturating_duration_since(self.since).as_secs_f64();
        let dir = match direction {
            Direction::Out => "->",
            Direction::In => "<-",
            Direction::Narrative => "narrative",
        };
        let message = match direction {
            Direction::Out | Direction::In if line.len() <= LONGEST => whole(line),
            Direction::Out | Direction::In | Direction::Narrative => cut(line),
        };
        self.kept.push(format!("{{\"t\":{seconds:.3},\"dir\":\"{dir}\",{message}}}\n").as_bytes());
    }

    /// Where its lines went.
    pub(in crate::agents) fn finish(self) -> Keeping {
        self.kept
    }
}

fn whole(line: &[u8]) -> String {
    match std::str::from_utf8(line) {
        Ok(text) => format!("\"msg\":{}", redact(text)),
        Err(_) => cut(line),
    }
}

fn cut(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(&line[..line.len().min(LONGEST)]);
    let message = Value::String(redact(&text));
    match line.len() > LONGEST {
        true => format!("\"cut\":{},\"msg\":{message}", json!(line.len())),
        false => format!("\"msg\":{message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_kept_as_json_without_secrets_and_long_ones_cut() {
        let now = Instant::now();
        let mut record = Record::begin(now, Keeping::default());
        record.line(now, Direction::Out, br#"{"id":1,"params":{"token":"abcdefgh"}}"#);
        record.line(now, Direction::Narrative, b"hello \"there\"");
        record.line(now, Direction::In, &[b'x'; LONGEST + 1]);
        let text = String::from_utf8(record.finish().into_bytes()).expect("text");
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines[0], json!({"t": 0.0, "dir": "->", "msg": {"id": 1, "params": {"token": "[redacted]"}}}));
        assert_eq!(lines[1], json!({"t": 0.0, "dir": "narrative", "msg": "hello \"there\""}));
        assert_eq!((&lines[2]["cut"], lines[2]["msg"].as_str().map(str::len)), (&json!(LONGEST + 1), Some(LONGEST)));
    }
}
