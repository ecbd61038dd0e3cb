//! The thread that writes the journal.
//!
//! Owns numbering, chaining and group commit: all appends that wait are one write and one fdatasync. Acknowledges
//! only what is durable, in the order of the calls. After one failure nothing is ever written again. Before each group it
//! is seen whether the file is still the goal's.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::domain::event::{Draft, Event};
use crate::domain::evidence::JournalPosition;
use crate::domain::ids::Timestamp;
use crate::domain::order::JournalFailure;
use crate::store::codec::{Unencodable, encode, position_of};

/// Appends that share one fdatasync at most, so that the first of them does not wait for ever.
const LARGEST_GROUP: usize = 1024;
/// How long a group is held open after each append in it, while appends come together.
const GATHERING: Duration = Duration::from_micros(40);
/// After so many appends that came alone, nobody is waited for.
const LONE: u32 = 2;
/// A buffer beyond this is given back after use.
const BUFFER_KEPT: usize = 1 << 20;

/// What the records go to.
pub trait Medium: Send {
    /// Appends bytes. Where it fails, some of them may have been written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes all bytes that were appended durable.
    fn sync(&mut self) -> io::Result<()>;
    /// Removes everything behind the first `length` bytes.
    fn cut_back(&mut self, length: u64) -> io::Result<()>;
    /// Says what became of the file where it is not what its path names any more, once what it holds up to `position`, the
    /// first `length` bytes, is saved with an end of the run at `at`.
    fn displaced(&mut self, length: u64, position: &JournalPosition, at: Timestamp) -> io::Result<Option<String>>;
    /// Frees the space that is kept for a full disk; whether there was any.
    fn free_ballast(&mut self) -> bool;
}

/// Where the answer to an append goes.
type Done = oneshot::Sender<Result<Vec<Event>, JournalFailure>>;

/// Facts to append, and whom to tell.
#[derive(Debug)]
pub(crate) struct Append {
    pub(crate) at: Timestamp,
    pub(crate) drafts: Vec<Draft>,
    pub(crate) done: Done,
}

/// The state of the writing thread.
pub(crate) struct Writer<M> {
    pub(crate) medium: M,
    /// For messages.
    pub(crate) path: PathBuf,
    /// The last durable record.
    pub(crate) position: JournalPosition,
    /// The durable bytes, for those who read meanwhile.
    pub(crate) durable: Arc<AtomicU64>,
    /// How many groups in a row had one append.
    pub(crate) lone_groups: u32,
}

/// Appends that were encoded, with the records that they became.
struct Group {
    bytes: Vec<u8>,
    position: JournalPosition,
    written: Vec<(Done, Vec<Event>)>,
}

impl<M: Medium> Writer<M> {
    /// Serves appends until the last sender is gone or an append has failed; then refuses the rest.
    pub(crate) fn run(mut self, appends: &Receiver<Append>) {
        let mut buffer = Vec::new();
        while let Ok(first) = appends.recv() {
            let others = companions(appends, self.lone_groups < LONE);
            match self.commit(std::iter::once(first).chain(others).take(LARGEST_GROUP), buffer) {
                Ok(used) => buffer = used,
                Err(failure) => {
                    appends.iter().for_each(|append| answer(append.done, Err(failure.clone())));
                    return;
                }
            }
        }
    }

    /// Writes appends as one group and answers each. The buffer comes back for the next group.
    fn commit(&mut self, appends: impl Iterator<Item = Append>, buffer: Vec<u8>) -> Result<Vec<u8>, JournalFailure> {
        let mut appends = appends.peekable();
        if let Some(first) = appends.peek() {
            let (durable, at) = (self.durable.load(Ordering::Acquire), first.at);
            let displaced = match self.medium.displaced(durable, &self.position, at) {
                Ok(displaced) => displaced.map(|words| self.failure(&words)),
                Err(error) => Some(self.failure(&error)),
            };
            if let Some(failure) = displaced {
                appends.for_each(|append| answer(append.done, Err(failure.clone())));
                return Err(failure);
            }
        }
        let mut group = Group { bytes: buffer, position: self.position.clone(), written: Vec::new() };
        let mut unencodable = None;
        let mut refused = Vec::new();
        for append in appends {
            if unencodable.is_some() {
                refused.push(append.done);
            } else if let Err((done, why)) = group.encode(append) {
                unencodable = Some(self.failure(&why));
                refused.push(done);
            }
        }
        self.lone_groups = if group.written.len() > 1 { 0 } else { self.lone_groups.saturating_add(1) };
        let result = self.write(&group.bytes).map_err(|error| self.failure(&error));
        if result.is_ok() {
            self.position = group.position;
        }
        for (done, events) in group.written {
            answer(done, result.clone().map(|()| events));
        }
        if let Some(failure) = unencodable {
            refused.into_iter().for_each(|done| answer(done, Err(failure.clone())));
            return Err(failure);
        }
        group.bytes.clear();
        group.bytes.shrink_to(BUFFER_KEPT);
        result.map(|()| group.bytes)
    }

    /// Makes bytes durable. Only a full disk gets a second try, and only while nothing of these bytes can have been
    /// taken for durable: after the ballast is freed, from the last durable byte on.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let durable = self.durable.load(Ordering::Acquire);
        match self.medium.append(bytes) {
            Err(error) if is_full(&error) && self.medium.free_ballast() => {
                self.medium.cut_back(durable)?;
                self.medium.append(bytes)?;
            }
            other => other?,
        }
        self.medium.sync()?;
        self.durable.store(durable + bytes.len() as u64, Ordering::Release);
        Ok(())
    }

    fn failure(&self, cause: &dyn std::fmt::Display) -> JournalFailure {
        JournalFailure { path: self.path.display().to_string(), detail: cause.to_string() }
    }
}

/// Whether there is no room: on the disk, or in what its owner may use of it.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// The appends that wait, and where they come together also those that follow at once: without that short wait, the
/// first of a burst would have an fdatasync of its own, which the others pay for.
fn companions(appends: &Receiver<Append>, together: bool) -> impl Iterator<Item = Append> {
    std::iter::from_fn(move || {
        let until = Instant::now() + GATHERING;
        let mut next = appends.try_recv().ok();
        while next.is_none() && together && Instant::now() < until {
            std::hint::spin_loop();
            next = appends.try_recv().ok();
        }
        next
    })
}

type Refused = (Done, Unencodable);

impl Group {
    /// Adds the lines of one append, all or none.
    fn encode(&mut self, append: Append) -> Result<(), Refused> {
        let (start, before) = (self.bytes.len(), self.position.clone());
        let mut events = Vec::with_capacity(append.drafts.len());
        for draft in append.drafts {
            match encode(&self.position, append.at, draft, &mut self.bytes) {
                Ok(event) => {
                    self.position = position_of(&event);
                    events.push(event);
                }
                Err(error) => {
                    self.bytes.truncate(start);
                    self.position = before;
                    return Err((append.done, error));
                }
            }
        }
        self.written.push((append.done, events));
        Ok(())
    }
}

/// Tells the caller, where there still is one.
fn answer(done: Done, result: Result<Vec<Event>, JournalFailure>) {
    drop(done.send(result));
}
