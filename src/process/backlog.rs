//! How much of what was said waits to be dealt with, in bytes.
//!
//! Whoever queues adds, whoever deals with it subtracts, and whoever would bring more waits for `room`. Never holds
//! anything itself. Invariant: there is room exactly while no more than the limit waits.

use tokio::sync::watch;

/// Bytes that wait. Cheap to clone: all clones count the same.
#[derive(Clone, Debug)]
pub struct Backlog {
    waiting: watch::Sender<usize>,
    limit: usize,
}

impl Default for Backlog {
    /// One that always has room.
    fn default() -> Self {
        Self::new(usize::MAX)
    }
}

impl Backlog {
    /// Nothing waits, and up to `limit` bytes may before more has to.
    pub fn new(limit: usize) -> Self {
        Self { waiting: watch::Sender::new(0), limit }
    }

    /// So many bytes more wait.
    pub fn add(&self, bytes: usize) {
        self.waiting.send_modify(|waiting| *waiting = waiting.saturating_add(bytes));
    }

    /// So many bytes are dealt with.
    pub fn subtract(&self, bytes: usize) {
        self.waiting.send_modify(|waiting| *waiting = waiting.saturating_sub(bytes));
    }

    /// How many bytes wait.
    pub fn waiting(&self) -> usize {
        *self.waiting.borrow()
    }

    /// Whether more would have to wait.
    pub fn is_full(&self) -> bool {
        self.waiting() > self.limit
    }

    /// Resolves when there is room. Can be cancelled and called again.
    pub async fn room(&self) {
        if self.is_full() {
            let mut waiting = self.waiting.subscribe();
            let _our_own_sender_lives = waiting.wait_for(|waiting| *waiting <= self.limit).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn there_is_room_while_no_more_than_the_limit_waits() {
        let backlog = Backlog::new(10);
        backlog.add(10);
        assert_eq!(backlog.room().now_or_never(), Some(()));
        backlog.add(1);
        let mut room = Box::pin(backlog.room());
        assert_eq!((backlog.is_full(), room.as_mut().now_or_never()), (true, None));
        backlog.clone().subtract(5);
        assert_eq!((backlog.waiting(), room.now_or_never()), (6, Some(())));
    }
}
