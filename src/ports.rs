//! The effect traits: what decisions may ask of the world.
//!
//! Each has one real implementation (in `adapters`, `agents` or `store`) and one fake in the tests' simulation. What
//! goes in and out are domain types, by value. Every future is `Send` and owns what it needs, so that an actor can
//! spawn it and a blocking thread can run it. Dropping such a future does not undo the effect.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::domain::access::AccessSet;
use crate::domain::agent::{AgentEvent, AgentReport, AgentTask};
use crate::domain::change::Change;
use crate::domain::event::{Branch, Draft, Event};
use crate::domain::evidence::{ArtifactRef, GateResult, GateScope};
use crate::domain::ids::{Attempt, AttemptRef, Batch, CommitId, SliceId, Timestamp, TreeId};
use crate::domain::task::{Assignment, AttemptOutcome, Capture, GateSpec, KeptLines};

/// The result of an effect, some time later.
pub type Effect<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The wall clock. Waiting is tokio's: `tokio::time::sleep` runs on the paused clock of a simulation.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The journal could not be written; the run ends at once and the goal can be resumed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the journal {path} failed: {detail}")]
pub struct JournalFailure {
    /// The file.
    pub path: String,
    /// What the system said.
    pub detail: String,
}

/// The append side of a goal's journal. One writer; appends are made durable in the order of the calls.
pub trait Journal: Send + Sync {
    /// Numbers, chains and writes `drafts` at the moment `at`, and resolves when they are durable. Never retried: a
    /// failure is for good.
    fn append(&self, at: Timestamp, drafts: Vec<Draft>) -> Effect<Result<Vec<Event>, JournalFailure>>;
    /// All records that are durable, from the first.
    fn read(&self) -> Effect<Result<Vec<Event>, JournalFailure>>;
}

/// Our own machinery failed: a repository, a disk, a thread. Ends the fragment "failed to …".
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("failed to {what}: {detail}")]
pub struct Fault {
    /// What was tried.
    pub what: String,
    /// What went wrong, with its causes.
    pub detail: String,
}

/// The evidence files of a goal.
pub trait Artifacts: Send + Sync {
    /// Writes a file below `artifacts/`, atomically, and names it by its content. `name` is relative and in normal
    /// form; an existing file of that name is replaced.
    fn put(&self, name: &str, bytes: Vec<u8>) -> Effect<Result<ArtifactRef, Fault>>;
    /// Reads a file back, refusing it where its content is not the one that it was named by.
    fn fetch(&self, artifact: &ArtifactRef) -> Effect<Result<Vec<u8>, Fault>>;
}

/// Coding agents, whichever protocol they speak.
pub trait Agents: Send + Sync {
    /// Whether the agent can be used at all, without spending anything: `Err` has the cause in one sentence.
    fn probe(&self, agent: &str) -> Effect<Result<(), String>>;
    /// Works on a task to its end. `events` gets what the agent lets us see, as it comes; a closed receiver is no
    /// error. When `stop` is cancelled its processes are killed before the future resolves: no process of the agent
    /// is left when it does, however it ended.
    fn run(&self, task: AgentTask, events: AgentEvents, stop: CancellationToken) -> Effect<AgentReport>;
}

/// Where an agent's events go.
pub type AgentEvents = tokio::sync::mpsc::UnboundedSender<AgentEvent>;

/// A worktree for one attempt, never used again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorktreeOrder {
    /// The attempt that it is for.
    pub attempt: AttemptRef,
    /// The commit that its HEAD names (detached).
    pub start: CommitId,
    /// The tree that its files show, where that is not the commit's.
    pub content: Option<TreeId>,
}

/// What an attempt left in its worktree, to be captured by content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureOrder {
    /// The attempt.
    pub attempt: AttemptRef,
    /// Its worktree.
    pub worktree: PathBuf,
    /// The commit that it started from: the parent of the capture.
    pub start: CommitId,
    /// The slice's rights: they lift the ignore rules for paths that `writes` names to the letter.
    pub access: AccessSet,
    /// The commit message, trailers included.
    pub message: String,
    /// The moment that the commit bears.
    pub at: Timestamp,
}

/// Something in a worktree that cannot be captured, whatever the slice's rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uncapturable {
    /// The path, control characters escaped.
    pub path: String,
    /// Why: a nested repository, an escaping symlink, a `.git` component, a name with control characters, a socket.
    pub problem: String,
}

/// What was found in a worktree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// The commit and what it changed; `None` where nothing changed.
    pub capture: Option<Capture>,
    /// What could not be captured, sorted by path. Where there is anything, the attempt fails.
    pub refused: Vec<Uncapturable>,
}

/// One slice to merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeInput {
    /// The slice.
    pub slice: SliceId,
    /// Which try.
    pub attempt: Attempt,
    /// What it captured.
    pub capture: Capture,
    /// The message of the merge, trailers included.
    pub message: String,
}

