//! The end of a stream that is in memory only, until it is on the disk.
//!
//! Invariant: of the first `ends` bytes of the stream nothing is left out, and no more than `ends` bytes behind them are
//! held: what is left out is what nobody would keep.

use std::collections::VecDeque;
use std::mem;

/// Bytes of a stream that have not been written yet.
#[derive(Debug)]
pub(super) struct Pending {
    ends: usize,
    /// Of the first `ends` bytes of the stream those that are not written yet.
    head: Vec<u8>,
    /// The last of what follows them.
    tail: VecDeque<u8>,
    /// The length of the stream.
    end: u64,
}

impl Pending {
    /// Of a stream that begins, of which `ends` bytes are kept at either end.
    pub(super) fn new(ends: usize) -> Self {
        Self { ends, head: Vec::new(), tail: VecDeque::new(), end: 0 }
    }

    /// Takes the next bytes of the stream.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let room = usize::try_from((self.ends as u64).saturating_sub(self.end)).unwrap_or(usize::MAX);
        let (first, rest) = bytes.split_at(bytes.len().min(room));
        self.head.extend_from_slice(first);
        self.keep_last(rest);
        self.end += bytes.len() as u64;
    }

    /// How many bytes are held.
    pub(super) fn held(&self) -> usize {
        self.head.len() + self.tail.len()
    }

    /// The length of the stream.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Hands over what is held; what comes next goes on behind it.
    pub(super) fn take(&mut self) -> Self {
        let next = Self { end: self.end, ..Self::new(self.ends) };
        mem::replace(self, next)
    }

    /// Takes back what could not be written, from before all that is held.
    pub(super) fn take_back(&mut self, earlier: Self) {
        let later = mem::replace(self, earlier);
        self.head.extend(later.head);
        let (first, second) = later.tail.as_slices();
        self.keep_last(first);
        self.keep_last(second);
        self.end = later.end;
    }

    /// What is held: where in the stream, and the bytes there.
    pub(super) fn runs(&self) -> [(u64, &[u8]); 3] {
        let head = self.end.min(self.ends as u64) - self.head.len() as u64;
        let tail = self.end - self.tail.len() as u64;
        let (first, second) = self.tail.as_slices();
        [(head, &self.head), (tail, first), (tail + first.len() as u64, second)]
    }

    fn keep_last(&mut self, bytes: &[u8]) {
        let kept = &bytes[bytes.len().saturating_sub(self.ends)..];
        let surplus = (self.tail.len() + kept.len()).saturating_sub(self.ends);
        self.tail.drain(..surplus);
        self.tail.extend(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(pending: &Pending) -> Vec<(u64, &[u8])> {
        pending.runs().into_iter().filter(|(_, bytes)| !bytes.is_empty()).collect()
    }

    #[test]
    fn the_beginning_is_held_whole_and_of_the_rest_the_end() {
        let mut pending = Pending::new(4);
        pending.push(b"abcdefgh");
        assert_eq!(held(&pending), [(0, &b"abcd"[..]), (4, b"efgh")]);
        pending.push(b"ijk");
        pending.tail.make_contiguous();
        assert_eq!((held(&pending), pending.end()), (vec![(0, &b"abcd"[..]), (7, b"hijk")], 11));
    }

    #[test]
    fn what_is_taken_back_stands_before_what_came_since() {
        let mut pending = Pending::new(4);
        pending.push(b"abc");
        let taken = pending.take();
        pending.push(b"def");
        assert_eq!(held(&pending), [(3, &b"d"[..]), (4, b"ef")]);
        pending.take_back(taken);
        assert_eq!(held(&pending), [(0, &b"abcd"[..]), (4, b"ef")]);
        let taken = pending.take();
        pending.push(b"ghijkl");
        pending.take_back(taken);
        pending.tail.make_contiguous();
        assert_eq!((held(&pending), pending.end()), (vec![(0, &b"abcd"[..]), (8, b"ijkl")], 12));
    }
}
