//! Whether the machine slept or its wall clock was set, from one look at the clocks to the next.

use crate::domain::budget::ClockMove;
use crate::domain::ids::{Moment, Timestamp};

/// What is less than this is the drift of clocks that are kept in time.
const WORTH_SAYING_MS: u64 = 5_000;

/// The clocks, read together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The wall clock.
    pub wall: Timestamp,
    /// The steady clock.
    pub moment: Moment,
    /// How long the machine has slept since it was started, in milliseconds.
    pub slept_ms: u64,
}

/// The last look.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClockWatch(Reading);

impl ClockWatch {
    pub(super) fn new(reading: Reading) -> Self {
        Self(reading)
    }

    /// Looks again; a move that is worth saying is said.
    pub(super) fn look(&mut self, now: Reading) -> Option<ClockMove> {
        let before = std::mem::replace(&mut self.0, now);
        let slept_ms = now.slept_ms.saturating_sub(before.slept_ms);
        let expected = i128::from(before.wall.0) + i128::from(now.moment.since(before.moment)) + i128::from(slept_ms);
        let jumped_ms = i64::try_from(i128::from(now.wall.0) - expected).unwrap_or(i64::MAX);
        let worth = |ms: u64| ms > WORTH_SAYING_MS;
        let said = ClockMove {
            slept_ms: if worth(slept_ms) { slept_ms } else { 0 },
            jumped_ms: if worth(jumped_ms.unsigned_abs()) { jumped_ms } else { 0 },
        };
        (said.slept_ms > 0 || said.jumped_ms != 0).then_some(said)
    }
}
