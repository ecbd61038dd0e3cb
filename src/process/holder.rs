//! The process that holds a goal, looked at and ended from outside.
//!
//! Owns the only signal that one `omk` sends to another. Invariant: nothing is signalled but a process that has the
//! goal's lock file open and locked, and by a descriptor that cannot come to mean another process meanwhile; where the
//! system has none, right behind that look.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use thiserror::Error;

use super::tree::process;
use crate::domain::control::Holder;

/// How long a process may resist SIGKILL (uninterruptible sleep) before it is reported instead.
const RESISTS: Duration = Duration::from_secs(10);
/// How often a process is looked at that cannot be waited for.
const LOOKS: Duration = Duration::from_millis(10);

/// Why the process that holds a goal was not ended. Ends the fragment "failed to …".
#[derive(Debug, Error)]
pub enum NotEnded {
    /// It is not the one that holds the goal, whatever the lock file says.
    #[error("end it: it does not hold {}", .lock.display())]
    NotTheHolder {
        /// The lock file that names it.
        lock: PathBuf,
    },
    /// The system does not let us at it.
    #[error("end it: {0}")]
    NotReached(io::Error),
    /// It is still there after SIGKILL: it waits for a disk or a network that does not answer.
    #[error("end it: it resists SIGKILL")]
    Resists,
}

/// How another process looks from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It is on another host, or of another boot: nothing can be seen of it.
    Elsewhere,
    /// There is no such process any more.
    Gone,
    /// It is there and may run.
    Runs,
    /// It is stopped (SIGSTOP, Ctrl-Z) or held by a debugger: it answers nobody until it is continued.
    Stopped,
}

/// How the process that holds a goal looks from `here`, this process.
pub fn condition(holder: &Holder, here: &Holder) -> Condition {
    if holder.host != here.host || holder.boot_id != here.boot_id {
        return Condition::Elsewhere;
    }
    match fs::read(format!("/proc/{}/stat", holder.pid)).ok().and_then(|stat| state(&stat)) {
        None | Some('Z' | 'X') => Condition::Gone,
        Some('T' | 't') => Condition::Stopped,
        Some(_) => Condition::Runs,
    }
}

/// The state letter in `/proc/<pid>/stat`: what follows the name, which may hold anything.
fn state(stat: &[u8]) -> Option<char> {
    let close = stat.iter().rposition(|&byte| byte == b')')?;
    stat.get(close + 1..)?.iter().find(|byte| !byte.is_ascii_whitespace()).map(|&byte| char::from(byte))
}

/// Kills the process that holds a lock on one of these files, and waits until it is gone; its keepers end what it ran. One
/// that is gone already is no error. Refuses `NotTheHolder`, `NotReached` and `Resists`.
pub fn end(holder: &Holder, locked: &[PathBuf]) -> Result<(), NotEnded> {
    let pid = holder.pid;
    let not_the_holder = || NotEnded::NotTheHolder { lock: locked.first().cloned().unwrap_or_default() };
    let Some(number) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return Err(not_the_holder());
    };
    // Opened before it is looked at: from here on the number cannot be given to another process unnoticed.
    let opened = match pidfd_open(number, PidfdFlags::empty()) {
        Ok(opened) => Some(opened),
        Err(Errno::SRCH) => return Ok(()),
        // An old kernel, or a filter of system calls. What is left is the number, right behind a look at the lock.
        Err(Errno::NOSYS | Errno::PERM) => None,
        Err(error) => return Err(NotEnded::NotReached(error.into())),
    };
    if !locked.iter().any(|lock| locks(pid, lock)) {
        return Err(not_the_holder());
    }
    let ended = match opened {
        Some(opened) => end_opened(&opened)?,
        None => end_by_number(number)?,
    };
    if ended { Ok(()) } else { Err(NotEnded::Resists) }
}

/// Kills a process; says whether it ended in time.
fn end_opened(process: &OwnedFd) -> Result<bool, NotEnded> {
    killed(pidfd_send_signal(process, Signal::KILL))?;
    let mut ended = [PollFd::new(process, PollFlags::IN)];
    Ok(poll(&mut ended, Timespec::try_from(RESISTS).ok().as_ref()).is_ok_and(|ended| ended > 0))
}

/// The same of one that is known by its number and by the moment of its start.
fn end_by_number(pid: Pid) -> Result<bool, NotEnded> {
    let look = || process(pid.as_raw_pid()).filter(|process| !process.zombie()).map(|process| process.started);
    let Some(started) = look() else { return Ok(true) };
    killed(kill_process(pid, Signal::KILL))?;
    let deadline = Instant::now() + RESISTS;
    while look() == Some(started) && Instant::now() < deadline {
        std::thread::sleep(LOOKS);
    }
    Ok(look() != Some(started))
}

fn killed(sent: Result<(), Errno>) -> Result<(), NotEnded> {
    match sent {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(error) => Err(NotEnded::NotReached(error.into())),
    }
}

/// Whether a process holds a `flock` on a file, by what the kernel says of its open files.
fn locks(pid: u32, lock: &Path) -> bool {
    let Ok(wanted) = fs::metadata(lock) else { return false };
    let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let same = |path: PathBuf| fs::metadata(path).is_ok_and(|it| (it.dev(), it.ino()) == (wanted.dev(), wanted.ino()));
    open.filter(|entry| same(entry.path())).any(|entry| {
        let info = Path::new("/proc").join(pid.to_string()).join("fdinfo").join(entry.file_name());
        fs::read_to_string(info).is_ok_and(|text| text.lines().any(|line| line.starts_with("lock:")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(pid: u32) -> Holder {
        Holder { pid, host: "here".to_owned(), boot_id: "b007".to_owned(), version: "0".to_owned() }
    }

    #[test]
    fn the_state_follows_a_name_that_holds_anything() {
        assert_eq!(state(b"7 (a) R (\n) T 3 5 6"), Some('T'));
        assert_eq!(state(b"7 (a"), None);
    }

    #[test]
    fn a_process_of_another_host_or_boot_cannot_be_seen() {
        let (here, own) = (holder(1), holder(std::process::id()));
        assert_eq!(condition(&own, &here), Condition::Runs);
        assert_eq!(condition(&Holder { host: "there".to_owned(), ..own.clone() }, &here), Condition::Elsewhere);
        assert_eq!(condition(&Holder { boot_id: "b008".to_owned(), ..own }, &here), Condition::Elsewhere);
    }

    #[test]
    fn a_process_that_does_not_hold_the_lock_is_left_alone() {
        let lock = tempfile::NamedTempFile::new().expect("a file");
        let own = holder(std::process::id());
        assert!(matches!(end(&own, &[lock.path().to_owned()]), Err(NotEnded::NotTheHolder { .. })));
    }
}
