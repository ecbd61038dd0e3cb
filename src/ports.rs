//! The effect traits: what decisions may ask of the world.
//!
//! Each has one real implementation (in `adapters`, `agents` or `store`) and one fake in the tests' simulation. What
//! goes in and out are domain types, by value. Every future is `Send` and owns what it needs, so that an actor can
//! spawn it and a blocking thread can run it. Dropping such a future does not undo the effect.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::domain::agent::{AgentReport, AgentSign, AgentTask};
use crate::domain::change::Change;
use crate::domain::event::{Draft, Event};
use crate::domain::evidence::{ArtifactRef, GateResult};
use crate::domain::fact::{Branch, Fact};
use crate::domain::ids::{AttemptRef, Batch, CommitId, GateName, Moment, SliceId, Timestamp, TreeId};
use crate::domain::order::{
    AttemptEnd, CaptureOrder, Captured, Fault, GateOrder, JournalFailure, LeaseOver, MergeInput, Merged, Prepared,
    WorktreeOrder,
};
use crate::domain::shortage::{Disk, Shortage};
use crate::domain::task::{Assignment, KeptLines};
use crate::domain::vitals::Vitals;

/// The result of an effect, some time later.
pub type Effect<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The clocks. Waiting is tokio's: `tokio::time::sleep` runs on the paused clock of a simulation.
pub trait Clock: Send + Sync {
    /// The present moment by the wall clock, which people set.
    fn now(&self) -> Timestamp;
    /// The present moment by the steady clock, which stands still while the machine sleeps.
    fn moment(&self) -> Moment;
    /// How long the machine has slept since it was started, in milliseconds.
    fn slept_ms(&self) -> u64;
}

/// The append side of a goal's journal. One writer; appends are made durable in the order of the calls.
pub trait Journal: Send + Sync {
    /// Numbers, chains and writes `drafts` at the moment `at`, and resolves when they are durable. Never retried: a
    /// failure is for good.
    fn append(&self, at: Timestamp, drafts: Vec<Draft>) -> Effect<Result<Vec<Event>, JournalFailure>>;
    /// All records that are durable, from the first.
    fn read(&self) -> Effect<Result<Vec<Event>, JournalFailure>>;
    /// Why little more can be written, where that is so: the disk is full and its reserve is used up. The run should
    /// end while the end can still be written.
    fn distress(&self) -> Option<String>;
}

/// The evidence files of a goal.
pub trait Artifacts: Send + Sync {
    /// Writes a file below `artifacts/`, atomically, and names it by its content. `name` is relative and in normal
    /// form; an existing file of that name is replaced.
    fn put(&self, name: &str, bytes: Vec<u8>) -> Effect<Result<ArtifactRef, Fault>>;
    /// Begins a file below `artifacts/` that comes piece by piece; of a longer one `ends` bytes are kept from the
    /// beginning and as many from the end. Without a piece there is no file before it is finished.
    fn grow(&self, name: &str, ends: usize) -> Box<dyn Growing>;
    /// Reads a file back, refusing it where its content is not the one that it was named by.
    fn fetch(&self, artifact: &ArtifactRef) -> Effect<Result<Vec<u8>, Fault>>;
}

/// A file of evidence that comes piece by piece. Where it is dropped, or the program dies, there is no file of its name;
/// what came of it stays beside that.
pub trait Growing: Send + fmt::Debug {
    /// Takes the next bytes: never waits, and memory does not grow with them. Within a runtime of tokio.
    fn push(&mut self, bytes: &[u8]);
    /// Ends the file, with a line in the middle that says how much was left out; from then on it is there, as if it had
    /// been put.
    fn finish(self: Box<Self>) -> Effect<Result<ArtifactRef, Fault>>;
}

/// Coding agents, whichever protocol they speak.
pub trait Agents: Send + Sync {
    /// Whether the agent can be used at all, without spending anything: `Err` has the cause in one sentence.
    fn probe(&self, agent: &str) -> Effect<Result<(), String>>;
    /// Whether the agent can be told anything while it works: where not, nobody reads `hints`.
    fn hears(&self, agent: &str) -> bool;
    /// An agent will be asked for within moments, or not at all: what its start waits for may be waited for already.
    /// Starts nothing.
    fn expect(&self) {}
    /// Works on a task to its end. `signs` gets what the agent lets us see, as it comes, and what its keeper says of
    /// its processes every `pulse_ms` of the task; a closed receiver is no error. `hints` is what the operator says
    /// meanwhile; its end is no error. When `stop` is cancelled its processes are killed before the future resolves: no
    /// process of the agent is left when it does, however it ended.
    fn run(
        &self,
        task: AgentTask,
        signs: AgentSigns,
        hints: AgentHints,
        stop: CancellationToken,
    ) -> Effect<AgentReport>;
}

