//! When a peer was last heard, and whether its silence says anything.
//!
//! Invariant: while one of its requests waits for our answer the peer is not silent, it waits for us.

use std::time::Duration;

use tokio::time::Instant;

/// The life signs of one conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// When the last line came in.
    pub heard: Instant,
    /// When the last line went out.
    pub said: Instant,
    /// Requests of the other side that we have not answered.
    pub ours_to_answer: usize,
    /// Requests of ours that the other side has not answered.
    pub theirs_to_answer: usize,
}

impl Life {
    /// A conversation that begins now.
    pub(super) fn begin(now: Instant) -> Self {
        Self { heard: now, said: now, ours_to_answer: 0, theirs_to_answer: 0 }
    }

    /// How long nothing has been said by either side; `None` while it is our turn.
    pub fn silent_for(&self, now: Instant) -> Option<Duration> {
        (self.ours_to_answer == 0).then(|| now.saturating_duration_since(self.heard.max(self.said)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_counts_from_the_last_line_and_not_while_it_is_our_turn() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let life = Life { said: after(2), ..Life::begin(start) };
        assert_eq!(life.silent_for(after(5)), Some(Duration::from_secs(3)));
        assert_eq!(Life { ours_to_answer: 1, ..life }.silent_for(after(5)), None);
    }
}
