//! The journal of one goal, as its only writer has it.
//!
//! Owns `events.jsonl` while it lives: holds the goal's lock, the writing thread and the ballast. Appends are durable
//! when they resolve; a failed one is never retried and all later ones fail with it. Opening repairs an incomplete
//! last line and nothing else.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use crate::domain::event::{Draft, Event};
use crate::domain::evidence::JournalPosition;
use crate::domain::ids::Timestamp;
use crate::domain::order::JournalFailure;
use crate::ports::{Effect, Journal};
use crate::store::codec::genesis;
use crate::store::displaced::Standing;
use crate::store::error::StoreError;
use crate::store::layout::{FILE_MODE, sync_directory};
use crate::store::lock::{GoalLock, take};
use crate::store::opening::{open_regular, read_regular};
use crate::store::reader::{read_events, refuse};
use crate::store::replay::replay;
use crate::store::tail::{TornTail, cut, keep_damaged};
use crate::store::writer::{Append, Medium, Writer};

/// The space kept for writing the end of a run on a full disk, in bytes.
const BALLAST: u64 = 256 * 1024;

/// What of it the file system may need itself, in bytes.
const SLACK: u64 = 8 * 1024;

/// A journal that was there already.
#[derive(Debug)]
pub struct Opened {
    /// Ready for appends.
    pub journal: FileJournal,
    /// All its records.
    pub events: Vec<Event>,
    /// What was cut off its end: to be journalled as `TailCut` before anything else.
    pub torn: Option<TornTail>,
}

/// The append side of a goal's journal. Dropping it waits for the appends under way and releases the lock.
#[derive(Debug)]
pub struct FileJournal {
    path: PathBuf,
    /// `None` only while it is dropped.
    appends: Option<mpsc::Sender<Append>>,
    thread: Option<JoinHandle<()>>,
    durable: Arc<AtomicU64>,
    disk_full: Arc<AtomicBool>,
    lock: GoalLock,
}

impl FileJournal {
    /// Makes the journal of a new goal, durably. Fails where there is one.
    pub fn create(lock: GoalLock) -> Result<Self, StoreError> {
        let path = lock.dir().events();
        let file = open_regular(&path, append_options().create_new(true)).map_err(StoreError::io("create", &path))?;
        hold(&lock, &file)?;
        let synced = file.sync_all().and_then(|()| sync_directory(lock.dir().path()));
        synced.map_err(StoreError::io("create", &path))?;
        Self::start(lock, file, 0, genesis())
    }

    /// Opens a journal, verifies every record, and cuts an incomplete last line. Refuses `NoJournal`, `Corrupt` and
    /// `Newer` with the file as it was.
    pub fn open(lock: GoalLock) -> Result<Opened, StoreError> {
        let path = lock.dir().events();
        let file = match open_regular(&path, &mut append_options()) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(StoreError::NoJournal { path }),
            file => file.map_err(StoreError::io("open", &path))?,
        };
        hold(&lock, &file)?;
        let contents = read_events(&path).inspect_err(|error| {
            if let StoreError::Corrupt { .. } = error {
                keep_damaged(lock.dir());
            }
        })?;
        let torn = match contents.torn_bytes {
            0 => None,
            bytes => Some(cut(lock.dir(), &file, contents.bytes, bytes)?),
        };
        let journal = Self::start(lock, file, contents.bytes, contents.position)?;
        Ok(Opened { journal, events: contents.events, torn })
    }

    /// The lock, which this journal holds.
    pub fn lock(&self) -> &GoalLock {
        &self.lock
    }

    fn start(lock: GoalLock, file: File, length: u64, position: JournalPosition) -> Result<Self, StoreError> {
        let disk_full = Arc::new(AtomicBool::new(false));
        let ballast = lock.dir().ballast();
        // Without ballast a full disk only ends the run less gracefully.
        if let Err(error) = make_ballast(&ballast) {
            tracing::warn!(goal = %lock.dir().id(), %error, "no space kept for a full disk");
        }
        let path = lock.dir().events();
        let standing = Standing::of(&path).map_err(StoreError::io("open the directory of", &path))?;
        let medium = FileMedium { file, standing, ballast, disk_full: Arc::clone(&disk_full) };
        Self::on(lock, medium, length, position, disk_full)
    }

    /// Runs a journal on another medium than the goal's file, of which `length` bytes up to `position` are durable.
    /// Reading still reads the file.
    pub fn on(
        lock: GoalLock,
        medium: impl Medium + 'static,
        length: u64,
        position: JournalPosition,
        disk_full: Arc<AtomicBool>,
    ) -> Result<Self, StoreError> {
        let path = lock.dir().events();
        let durable = Arc::new(AtomicU64::new(length));
        let (appends, waiting) = mpsc::channel();
        let writer = Writer { medium, path: path.clone(), position, durable: Arc::clone(&durable), lone_groups: 0 };
        let thread = thread::Builder::new().name("omk-journal".to_owned()).spawn(move || writer.run(&waiting));
        let thread = thread.map_err(StoreError::io("start the writer of", &path))?;
        Ok(Self { path, appends: Some(appends), thread: Some(thread), durable, disk_full, lock })
    }

    fn gone(path: &Path) -> JournalFailure {
        JournalFailure { path: path.display().to_string(), detail: "its writer has ended".to_owned() }
    }
}