/// Where an agent's signs go.
pub type AgentSigns = tokio::sync::mpsc::UnboundedSender<AgentSign>;

/// What the operator says to an agent at work.
pub type AgentHints = tokio::sync::mpsc::UnboundedReceiver<String>;

/// Where it goes what a keeper says of a gate's processes.
pub type Pulse = tokio::sync::mpsc::UnboundedSender<Vitals>;

/// The goal's private repository, and the refs that it delivers into the user's.
pub trait Workspace: Send + Sync {
    /// Makes a linked worktree of the private repository, or finds it standing where the order asks for that.
    fn prepare(&self, order: WorktreeOrder) -> Effect<Result<Prepared, Fault>>;
    /// Captures what a worktree holds by content, and commits it where it differs from the start.
    fn capture(&self, order: CaptureOrder) -> Effect<Result<Captured, Fault>>;
    /// A number that differs when anything in a worktree has changed: names, sizes and times of all files but those
    /// of git itself.
    fn fingerprint(&self, worktree: PathBuf) -> Effect<Result<u64, Fault>>;
    /// Takes a worktree out of use at once, to be removed later; the commits stay. One that is gone already is no error.
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
    /// What a disk, or this process, lacks now for our own writing; `None` where it can be written to.
    fn shortage(&self, _disk: Disk) -> Effect<Option<Shortage>> {
        Box::pin(std::future::ready(None))
    }
    /// Whether a branch of the user's repository holds a commit; not if there is no such branch.
    fn is_on_branch(&self, branch: String, commit: CommitId) -> Effect<Result<bool, Fault>>;
    /// Creates the branches in the user's repository, all or none. A branch that already names the commit is no
    /// error; one that names another commit is.
    fn deliver(&self, branches: Vec<Branch>) -> Effect<Result<(), Fault>>;
    /// Ends every step that is under way, and each that is asked for later, with a fault: nobody needs a result any
    /// more. Nothing half done stays that the next run cannot handle. Returns at once.
    fn abandon(&self) {}
}

/// Runs gates.
pub trait Gates: Send + Sync {
    /// Checks the tree out into a clean directory and runs the gate there. When `stop` is cancelled its processes are
    /// killed before the future resolves; none is left when it does, however it ended. `pulse` gets what its keeper
    /// says of its processes every `pulse_ms` of the order; a closed receiver is no error.
    fn run(&self, order: GateOrder, pulse: Pulse, stop: CancellationToken) -> Effect<Result<GateResult, Fault>>;
}

/// How a worker and the scheduler speak: the seam for workers on other hosts. Everything goes by value; nothing
/// above it may assume shared memory, a shared clock or a shared disk.
pub trait WorkPlane: Send + Sync {
    /// Takes an offered attempt. Resolves to what is to be done once the claim is durable.
    fn claim(&self, attempt: AttemptRef) -> Effect<Result<Assignment, LeaseOver>>;
    /// Says what the attempt has just handed to the journal, where the worker decided it: in the same order, so that
    /// whatever the scheduler decides next comes behind it there too. Nothing comes back.
    fn progressed(&self, attempt: AttemptRef, fact: Fact);
    /// Keeps the lease for another period. `answered`: the model of the attempt's agent has answered by now.
    fn renew(&self, attempt: AttemptRef, answered: bool) -> Effect<Result<(), LeaseOver>>;
    /// The names of a gate's tests on the base; `None` where it named none, or has not run there yet.
    fn base_tests(&self, gate: GateName) -> Effect<Option<ArtifactRef>>;
    /// Ends the attempt, once: compare-and-swap on (slice, attempt, epoch).
    fn finish(&self, attempt: AttemptRef, end: AttemptEnd) -> Effect<Result<(), LeaseOver>>;
}

/// Where a batch's merges are shown as evidence: `integration/<batch>.<slice>.<n>.{base,ours,theirs}`.
pub fn conflict_artifact(batch: Batch, slice: &SliceId, index: usize, side: &str) -> String {
    format!("integration/{batch}.{slice}.{index}.{side}")
}

/// Every effect, as the composition root or a simulation provides them.
#[derive(Clone)]
pub struct Effects {
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// The goal's journal.
    pub journal: Arc<dyn Journal>,
    /// The goal's evidence files.
    pub artifacts: Arc<dyn Artifacts>,
    /// Coding agents.
    pub agents: Arc<dyn Agents>,
    /// The goal's private repository.
    pub workspace: Arc<dyn Workspace>,
    /// Gates.
    pub gates: Arc<dyn Gates>,
}
