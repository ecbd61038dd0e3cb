//! The raw lines of a conversation as evidence: a JSON object a line, redacted, bounded.
//!
//! `{"t":<seconds>,"dir":"->" | "<-" | "narrative","msg":<the line>}`; of a long one `"cut":<bytes>` and its beginning.

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::agents::keeping::Keeping;
use crate::domain::redact::{Redactor, redact};

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
    /// Of the lines that are no messages: a private key may be many of them.
    clean: Redactor,
}

impl Record {
    /// A record that begins now; its lines go to `kept`.
    pub(in crate::agents) fn begin(now: Instant, kept: Keeping) -> Self {
        Self { since: now, kept, clean: Redactor::default() }
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
            Direction::Out | Direction::In => cut(line, &redact(&String::from_utf8_lossy(first(line)))),
            // Of a long one, too, all is looked at: a key may begin at its end.
            Direction::Narrative => cut(line, &self.clean.redact(&String::from_utf8_lossy(line))),
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
        Err(_) => cut(line, &redact(&String::from_utf8_lossy(line))),
    }
}

/// What of a line is kept at most.
fn first(line: &[u8]) -> &[u8] {
    &line[..line.len().min(LONGEST)]
}

/// A line as a text, which is `clean` of secrets.
fn cut(line: &[u8], clean: &str) -> String {
    let clean = if line.len() > LONGEST { first(clean.as_bytes()) } else { clean.as_bytes() };
    let message = Value::String(String::from_utf8_lossy(clean).into_owned());
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

    #[test]
    fn a_private_key_that_is_printed_line_by_line_is_kept_in_none_of_them() {
        let now = Instant::now();
        let mut record = Record::begin(now, Keeping::default());
        let long = "x".repeat(LONGEST) + " -----BEGIN PRIVATE KEY-----";
        for (direction, line) in [
            (Direction::Narrative, "-----BEGIN PRIVATE KEY-----"),
            (Direction::Narrative, "MIIEow"),
            (Direction::In, r#"{"id":1}"#),
            (Direction::Narrative, "abcd"),
            (Direction::Narrative, "-----END PRIVATE KEY-----"),
            (Direction::Narrative, "done"),
            (Direction::Narrative, &long),
            (Direction::Narrative, "MIIEow"),
        ] {
            record.line(now, direction, line.as_bytes());
        }
        let text = String::from_utf8(record.finish().into_bytes()).expect("text");
        let mut said: Vec<Value> =
            text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["msg"].take()).collect();
        assert_eq!(said.remove(6), json!("x".repeat(LONGEST)));
        let expected = json!([
            "-----BEGIN PRIVATE KEY-----", "[redacted]", {"id": 1}, "[redacted]", "-----END PRIVATE KEY-----", "done",
            "[redacted]",
        ]);
        assert_eq!(json!(said), expected);
    }
}
