//! Output of other programs in bounded memory.
//!
//! Owns the bounds: what is kept of a stream, and how long a line can get. However much a program prints, and however
//! long its lines are, memory stays within the limits given here.

use std::collections::VecDeque;

/// Keeps the first and the last bytes of a stream.
#[derive(Debug)]
pub struct Bounded {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    head_limit: usize,
    tail_limit: usize,
    left_out: u64,
}

impl Default for Bounded {
    /// One MiB at either end.
    fn default() -> Self {
        Self::new(1 << 20, 1 << 20)
    }
}

impl Bounded {
    /// Keeps up to `head` bytes from the beginning and `tail` bytes from the end.
    pub fn new(head: usize, tail: usize) -> Self {
        Self { head: Vec::new(), tail: VecDeque::new(), head_limit: head, tail_limit: tail, left_out: 0 }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        let (first, rest) = bytes.split_at(bytes.len().min(self.head_limit - self.head.len()));
        self.head.extend_from_slice(first);
        let kept = &rest[rest.len().saturating_sub(self.tail_limit)..];
        let surplus = (self.tail.len() + kept.len()).saturating_sub(self.tail_limit);
        self.tail.drain(..surplus);
        self.tail.extend(kept);
        self.left_out += (rest.len() - kept.len() + surplus) as u64;
    }

    /// Whether nothing has come.
    pub fn is_empty(&self) -> bool {
        self.head.is_empty() && self.tail.is_empty()
    }

    /// What was kept, with a line in the middle that says how much was not.
    pub fn finish(self) -> Vec<u8> {
        let mut all = self.head;
        if self.left_out > 0 {
            all.extend_from_slice(format!("\n[... {} bytes left out ...]\n", self.left_out).as_bytes());
        }
        all.extend(self.tail);
        all
    }
}

/// Cuts a stream into lines.
#[derive(Debug)]
pub struct Lines {
    partial: Vec<u8>,
    limit: usize,
}

impl Lines {
    /// Lines of up to `limit` bytes; of a longer one only the beginning is delivered.
    pub fn new(limit: usize) -> Self {
        Self { partial: Vec::new(), limit }
    }

    /// Takes the next bytes and hands over each line that they end, without its end.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8])) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|&b| b == b'\n') {
            self.grow(&rest[..end]);
            each(self.partial.strip_suffix(b"\r").unwrap_or(&self.partial));
            self.partial.clear();
            rest = &rest[end + 1..];
        }
        self.grow(rest);
    }

    /// Hands over a last line without an end, where there is one.
    pub fn finish(self, mut each: impl FnMut(&[u8])) {
        if !self.partial.is_empty() {
            each(&self.partial);
        }
    }

    fn grow(&mut self, bytes: &[u8]) {
        let room = self.limit - self.partial.len();
        self.partial.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chunks() -> impl Strategy<Value = Vec<Vec<u8>>> {
        proptest::collection::vec(proptest::collection::vec(prop_oneof![b'a'..=b'c', Just(b'\n')], 0..40), 0..8)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn the_ends_of_a_stream_are_kept_however_it_is_cut(parts in chunks(), head in 0_usize..30, tail in 0_usize..30) {
            let mut bounded = Bounded::new(head, tail);
            parts.iter().for_each(|part| bounded.push(part));
            let whole = parts.concat();
            let expected = if whole.len() <= head + tail {
                whole
            } else {
                let marker = format!("\n[... {} bytes left out ...]\n", whole.len() - head - tail);
                [&whole[..head], marker.as_bytes(), &whole[whole.len() - tail..]].concat()
            };
            prop_assert_eq!(bounded.finish(), expected);
        }

        #[test]
        fn lines_are_the_same_however_the_stream_is_cut(parts in chunks(), limit in 1_usize..20) {
            let mut lines = Lines::new(limit);
            let mut seen = Vec::new();
            parts.iter().for_each(|part| lines.push(part, |line| seen.push(line.to_vec())));
            lines.finish(|line| seen.push(line.to_vec()));
            let whole = parts.concat();
            let mut expected: Vec<_> =
                whole.split(|&b| b == b'\n').map(|line| line[..line.len().min(limit)].to_vec()).collect();
            if expected.last().is_some_and(Vec::is_empty) {
                expected.pop();
            }
            prop_assert_eq!(seen, expected);
        }
    }
}
