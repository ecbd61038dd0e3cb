//! Sees that the run's event loop turns, and ends the process where it does not: a hung coordinator would hold the goal
//! for ever, and its agents with it.
//!
//! A thread counts the beats of a task on the loop. It counts only time in which it runs itself, tick by tick: a
//! process that was stopped, a debugger's victim or a machine that slept is late as a whole, and that is no hang.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::domain::ids::GoalId;

/// However short leases are: a fold of a large journal holds the loop for seconds, and is no hang.
const SHORTEST: Duration = Duration::from_secs(10);
/// How long the last words may take before the process ends without them.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// The exit status of a process that ended itself because it hung.
const HUNG: i32 = 70;

/// How long a loop has not turned, by the time that was really given to its watcher.
#[derive(Debug)]
struct Pulse {
    tick: Duration,
    limit: Duration,
    beats: u64,
    looked: Instant,
    quiet: Duration,
}

impl Pulse {
    fn new(limit: Duration, tick: Duration, now: Instant) -> Self {
        Self { tick, limit, beats: 0, looked: now, quiet: Duration::ZERO }
    }

    /// Takes a look, a tick after the one before; whether the loop hangs.
    fn hangs(&mut self, beats: u64, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.looked);
        self.looked = now;
        if beats != self.beats {
            (self.beats, self.quiet) = (beats, Duration::ZERO);
            return false;
        }
        // A look that comes late says that this whole process did not run: that time counts as a tick.
        self.quiet += passed.min(self.tick * 2);
        self.quiet >= self.limit
    }
}

/// Watches an event loop as long as it lives.
pub(super) struct Watchdog {
    /// Closed at the end, by which the thread ends.
    _over: mpsc::Sender<()>,
    beating: tokio::task::JoinHandle<()>,
}

impl Watchdog {
    /// Begins to watch the loop that it is called on. `lease_ms` is for how long it may not turn.
    pub(super) fn start(goal: &GoalId, lease_ms: u64) -> std::io::Result<Self> {
        let limit = Duration::from_millis(lease_ms).max(SHORTEST);
        let tick = limit / 20;
        let beats = Arc::new(AtomicU64::new(0));
        let (over, ended) = mpsc::channel();
        let (watched, goal) = (Arc::clone(&beats), goal.clone());
        let watching = move || {
            if watch(&watched, &ended, Pulse::new(limit, tick, Instant::now())) {
                end(&goal, limit);
            }
        };
        std::thread::Builder::new().name("omk-watchdog".to_owned()).spawn(watching)?;
        let beating = tokio::task::spawn_local(async move {
            loop {
                beats.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(tick).await;
            }
        });
        Ok(Self { _over: over, beating })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.beating.abort();
    }
}

/// Looks every tick; whether the loop hung. Ends without where the watchdog is dropped.
fn watch(beats: &AtomicU64, over: &mpsc::Receiver<()>, mut pulse: Pulse) -> bool {
    loop {
        match over.recv_timeout(pulse.tick) {
            Err(RecvTimeoutError::Timeout) if pulse.hangs(beats.load(Ordering::Relaxed), Instant::now()) => {
                return true;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}

/// Says what happened and ends the process: its keepers kill what it ran, and the goal can be taken up again.
#[expect(clippy::disallowed_methods, reason = "the loop that would return from main hangs")]
fn end(goal: &GoalId, limit: Duration) {
    tracing::error!(%goal, "the event loop of the run hangs: the process ends itself");
    let text = format!(
        "error: this run did nothing for {} s: omk hangs and ends itself; nothing that was journalled is lost\n\
         help: omk goal resume {goal}\n",
        limit.as_secs()
    );
    let (said, heard) = mpsc::channel();
    let _nobody_speaks = std::thread::Builder::new().spawn(move || {
        // A stderr that takes nothing must not keep the process.
        let _nobody_listens = std::io::stderr().write_all(text.as_bytes());
        let _ = said.send(());
    });
    let _ = heard.recv_timeout(LAST_WORDS);
    std::process::exit(HUNG);
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(500);

    fn pulse(now: Instant) -> Pulse {
        Pulse::new(TICK * 20, TICK, now)
    }

    #[test]
    fn a_loop_that_does_not_turn_hangs_after_the_limit_and_not_before() {
        let start = Instant::now();
        let mut pulse = pulse(start);
        let looks: Vec<_> = (1..=20).map(|n| pulse.hangs(0, start + TICK * n)).collect();
        assert_eq!(looks.iter().position(|hangs| *hangs), Some(19));
    }

    #[test]
    fn a_loop_that_turns_now_and_then_does_not_hang() {
        let start = Instant::now();
        let mut pulse = pulse(start);
        assert!((1..=100).all(|n| !pulse.hangs(u64::from(n / 15), start + TICK * n)));
    }

    #[test]
    fn a_process_that_was_stopped_for_an_hour_does_not_hang() {
        let start = Instant::now();
        let mut pulse = pulse(start);
        let woken = start + Duration::from_secs(3600);
        assert!(!pulse.hangs(0, woken));
        assert!(!pulse.hangs(1, woken + TICK));
    }

    #[test]
    fn a_watch_over_a_loop_that_ended_ends() {
        let (over, ended) = mpsc::channel();
        drop(over);
        assert!(!watch(&AtomicU64::new(0), &ended, Pulse::new(TICK, TICK, Instant::now())));
    }

    #[test]
    fn a_loop_that_hangs_is_seen_by_the_thread() {
        let (_over, ended) = mpsc::channel();
        let tick = Duration::from_millis(1);
        assert!(watch(&AtomicU64::new(0), &ended, Pulse::new(tick * 5, tick, Instant::now())));
    }
}
