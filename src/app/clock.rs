//! The moment, for commands that show ages or coin ids. What decides anything takes its time from the clock port.

use crate::adapters::clock::SystemClock;
use crate::domain::ids::Timestamp;
use crate::ports::Clock as _;

/// The present moment by the wall clock.
pub fn now() -> Timestamp {
    SystemClock.now()
}
