//! The clocks: the only place that reads them.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use crate::domain::ids::{Moment, Timestamp};
use crate::ports::Clock;

/// The system's clocks. A wall clock that stands before 1970 reads as 1970.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the room of the wall clock")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn moment(&self) -> Moment {
        Moment(read(ClockId::Monotonic))
    }

    fn slept_ms(&self) -> u64 {
        read(ClockId::Boottime).saturating_sub(read(ClockId::Monotonic))
    }
}

/// Linux's `CLOCK_MONOTONIC` stands still in suspend, `CLOCK_BOOTTIME` does not.
fn read(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    u64::try_from(time.tv_sec * 1000 + time.tv_nsec / 1_000_000).unwrap_or(0)
}
