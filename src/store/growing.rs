//! Evidence that grows while somebody works: within a moment on the disk, so that memory does not grow with it.
//!
//! Owns when it is written. Invariants: whoever pushes never waits for a disk; however slow it is, a file takes no more
//! than one thread. A disk that refuses costs memory, within the bounds of what is kept, until the end; then it is tried
//! once more.

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
    disk: Mutex<Parts>,
    /// Whether somebody waits to write, or writes.
    expected: AtomicBool,
    /// A write has failed: nothing more is tried before the end. What space there is left is the journal's.
    refuses: AtomicBool,
    /// It should not be waited for.
    many: Notify,
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
            disk: Mutex::new(parts),
            expected: AtomicBool::new(false),
            refuses: AtomicBool::new(false),
            many: Notify::new(),
        };
        Self { stream: Arc::new(stream) }
    }
}

impl Growing for GrowingFile {
    fn push(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let held = {
            let mut pending = lock(&self.stream.pending);
            pending.push(bytes);
            pending.held()
        };
        if self.stream.claim() {
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
    loop {
        let _either = tokio::time::timeout(GATHERING, stream.many.notified()).await;
        let writing = Arc::clone(&stream);
        // Where it does not come to it, the end of the file tells.
        drop(tokio::task::spawn_blocking(move || writing.write()).await);
        stream.expected.store(false, Ordering::Release);
        // Who pushed meanwhile has sent nobody.
        let rest = lock(&stream.pending).held() > 0;
        if !rest || !stream.claim() {
            return;
        }
    }
}

impl Stream {
    /// Whether it is the caller's to see to it that what is held is written.
    fn claim(&self) -> bool {
        !self.refuses.load(Ordering::Acquire) && !self.expected.swap(true, Ordering::AcqRel)
    }

    fn write(&self) {
        let mut disk = lock(&self.disk);
        let taken = lock(&self.pending).take();
        if let Err(error) = disk.write(&taken) {
            tracing::debug!(name = self.name, error = error.chain(), "evidence waits in memory");
            self.refuses.store(true, Ordering::Release);
            lock(&self.pending).take_back(taken);
        }
    }

    fn finish(&self) -> Result<ArtifactRef, StoreError> {
        let mut disk = lock(&self.disk);
        let rest = lock(&self.pending).take();
        if disk.is_empty() && rest.end() <= 2 * self.ends as u64 {
            return self.store.put_now(&self.name, &rest.runs().map(|(_, bytes)| bytes).concat());
        }
        disk.write(&rest)?;
        disk.join()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::GoalId;
    use crate::store::layout::StateDir;

    fn growing(state: &StateDir) -> GrowingFile {
        let goal = state.goal(&GoalId::parse("goal-1").expect("an id"));
        std::fs::create_dir_all(goal.path()).expect("a directory");
        GrowingFile::new(GoalArtifacts::new(&goal), "one.log", 1 << 20)
    }

    async fn until(holds: impl Fn() -> bool) {
        let comes = async {
            while !holds() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), comes).await.expect("it comes to it");
    }

    #[test]
    fn a_disk_that_hangs_holds_one_thread_and_then_all_that_was_pushed_is_written() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut growing = growing(&StateDir::at(dir.path()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().max_blocking_threads(2).build();
        let (runtime, stream) = (runtime.expect("a runtime"), Arc::clone(&growing.stream));
        let hangs = lock(&stream.disk);
        runtime.block_on(async {
            for _ in 0..4 {
                growing.push(&[b'x'; MANY + 1]);
                for _ in 0..8 {
                    tokio::task::yield_now().await;
                }
            }
            let other = tokio::task::spawn_blocking(|| "served");
            let served = tokio::time::timeout(Duration::from_secs(10), other).await;
            assert_eq!(served.expect("a thread is free").expect("an answer"), "served");
        });
        drop(hangs);
        runtime.block_on(until(|| lock(&stream.pending).held() == 0));
        assert_eq!(runtime.block_on(Box::new(growing).finish()).expect("a file").bytes, 4 * (MANY as u64 + 1));
    }

    #[tokio::test]
    async fn nobody_is_sent_to_write_nothing_or_to_a_disk_that_refuses() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut growing = growing(&StateDir::at(dir.path()));
        let stream = Arc::clone(&growing.stream);
        let nobody = || Arc::strong_count(&stream) == 2;
        growing.push(b"");
        assert!(nobody());
        let in_the_way = stream.store.root().join("artifacts");
        std::fs::write(&in_the_way, "").expect("a file");
        growing.push(&[b'x'; MANY + 1]);
        assert!(!nobody());
        until(nobody).await;
        growing.push(&[b'x'; MANY + 1]);
        assert!(nobody());
        std::fs::remove_file(in_the_way).expect("room");
        assert_eq!(Box::new(growing).finish().await.expect("a file").bytes, 2 * (MANY as u64 + 1));
    }
}
