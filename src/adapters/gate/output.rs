//! What is kept of a gate's output: bounded, harmless for a terminal, without secrets.
//!
//! Invariant: a secret is looked for in whole lines before anything is cut, so that no half of one is kept, however the
//! output arrives.

use crate::domain::redact::Redactor;
use crate::process::output::Bounded;
use crate::process::sanitise::sanitise;

/// A line is cut here where it has no end, in bytes: at the last character of it that ends a word.
const LONGEST_LINE: usize = 64 << 10;

/// The output of one gate.
#[derive(Debug, Default)]
pub(super) struct GateOutput {
    line: Vec<u8>,
    clean: Redactor,
    kept: Bounded,
}

impl GateOutput {
    /// Takes the next bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.line.extend_from_slice(bytes);
        if let Some(end) = self.line.iter().rposition(|&b| b == b'\n') {
            self.keep(end + 1);
        }
        while self.line.len() > LONGEST_LINE {
            let separates = |b: &u8| b.is_ascii_whitespace() || b"\"'`,;&<>|".contains(b);
            let end = self.line[..LONGEST_LINE].iter().rposition(separates).map_or(LONGEST_LINE, |end| end + 1);
            self.keep(end);
        }
    }

    /// What was kept.
    pub(super) fn finish(mut self) -> String {
        self.keep(self.line.len());
        String::from_utf8_lossy(&self.kept.finish()).into_owned()
    }

    fn keep(&mut self, length: usize) {
        let text = sanitise(&self.line[..length]);
        self.kept.push(self.clean.redact_lines(&text).as_bytes());
        self.line.drain(..length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(pieces: &[&[u8]]) -> String {
        let mut output = GateOutput::default();
        pieces.iter().for_each(|piece| output.push(piece));
        output.finish()
    }

    #[test]
    fn a_secret_that_arrives_in_two_reads_is_not_kept() {
        let line = b"uses ghp_0123456789abcdef0123456789abcdef0123\nnext";
        for at in 0..line.len() {
            assert_eq!(kept(&[&line[..at], &line[at..]]), "uses [redacted]\nnext", "cut at {at}");
        }
    }

    #[test]
    fn no_half_of_a_secret_is_kept_where_the_output_is_cut() {
        let secret = "token=abcdefghij0123456789\n";
        let all = kept(&[secret.repeat(200_000).as_bytes()]);
        assert!(all.contains("bytes left out") && !all.contains("0123456789\n") && !all.contains("token=a"));
    }

    #[test]
    fn a_line_without_end_is_cut_between_words() {
        let secret = "ghp_0123456789abcdef0123456789abcdef0123 ";
        let all = kept(&[secret.repeat(10_000).as_bytes()]);
        assert_eq!(all, "[redacted] ".repeat(10_000));
    }
}