/// What came of merging one slice onto what was there before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merged {
    /// A merge commit: first parent what was there, second parent the slice's commit.
    Clean {
        /// The merge.
        merge: CommitId,
        /// Its tree.
        tree: TreeId,
    },
    /// Nothing was merged; the next slice is merged onto what was there before.
    Conflict {
        /// What it was merged onto.
        onto: CommitId,
        /// The paths in conflict, sorted, with both sides.
        paths: Vec<ConflictPath>,
    },
}

/// Both sides of a path that could not be merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConflictPath {
    /// The path.
    pub path: String,
    /// Its content where the slice started; `None` where it was not there.
    pub base: Option<Vec<u8>>,
    /// Its content in what was integrated before.
    pub ours: Option<Vec<u8>>,
    /// Its content in the slice.
    pub theirs: Option<Vec<u8>>,
}

/// The goal's private repository, and the refs that it delivers into the user's.
pub trait Workspace: Send + Sync {
    /// Makes a linked worktree of the private repository and returns its absolute path.
    fn prepare(&self, order: WorktreeOrder) -> Effect<Result<PathBuf, Fault>>;
    /// Captures what a worktree holds by content, and commits it where it differs from the start.
    fn capture(&self, order: CaptureOrder) -> Effect<Result<Captured, Fault>>;
    /// Removes a worktree; the commits stay. One that is gone already is no error.
    fn discard(&self, worktree: PathBuf) -> Effect<Result<(), Fault>>;
    /// What changed from one commit to another.
    fn change(&self, from: CommitId, to: CommitId) -> Effect<Result<Arc<Change>, Fault>>;
    /// Merges slices one after the other onto `onto`, without a checkout, deterministically. The results are in the
    /// order of the inputs.
    fn merge(&self, onto: CommitId, inputs: Vec<MergeInput>, at: Timestamp) -> Effect<Result<Vec<Merged>, Fault>>;
    /// The tree of a commit.
    fn tree_of(&self, commit: CommitId) -> Effect<Result<TreeId, Fault>>;
    /// The lines that `to` adds to one file over `from`, without their ends.
    fn added_lines(&self, from: CommitId, to: CommitId, path: String) -> Effect<Result<Vec<String>, Fault>>;
    /// Which of `lines` the file at `commit` lacks, counting repeats.
    fn missing_lines(&self, commit: CommitId, kept: Vec<KeptLines>) -> Effect<Result<Vec<KeptLines>, Fault>>;
    /// Which of `commits` cannot be reached from `head`.
    fn unreachable(&self, head: CommitId, commits: Vec<CommitId>) -> Effect<Result<Vec<CommitId>, Fault>>;
    /// Creates the branches in the user's repository, all or none. A branch that already names the commit is no
    /// error; one that names another commit is.
    fn deliver(&self, branches: Vec<Branch>) -> Effect<Result<(), Fault>>;
}

/// One run of one gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateOrder {
    /// The gate, as frozen.
    pub gate: GateSpec,
    /// On whose behalf.
    pub scope: GateScope,
    /// The tree to run on.
    pub tree: TreeId,
    /// Whether to start without anything that an earlier run has built.
    pub cold: bool,
    /// The test names of the base, where they are known: what is gone or ignored here is reported.
    pub base_tests: Option<ArtifactRef>,
    /// Between SIGTERM and SIGKILL when it is stopped, in milliseconds.
    pub grace_ms: u64,
}

/// Runs gates.
pub trait Gates: Send + Sync {
    /// Checks the tree out into a clean directory and runs the gate there. When `stop` is cancelled its processes are
    /// killed before the future resolves; none is left when it does, however it ended.
    fn run(&self, order: GateOrder, stop: CancellationToken) -> Effect<Result<GateResult, Fault>>;
}

/// A result for a lease that is over.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the lease of {attempt} is over")]
pub struct LeaseOver {
    /// The attempt whose lease it was.
    pub attempt: AttemptRef,
}

/// How a worker and the scheduler speak: the seam for workers on other hosts. Everything goes by value; nothing
/// above it may assume shared memory, a shared clock or a shared disk.
pub trait WorkPlane: Send + Sync {
    /// Takes an offered attempt. Resolves to what is to be done once the claim is durable.
    fn claim(&self, attempt: AttemptRef) -> Effect<Result<Assignment, LeaseOver>>;
    /// Keeps the lease for another period.
    fn renew(&self, attempt: AttemptRef) -> Effect<Result<(), LeaseOver>>;
    /// Ends the attempt, once: compare-and-swap on (slice, attempt, epoch).
    fn finish(
        &self,
        attempt: AttemptRef,
        outcome: AttemptOutcome,
        capture: Option<Capture>,
    ) -> Effect<Result<(), LeaseOver>>;
}

/// Where a batch's merges are shown as evidence: `integration/<batch>.<slice>.<n>.{base,ours,theirs}`.
pub fn conflict_artifact(batch: Batch, slice: &SliceId, index: usize, side: &str) -> String {
    format!("integration/{batch}.{slice}.{index}.{side}")
}
