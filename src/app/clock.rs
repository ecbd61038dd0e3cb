//! The moment, for commands that show ages. What decides anything takes its time from the clock port instead.

use std::time::SystemTime;

use crate::domain::ids::Timestamp;

/// The present moment by the wall clock.
pub fn now() -> Timestamp {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
