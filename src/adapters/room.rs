//! Tells whether a directory's disk takes what we write, by trying it.
//!
//! A file without a name is made there and given some room, and is gone when it is closed. So full disks, used up quotas
//! and inodes, read-only mounts and broken disks all show as what the system says of them.

use std::io;
use std::path::Path;

use rustix::fs::{FallocateFlags, Mode, OFlags};
use rustix::io::Errno;

use crate::domain::shortage::Shortage;

/// Less room than this is none, in bytes: whoever failed to write a file has often removed it already.
const LEAST: u64 = 1 << 20;

/// What the disk of a directory, or this process, lacks now.
pub(super) fn shortage(directory: &Path) -> Option<Shortage> {
    let tried = match try_to_write(directory) {
        // The file system knows no such files, or no room for them ahead.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOSYS | Errno::INVAL) => look(directory),
        tried => tried,
    };
    named(tried.err()?)
}

fn try_to_write(directory: &Path) -> Result<(), Errno> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = rustix::fs::open(directory, flags, Mode::RUSR | Mode::WUSR)?;
    rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, LEAST)
}

fn look(directory: &Path) -> Result<(), Errno> {
    let found = rustix::fs::statvfs(directory)?;
    let full = found.f_bavail.saturating_mul(found.f_frsize) < LEAST || (found.f_files > 0 && found.f_favail == 0);
    if full { Err(Errno::NOSPC) } else { Ok(()) }
}

fn named(error: Errno) -> Option<Shortage> {
    Some(match error {
        Errno::NOSPC => Shortage::Disk,
        Errno::DQUOT => Shortage::Quota,
        Errno::ROFS => Shortage::ReadOnly,
        Errno::IO => Shortage::DiskErrors,
        Errno::MFILE | Errno::NFILE => Shortage::Descriptors,
        Errno::NOMEM => Shortage::Memory,
        other => {
            tracing::debug!(error = %io::Error::from(other), "the disk was not tried");
            return None;
        }
    })
}
