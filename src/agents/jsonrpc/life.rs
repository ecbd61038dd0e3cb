//! When a peer was last heard, and whether its silence says anything.
//!
//! Invariant: a peer is not silent while the last that it said is a request that we have not answered, it waits for us
//! then. Unless it does not read what it was answered: then we wait for it.

use std::time::Duration;

use tokio::time::Instant;

/// The life signs of one conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// When the last line came in.
    pub heard: Instant,
    /// When the last line went out.
    pub said: Instant,
    /// The last that it said is a request that we have not answered. Whoever goes on behind a request waits for
    /// something else.
    pub our_turn: bool,
    /// Requests of ours that the other side has not answered.
    pub theirs_to_answer: usize,
}

impl Life {
    /// A conversation that begins now.
    pub fn begin(now: Instant) -> Self {
        Self { heard: now, said: now, our_turn: false, theirs_to_answer: 0 }
    }

    /// How long nothing has been said by either side; `None` while it is our turn.
    pub fn silent_for(&self, now: Instant) -> Option<Duration> {
        (!self.our_turn).then(|| now.saturating_duration_since(self.heard.max(self.said)))
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
        assert_eq!(Life { our_turn: true, ..life }.silent_for(after(5)), None);
    }
}