impl Journal for FileJournal {
    fn append(&self, at: Timestamp, drafts: Vec<Draft>) -> Effect<Result<Vec<Event>, JournalFailure>> {
        let (done, answer) = oneshot::channel();
        // Sent now, not when the future is first polled: the order is that of the calls. Where the thread is gone,
        // dropping the message drops `done`, and the answer says so.
        let sent = self.appends.as_ref().map(|appends| appends.send(Append { at, drafts, done }));
        drop(sent);
        let path = self.path.clone();
        Box::pin(async move { answer.await.unwrap_or_else(|_| Err(Self::gone(&path))) })
    }

    fn read(&self) -> Effect<Result<Vec<Event>, JournalFailure>> {
        let (path, durable) = (self.path.clone(), Arc::clone(&self.durable));
        Box::pin(async move {
            let failed = |detail: String| JournalFailure { path: path.display().to_string(), detail };
            let file = path.clone();
            let read = tokio::task::spawn_blocking(move || read_durable(&file, durable.load(Ordering::Acquire)));
            read.await.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.chain()))
        })
    }

    fn distress(&self) -> Option<String> {
        let full = self.disk_full.load(Ordering::Acquire);
        full.then(|| format!("the disk that holds {} is full", self.path.display()))
    }
}

impl Drop for FileJournal {
    fn drop(&mut self) {
        drop(self.appends.take());
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!(goal = %self.lock.dir().id(), "the journal's writer panicked");
        }
        // Only a run needs it: a thousand goals at rest keep no space.
        drop(fs::remove_file(self.lock.dir().ballast()));
    }
}

/// Keeps everybody else from appending, also where the lock file is deleted meanwhile.
fn hold(lock: &GoalLock, file: &File) -> Result<(), StoreError> {
    match take(file).map_err(StoreError::io("lock", &lock.dir().events()))? {
        true => Ok(()),
        false => Err(StoreError::Locked { goal: lock.dir().path().to_owned(), holder: None }),
    }
}

fn read_durable(path: &Path, length: u64) -> Result<Vec<Event>, StoreError> {
    let mut bytes = Vec::new();
    let read = read_regular(path).and_then(|file| file.take(length).read_to_end(&mut bytes));
    read.map_err(StoreError::io("read", path))?;
    replay(&bytes, genesis()).map(|replayed| replayed.events).map_err(|bad| refuse(path, 0, bad))
}

fn append_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).append(true).mode(FILE_MODE);
    options
}

fn make_ballast(path: &Path) -> io::Result<()> {
    let file = open_regular(path, OpenOptions::new().write(true).create(true).truncate(false).mode(FILE_MODE))?;
    Ok(rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, BALLAST)?)
}

/// The goal's own file system.
struct FileMedium {
    file: File,
    standing: Standing,
    ballast: PathBuf,
    disk_full: Arc<AtomicBool>,
}

impl Medium for FileMedium {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn cut_back(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        if self.disk_full.load(Ordering::Acquire) {
            // What the ballast left free is the journal's, or an agent's log would take it. Best effort: without, the
            // run may end without its last words.
            let _ = rustix::fs::fallocate(&self.file, rustix::fs::FallocateFlags::KEEP_SIZE, length, BALLAST - SLACK);
        }
        Ok(())
    }

    fn displaced(&mut self, length: u64, position: &JournalPosition, at: Timestamp) -> io::Result<Option<String>> {
        let displaced = self.standing.check(&self.file, length)?;
        Ok(displaced.map(|displacement| self.standing.save(displacement, &self.file, (length, position), at)))
    }

    fn free_ballast(&mut self) -> bool {
        self.disk_full.store(true, Ordering::Release);
        fs::remove_file(&self.ballast).is_ok()
    }
}
