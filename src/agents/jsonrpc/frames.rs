//! Cuts a stream into lines and says so where one is too long.
//!
//! Invariant: no more than `limit` bytes are held, and a line is delivered whole or not at all.

/// Capacity that is kept for the next line; beyond it memory is given back.
const KEPT: usize = 256 * 1024;

/// What was cut off the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::agents) enum Frame<'a> {
    /// A line without its end; never empty.
    Line(&'a [u8]),
    /// A line of so many bytes, more than there may be; it is lost.
    TooLong(usize),
}

/// The stream so far.
#[derive(Debug)]
pub(in crate::agents) struct Frames {
    partial: Vec<u8>,
    limit: usize,
    /// Bytes of a line that is being dropped.
    dropped: usize,
}

impl Frames {
    /// Lines of up to `limit` bytes.
    pub(in crate::agents) fn new(limit: usize) -> Self {
        Self { partial: Vec::new(), limit, dropped: 0 }
    }

    /// Takes the next bytes and hands over each line that they end.
    pub(in crate::agents) fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(Frame<'_>)) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|&b| b == b'\n') {
            self.end_line(&rest[..end], each);
            rest = &rest[end + 1..];
        }
        self.grow(rest);
    }

    /// Hands over a last line without an end, where there is one.
    pub(in crate::agents) fn finish(&mut self, each: &mut dyn FnMut(Frame<'_>)) {
        self.end_line(b"", each);
    }

    fn end_line(&mut self, last: &[u8], each: &mut dyn FnMut(Frame<'_>)) {
        if self.partial.is_empty() && self.dropped == 0 && last.len() <= self.limit {
            hand_over(last, each);
            return;
        }
        self.grow(last);
        if self.dropped > 0 {
            each(Frame::TooLong(std::mem::take(&mut self.dropped)));
        } else {
            hand_over(&self.partial, each);
        }
        self.partial.clear();
        self.partial.shrink_to(KEPT);
    }

    fn grow(&mut self, bytes: &[u8]) {
        if self.dropped > 0 || self.partial.len() + bytes.len() > self.limit {
            self.dropped += std::mem::take(&mut self.partial).len() + bytes.len();
        } else {
            self.partial.extend_from_slice(bytes);
        }
    }
}

fn hand_over(line: &[u8], each: &mut dyn FnMut(Frame<'_>)) {
    let line = line.trim_ascii();
    if !line.is_empty() {
        each(Frame::Line(line));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, PartialEq, Eq)]
    enum Seen {
        Line(Vec<u8>),
        TooLong(usize),
    }

    fn seen(frame: Frame<'_>) -> Seen {
        match frame {
            Frame::Line(line) => Seen::Line(line.to_vec()),
            Frame::TooLong(bytes) => Seen::TooLong(bytes),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn frames_are_the_same_however_the_stream_is_cut(
            parts in proptest::collection::vec(proptest::collection::vec(prop_oneof![b'a'..=b'c', Just(b'\n')], 0..40), 0..8),
            limit in 1_usize..20,
        ) {
            let mut frames = Frames::new(limit);
            let mut got = Vec::new();
            parts.iter().for_each(|part| frames.push(part, &mut |frame| got.push(seen(frame))));
            frames.finish(&mut |frame| got.push(seen(frame)));
            let expected: Vec<_> = parts
                .concat()
                .split(|&b| b == b'\n')
                .filter(|line| !line.is_empty())
                .map(|line| if line.len() > limit { Seen::TooLong(line.len()) } else { Seen::Line(line.to_vec()) })
                .collect();
            prop_assert_eq!(got, expected);
        }
    }

    #[test]
    fn a_line_without_end_holds_no_more_than_the_limit() {
        let mut frames = Frames::new(1000);
        for _ in 0..100 {
            frames.push(&[b'x'; 999], &mut |frame| panic!("{frame:?}"));
            assert!(frames.partial.capacity() <= 2000);
        }
    }
}
