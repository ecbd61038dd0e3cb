//! Evidence that grows while somebody works: within a moment on the disk, so that memory does not grow with it.
//!
//! Owns when it is written. Invariant: whoever pushes never waits for a disk. A disk that refuses costs memory, within
//! the bounds of what is kept, until the end; then it is tried once more.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::artifacts::{GoalArtifacts, blocking};
use super::parts::Parts;
use super::pending::Pending;
use crate::domain::evidence::ArtifactRef;
use crate::domain::order::Fault;
use crate::ports::{Effect, Growing};
use crate::store::error::StoreError;

/// How long bytes wait for others to be written with.
const GATHERING: Duration = Duration::from_millis(250);
/// So many bytes do not wait.
const MANY: usize = 64 * 1024;

/// One file that grows.
#[derive(Debug)]
pub(super) struct GrowingFile {
    stream: Arc<Stream>,
}

#[derive(Debug)]
struct Stream {
    store: GoalArtifacts,
    name: String,
    ends: usize,
    pending: Mutex<Pending>,
    disk: Mutex<Disk>,
    /// Whether the next writing is under way.
    expected: AtomicBool,
    /// It should not be waited for.
    many: Notify,
}

#[derive(Debug)]
struct Disk {
    parts: Parts,
    /// A write has failed: nothing more is tried before the end. What space there is left is the journal's.
    refuses: bool,
}

impl GrowingFile {
    /// A file below `artifacts/` that begins empty; nothing is made yet.
    pub(super) fn new(store: GoalArtifacts, name: &str, ends: usize) -> Self {
        let parts = Parts::new(store.root().to_owned(), format!("artifacts/{name}"), ends);
        let stream = Stream {
            store,
            name: name.to_owned(),
            ends,
            pending: Mutex::new(Pending::new(ends)),
            disk: Mutex::new(Disk { parts, refuses: false }),
            expected: AtomicBool::new(false),
            many: Notify::new(),
        };
        Self { stream: Arc::new(stream) }
    }
}

impl Growing for GrowingFile {
    fn push(&mut self, bytes: &[u8]) {
        let held = {
            let mut pending = lock(&self.stream.pending);
            pending.push(bytes);
            pending.held()
        };
        if !self.stream.expected.swap(true, Ordering::AcqRel) {
            tokio::spawn(write_soon(Arc::clone(&self.stream)));
        }
        if held > MANY {
            self.stream.many.notify_one();
        }
    }

    fn finish(self: Box<Self>) -> Effect<Result<ArtifactRef, Fault>> {
        let stream = self.stream;
        blocking(format!("keep the evidence {}", stream.name), move || stream.finish())
    }
}

async fn write_soon(stream: Arc<Stream>) {
    let _either = tokio::time::timeout(GATHERING, stream.many.notified()).await;
    stream.expected.store(false, Ordering::Release);
    // Where it does not come to it, the end of the file tells.
    drop(tokio::task::spawn_blocking(move || stream.write()).await);
}

impl Stream {
    fn write(&self) {
        let mut disk = lock(&self.disk);
        if disk.refuses {
            return;
        }
        let taken = lock(&self.pending).take();
        if let Err(error) = disk.parts.write(&taken) {
            tracing::debug!(name = self.name, error = error.chain(), "evidence waits in memory");
            disk.refuses = true;
            lock(&self.pending).take_back(taken);
        }
    }

    fn finish(&self) -> Result<ArtifactRef, StoreError> {
        let mut disk = lock(&self.disk);
        let rest = lock(&self.pending).take();
        if disk.parts.is_empty() && rest.end() <= 2 * self.ends as u64 {
            return self.store.put_now(&self.name, &rest.runs().map(|(_, bytes)| bytes).concat());
        }
        disk.parts.write(&rest)?;
        disk.parts.join()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
