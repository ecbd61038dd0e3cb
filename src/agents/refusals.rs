//! What is kept of the refusals of one run: the count and the first of them for the journal, a longer list as evidence.
//!
//! Texts are an agent's words: secrets are taken out of them, and whatever a terminal would obey. Invariant: however
//! much is refused memory is bounded.

use serde::Serialize;

use crate::domain::ids::Timestamp;
use crate::domain::redact::redact;
use crate::domain::refusal::Refusals;
use crate::process::sanitise::sanitise;

/// The most lines of the longer list.
const MOST_LINES: usize = 1_000;
/// What is kept of an act, in characters.
const LONGEST_ACT: usize = 200;
/// What is kept of a reason, in characters.
const LONGEST_REASON: usize = 500;

/// The refusals of one run.
#[derive(Default)]
pub(super) struct Refused {
    known: Refusals,
    lines: Vec<Vec<u8>>,
}

/// A line of the longer list.
#[derive(Serialize)]
struct Listed<'a> {
    ts: Timestamp,
    act: &'a str,
    reason: &'a str,
}

impl Refused {
    /// An act was refused at a moment.
    pub(super) fn note(&mut self, ts: Timestamp, act: &str, reason: &str) {
        let (act, reason) = (kept(act, LONGEST_ACT), kept(reason, LONGEST_REASON));
        if self.lines.len() < MOST_LINES
            && let Ok(line) = serde_json::to_vec(&Listed { ts, act: &act, reason: &reason })
        {
            self.lines.push(line);
        }
        self.known.add(act, reason);
    }

    /// Those of two runs, these first.
    pub(super) fn and(self, later: Self) -> Self {
        let lines = self.lines.into_iter().chain(later.lines).take(MOST_LINES).collect();
        Self { known: self.known.and(later.known), lines }
    }

    /// What the journal keeps, and the longer list, a JSON object a line.
    pub(super) fn into_parts(self) -> (Refusals, Vec<u8>) {
        let list = self.lines.into_iter().flat_map(|line| [line, b"\n".to_vec()].concat()).collect();
        (self.known, list)
    }
}

/// A text without secrets, harmless, on one line of at most `most` characters.
fn kept(text: &str, most: usize) -> String {
    let clean = redact(&sanitise(text.as_bytes()));
    let words = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::refusal::Refusal;

    #[test]
    fn words_of_an_agent_are_kept_without_secrets_harmless_and_bounded() {
        let mut refused = Refused::default();
        refused.note(Timestamp(0), "`TOKEN=abcdefgh git\n push \u{1b}[31m`", "no\tway");
        refused.note(Timestamp(0), &"ä ".repeat(LONGEST_ACT), &"b".repeat(LONGEST_REASON));
        let (known, list) = refused.into_parts();
        let act = "`TOKEN=[redacted] git push `";
        let long = "ä ".repeat(LONGEST_ACT / 2) + "…";
        let expected = [
            Refusal { act: act.to_owned(), reason: "no way".to_owned(), times: 1 },
            Refusal { act: long, reason: "b".repeat(LONGEST_REASON), times: 1 },
        ];
        assert_eq!(known.first, expected);
        let list = String::from_utf8(list).expect("text");
        let line = format!(r#"{{"ts":"1970-01-01T00:00:00.000Z","act":"{act}","reason":"no way"}}"#);
        assert_eq!((list.lines().count(), list.lines().next()), (2, Some(line.as_str())));
    }

    #[test]
    fn an_agent_that_never_stops_asking_fills_no_memory_and_all_of_it_is_counted() {
        let mut refused = Refused::default();
        for number in 0..MOST_LINES + 7 {
            refused.note(Timestamp(0), &number.to_string(), "no");
        }
        let mut more = Refused::default();
        more.note(Timestamp(0), "0", "no");
        let (known, list) = refused.and(more).into_parts();
        assert_eq!((known.count, known.first.len(), known.first[0].times), (1_008, 20, 2));
        assert_eq!(list.iter().filter(|byte| **byte == b'\n').count(), MOST_LINES);
    }
}
