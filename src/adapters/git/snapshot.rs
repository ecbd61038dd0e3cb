//! What the disk said about files when we wrote them, so that a later look can tell which are untouched.
//!
//! Files of a worktree get a modification time in the past, so that any write shows however coarse the file system's
//! clock is. These records live in memory only: what an agent can write to is no witness.

use std::sync::Arc;

use rustix::fs::{Stat, Timespec, Timestamps};

use super::listing::Listing;

/// How far back the modification times of a new worktree are set, in seconds: beyond the granularity of any file
/// system, and so that git's own index does not take the files for racily clean.
const BACKDATED_S: i64 = 2;

/// What tells a file that was touched from one that was not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FileStat {
    /// Modification time, nanoseconds since 1970.
    pub(super) mtime_ns: i64,
    /// Change time, nanoseconds since 1970.
    pub(super) ctime_ns: i64,
    /// Inode number.
    pub(super) ino: u64,
    /// Size in bytes.
    pub(super) size: u64,
    /// Type and permissions.
    pub(super) mode: u32,
}

impl FileStat {
    /// What the system said.
    #[allow(clippy::unnecessary_cast, reason = "the fields' types differ between architectures")]
    pub(super) fn of(stat: &Stat) -> Self {
        Self {
            mtime_ns: nanoseconds(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            ctime_ns: nanoseconds(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
            ino: stat.st_ino as u64,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            mode: stat.st_mode as u32,
        }
    }
}

fn nanoseconds(seconds: i64, rest: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

/// The times of a file that counts as older than whatever comes now; `now` is the stat of something just made.
#[allow(clippy::unnecessary_cast, reason = "the fields' types differ between architectures")]
pub(super) fn backdated(now: &Stat) -> Timestamps {
    let then = Timespec { tv_sec: now.st_mtime as i64 - BACKDATED_S, tv_nsec: 0 };
    Timestamps { last_access: then, last_modification: then }
}

/// A worktree as we wrote it.
pub(super) struct Snapshot {
    /// What was written.
    pub(super) listing: Arc<Listing>,
    /// What the disk said of each entry, in the listing's order.
    pub(super) stats: Vec<FileStat>,
}

impl Snapshot {
    /// The entry at a path, where the disk still says the same of it.
    pub(super) fn untouched(&self, path: &[u8], now: FileStat) -> Option<usize> {
        self.listing.position(path).filter(|&at| self.stats.get(at) == Some(&now))
    }
}
