//! The wall clock: the only place that reads it.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::domain::ids::Timestamp;
use crate::ports::Clock;

/// The system's wall clock. A clock that stands before 1970 reads as 1970.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the room of the wall clock")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}
