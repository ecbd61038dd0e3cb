//! The one writer of a goal.
//!
//! Owns the lock: `flock` on the goal's `lock` file, held as long as the value lives and closed on exec. The kernel
//! releases it however the process ends. That the file exists means nothing; its content only says who holds it.
//!
//! The file may be deleted by hand. So whoever has the journal open for appends holds a lock on that, too, and nobody
//! becomes the writer while it is held. Invariant: two processes never append to one journal.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::domain::control::Holder;
use crate::store::error::StoreError;
use crate::store::layout::{FILE_MODE, GoalDir};
use crate::store::opening::{open_regular, read_regular};

/// Somebody who only asks whether the lock is held holds it for an instant: a writer tries again that often.
const TRIES: u32 = 10;
/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(5);

/// The right to write into a goal's directory.
#[derive(Debug)]
pub struct GoalLock {
    dir: GoalDir,
    /// Open: the lock is bound to it.
    _file: File,
}

impl GoalLock {
    /// Takes the lock for `holder`. Refuses `Locked`, with the process that holds it.
    pub fn acquire(dir: GoalDir, holder: &Holder) -> Result<Self, StoreError> {
        let path = dir.lock();
        let mut file = loop {
            let mut file = open(&path).map_err(|error| unwritable(&dir, error))?;
            if !take(&file).map_err(StoreError::io("lock", &path))? {
                return Err(StoreError::Locked { goal: dir.path().to_owned(), holder: read_holder(&mut file) });
            }
            // Deleted between the two steps: what is locked then is nobody's lock.
            if is_at(&file, &path) {
                break file;
            }
        };
        if of_journal(&dir)? != Occupation::Free {
            return Err(StoreError::Locked { goal: dir.path().to_owned(), holder: None });
        }
        write_holder(&mut file, holder).map_err(|error| unwritable(&dir, error))?;
        Ok(Self { dir, _file: file })
    }

    /// The goal that it is for.
    pub fn dir(&self) -> &GoalDir {
        &self.dir
    }
}

/// Whether a process runs the goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Occupation {
    /// Nobody does.
    Free,
    /// A process holds the lock; `None` where it has not said yet which.
    Held(Option<Holder>),
}

/// Asks who holds a goal's lock, without keeping anybody from it.
pub fn occupation(dir: &GoalDir) -> Result<Occupation, StoreError> {
    let path = dir.lock();
    let mut file = match read_regular(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return of_journal(dir),
        file => file.map_err(StoreError::io("open", &path))?,
    };
    match file.try_lock_shared() {
        Ok(()) => of_journal(dir),
        Err(TryLockError::WouldBlock) => Ok(Occupation::Held(read_holder(&mut file))),
        Err(TryLockError::Error(source)) => Err(StoreError::io("lock", &path)(source)),
    }
}

/// Who has the journal open for appends, where the lock file says nobody.
fn of_journal(dir: &GoalDir) -> Result<Occupation, StoreError> {
    let path = dir.events();
    let file = match read_regular(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Occupation::Free),
        file => file.map_err(StoreError::io("open", &path))?,
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(Occupation::Free),
        Err(TryLockError::WouldBlock) => Ok(Occupation::Held(None)),
        Err(TryLockError::Error(source)) => Err(StoreError::io("lock", &path)(source)),
    }
}

/// Takes the lock on an open file, for as long as that is open; whether it could be had.
#[expect(clippy::disallowed_methods, reason = "a command waits for the lock before there is any runtime")]
pub(super) fn take(file: &File) -> io::Result<bool> {
    for tries_left in (0..TRIES).rev() {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::Error(source)) => return Err(source),
            Err(TryLockError::WouldBlock) if tries_left > 0 => thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {}
        }
    }
    Ok(false)
}

/// Whether a path still names the file that is open.
fn is_at(file: &File, path: &Path) -> bool {
    let (open, named) = (file.metadata(), std::fs::metadata(path));
    matches!((open, named), (Ok(open), Ok(named)) if (open.dev(), open.ino()) == (named.dev(), named.ino()))
}

/// This process as the holder of a lock.
pub fn this_process() -> Holder {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    Holder {
        pid: std::process::id(),
        host,
        boot_id: boot_id.trim().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// Opens the file without emptying it: until the lock is ours, its content is somebody else's.
fn open(path: &Path) -> io::Result<File> {
    open_regular(path, OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(FILE_MODE))
}

/// Says of a refusal by the file system what it means for the goal.
fn unwritable(dir: &GoalDir, error: io::Error) -> StoreError {
    match error.kind() {
        ErrorKind::ReadOnlyFilesystem
        | ErrorKind::PermissionDenied
        | ErrorKind::StorageFull
        | ErrorKind::QuotaExceeded => StoreError::Unwritable { goal: dir.path().to_owned(), source: error },
        _ => StoreError::io("write", &dir.lock())(error),
    }
}

fn write_holder(file: &mut File, holder: &Holder) -> io::Result<()> {
    let mut line = serde_json::to_vec(holder)?;
    line.push(b'\n');
    file.set_len(0)?;
    file.write_all(&line)
}

fn read_holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}
