//! Directories to try things in.

use omk::domain::control::Holder;
use omk::domain::ids::{GoalId, Timestamp};
use omk::store::journal::FileJournal;
use omk::store::layout::{GoalDir, StateDir};
use omk::store::lock::GoalLock;
use tempfile::TempDir;

/// A state directory of its own, removed at the end.
pub(crate) struct Place {
    _root: TempDir,
    pub(crate) state: StateDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().expect("a temporary directory");
        let state = StateDir::at(root.path().join("state"));
        Self { _root: root, state }
    }

    /// The `n`th goal, whose directory is made.
    pub(crate) fn goal(&self, n: u64) -> GoalDir {
        self.state.create_goal(&goal_id(n)).expect("a new goal")
    }

    /// The `n`th goal with an empty journal, which is not open.
    pub(crate) fn recorded_goal(&self, n: u64) -> GoalDir {
        let dir = self.goal(n);
        drop(FileJournal::create(lock(&dir)).expect("a new journal"));
        dir
    }
}

/// `sample-goal-<code>`, the later the greater `n`.
pub(crate) fn goal_id(n: u64) -> GoalId {
    GoalId::coined("Sample goal", Timestamp(1_763_700_000_000 + n))
}

/// The lock of a goal that nobody else holds.
pub(crate) fn lock(dir: &GoalDir) -> GoalLock {
    GoalLock::acquire(dir.clone(), &holder(41)).expect("the lock")
}

/// A process that holds a lock.
pub(crate) fn holder(pid: u32) -> Holder {
    Holder { pid, host: "here".to_owned(), boot_id: "b007".to_owned(), version: "0.1.0".to_owned() }
}
