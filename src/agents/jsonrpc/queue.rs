//! A queue that knows how many bytes wait in it.
//!
//! Never refuses anything: whoever fills it asks its backlog for room first. Invariant: what was taken counts until
//! the next is asked for, and nothing counts any more when the queue is dropped.

use tokio::sync::mpsc;

use crate::process::backlog::Backlog;

/// Where things go in; when it is dropped the queue ends behind them.
#[derive(Debug)]
pub(in crate::agents) struct Entrance<T> {
    items: mpsc::UnboundedSender<(T, usize)>,
    backlog: Backlog,
}

/// Where things come out, in order.
#[derive(Debug)]
pub struct Queue<T> {
    items: mpsc::UnboundedReceiver<(T, usize)>,
    backlog: Backlog,
    /// What the last one counts, which is being dealt with.
    in_hand: usize,
}

/// A queue that counts in `backlog`.
pub(in crate::agents) fn queue<T>(backlog: &Backlog) -> (Entrance<T>, Queue<T>) {
    let (entrance, items) = mpsc::unbounded_channel();
    let queue = Queue { items, backlog: backlog.clone(), in_hand: 0 };
    (Entrance { items: entrance, backlog: backlog.clone() }, queue)
}

impl<T> Entrance<T> {
    /// Puts something of so many bytes behind everything else. Where nobody takes it, it is dropped.
    pub(in crate::agents) fn put(&self, item: T, bytes: usize) {
        self.backlog.add(bytes);
        if self.items.send((item, bytes)).is_err() {
            self.backlog.subtract(bytes);
        }
    }
}

impl<T> Queue<T> {
    /// The next, when there is one; `None` where nothing will come any more. Can be cancelled and called again.
    pub async fn recv(&mut self) -> Option<T> {
        self.dealt_with();
        let (item, bytes) = self.items.recv().await?;
        self.in_hand = bytes;
        Some(item)
    }

    /// The next; `None` where there is none now.
    pub fn try_recv(&mut self) -> Option<T> {
        self.dealt_with();
        let (item, bytes) = self.items.try_recv().ok()?;
        self.in_hand = bytes;
        Some(item)
    }

    fn dealt_with(&mut self) {
        self.backlog.subtract(std::mem::take(&mut self.in_hand));
    }
}

impl<T> Drop for Queue<T> {
    fn drop(&mut self) {
        self.items.close();
        while self.try_recv().is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_counts_until_the_next_and_nothing_when_nobody_takes_any_more() {
        let backlog = Backlog::new(10);
        let (entrance, mut queue) = queue(&backlog);
        for bytes in [7, 5, 3] {
            entrance.put(bytes, bytes);
        }
        assert_eq!((queue.try_recv(), backlog.waiting()), (Some(7), 15));
        assert_eq!((queue.try_recv(), backlog.waiting()), (Some(5), 8));
        drop(queue);
        assert_eq!(backlog.waiting(), 0);
        entrance.put(9, 9);
        assert_eq!(backlog.waiting(), 0);
    }
}
