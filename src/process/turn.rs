//! How much of a program's output is dealt with before everybody else on the thread has their turn.
//!
//! Invariant: whoever passes the turn behind each piece keeps the event loop for no more than about a millisecond, or one
//! piece where that takes longer.

use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::Instant;

/// The longest that a turn takes.
const LONGEST: Duration = Duration::from_millis(1);
/// The most that is dealt with in a turn, in bytes.
const MOST: usize = 64 * 1024;

/// One turn after the other.
#[derive(Debug)]
pub struct Turn {
    begun: Instant,
    bytes: usize,
}

impl Turn {
    /// The first turn begins.
    pub fn begin() -> Self {
        Self { begun: Instant::now(), bytes: 0 }
    }

    /// So many bytes more are dealt with: lets everybody else go on, where that is enough for one turn.
    pub async fn pass(&mut self, bytes: usize) {
        self.bytes += bytes;
        if self.bytes >= MOST || self.begun.elapsed() >= LONGEST {
            yield_now().await;
            *self = Self::begin();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_turn_ends_behind_enough_bytes_and_behind_enough_time() {
        let mut turn = Turn::begin();
        assert_eq!(turn.pass(MOST - 1).now_or_never(), Some(()));
        assert_eq!(turn.pass(1).now_or_never(), None);
        let mut turn = Turn::begin();
        tokio::time::advance(LONGEST).await;
        assert_eq!(turn.pass(0).now_or_never(), None);
    }
}
