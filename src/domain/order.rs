//! What ports are asked and what they answer: requests, outcomes and failure kinds, by value.

use std::path::PathBuf;

use thiserror::Error;

use crate::domain::access::AccessSet;
use crate::domain::evidence::{ArtifactRef, GateResult, GateScope};
use crate::domain::ids::{Attempt, AttemptRef, CommitId, SliceId, Timestamp, TreeId};
use crate::domain::shortage::Shortage;
use crate::domain::task::{AttemptOutcome, Capture, GateSpec};

/// The journal could not be written; the run ends at once and the goal can be resumed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the journal {path} failed: {detail}")]
pub struct JournalFailure {
    /// The file.
    pub path: String,
    /// What the system said.
    pub detail: String,
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

/// A worktree for one attempt, never used again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorktreeOrder {
    /// The attempt that it is for.
    pub attempt: AttemptRef,
    /// The commit that its HEAD names (detached).
    pub start: CommitId,
    /// The tree that its files show, where that is not the commit's.
    pub content: Option<TreeId>,
    /// The earlier worktree whose place it takes, and whether that stays as it stands where it is still there.
    pub place: Option<Place>,
}

/// The place of a worktree that an agent's session was begun in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Relative to the goal's directory.
    pub worktree: PathBuf,
    /// Whether what is in it stays.
    pub as_it_stands: bool,
}

/// A worktree that an agent can work in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// Its absolute path.
    pub path: PathBuf,
    /// Whether it is as an earlier attempt left it; else it was made.
    pub stood: bool,
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
    /// How large what it changed may be.
    pub limits: CaptureLimits,
    /// The commit message, trailers included.
    pub message: String,
    /// The moment that the commit bears.
    pub at: Timestamp,
}

/// How large the changed files of an attempt may be, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureLimits {
    /// Each of them.
    pub file: u64,
    /// All together.
    pub attempt: u64,
}

/// Something in a worktree that cannot be captured, whatever the slice's rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uncapturable {
    /// The path, control characters escaped.
    pub path: String,
    /// Why: a nested repository, an escaping symlink, a `.git` component, a name with control characters, a socket, a
    /// file over a limit, which is named.
    pub problem: String,
}

/// What was found in a worktree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// The commit and what it changed; `None` where nothing changed, or something is in one of the lists below.
    pub capture: Option<Capture>,
    /// What could not be captured, sorted by path. Where there is anything, the attempt fails.
    pub refused: Vec<Uncapturable>,
    /// Paths of the user's own checkout that changed while the attempt was under way, by whoever; absolute, bounded.
    pub checkout: Vec<String>,
    /// Changed paths that are not the slice's to change, sorted; their content was not looked at. Where there is any, the
    /// attempt fails.
    pub outside: Vec<String>,
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
    /// How often its keeper is asked after its processes, in milliseconds.
    pub pulse_ms: u64,
    /// How long its processes may live when the keeper is no longer asked, in milliseconds.
    pub lease_ms: u64,
}

/// What an attempt came to: commits plus evidence, by value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptEnd {
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// What was captured, where something was.
    pub capture: Option<Capture>,
    /// The verdicts of its gates on the captured tree.
    pub gates: Vec<GateResult>,
    /// What the machine lacked at its end, where that is why it failed.
    pub shortage: Option<Shortage>,
}

/// A result for a lease that is over.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the lease of {attempt} is over")]
pub struct LeaseOver {
    /// The attempt whose lease it was.
    pub attempt: AttemptRef,
}
