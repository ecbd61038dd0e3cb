//! Removing what no goal needs: worktrees, private repositories, build directories, the ref that kept a base; of goals
//! that may go on only what their next run makes anew by itself.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::adapters::gate::warm::{self, Wanted};
use crate::adapters::git::private::{Release, release};
use crate::adapters::removal::remove_tree;
use crate::app::Omk;
use crate::app::clock::now;
use crate::app::create::infra;
use crate::app::error::AppError;
use crate::domain::goal::GoalStatus;
use crate::domain::ids::GoalId;
use crate::domain::view::{GarbageOfGoal, GarbageReport, GoalSummary};
use crate::store::error::StoreError;
use crate::store::lock::{GoalLock, this_process};

/// The unit in which the system counts what a file takes, whatever the file system's own blocks are.
const BLOCK: u64 = 512;
/// What a goal at rest can do without, beside the journal, the evidence and the derived files.
const WORKING: [&str; 5] = ["worktrees", "repo.git", "repo.git.making", "gates", "tasks"];

impl Omk {
    /// Removes what no goal needs, of goals at rest for at least `older_than_ms`. One whose process died is not at rest.
    pub fn collect_garbage(&self, older_than_ms: u64, dry_run: bool) -> Result<GarbageReport, AppError> {
        let now = now();
        let mut report = GarbageReport { goals: Vec::new(), dry_run };
        for goal in self.list()?.goals {
            let old_enough = now.since(goal.updated) >= older_than_ms;
            if goal.status != GoalStatus::Running
                && old_enough
                && let Some(garbage) = self.collect(&goal, dry_run)?
            {
                report.goals.push(garbage);
            }
        }
        Ok(report)
    }

    fn collect(&self, goal: &GoalSummary, dry_run: bool) -> Result<Option<GarbageOfGoal>, AppError> {
        let dir = self.state.goal(&goal.id);
        let lock = match GoalLock::acquire(dir.clone(), &this_process()) {
            Ok(lock) => lock,
            Err(StoreError::Locked { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let there = match goal.status.is_final() {
            true => WORKING.map(|name| dir.path().join(name)).into_iter().filter(|path| path.exists()).collect(),
            false => warm::unwanted(&dir.gates(), Wanted::Nothing),
        };
        if there.is_empty() {
            return Ok(None);
        }
        let mut seen = BTreeSet::new();
        let bytes = there.iter().map(|path| size_of(path, &mut seen)).sum();
        if !dry_run && goal.status.is_final() {
            self.release(&goal.id, goal.status)?;
        }
        if !dry_run {
            there.iter().try_for_each(|path| removed(path))?;
        }
        drop(lock);
        let name = |path: PathBuf| path.strip_prefix(dir.path()).unwrap_or(&path).display().to_string();
        Ok(Some(GarbageOfGoal { id: goal.id.clone(), removed: there.into_iter().map(name).collect(), bytes }))
    }

    /// Delivered branches of a `ready` goal are the user's and stay.
    fn release(&self, id: &GoalId, status: GoalStatus) -> Result<(), AppError> {
        let state = self.state_of(id, None)?;
        let Some(charter) = &state.goal.charter else { return Ok(()) };
        let directory = self.state.goal(id).path().to_owned();
        let branches = match status {
            GoalStatus::Cancelled => state.goal.branches.clone(),
            _ => Vec::new(),
        };
        let order = Release { goal: id.clone(), directory, git_dir: charter.repository.git_dir.clone(), branches };
        release(&order).map(drop).map_err(|fault| infra(fault.to_string()))
    }
}

fn removed(path: &Path) -> Result<(), AppError> {
    remove_tree(path).map_err(|error| infra(format!("{} was not removed: {error}", path.display())))
}

/// The bytes of the disk that a path and all below it take, directories included, as `du` counts them: whole blocks,
/// and a file of several names once (`seen`). What cannot be read counts nothing.
fn size_of(path: &Path, seen: &mut BTreeSet<(u64, u64)>) -> u64 {
    let Ok(meta) = std::fs::symlink_metadata(path) else { return 0 };
    if !meta.is_dir() && meta.nlink() > 1 && !seen.insert((meta.dev(), meta.ino())) {
        return 0;
    }
    let entries = meta.is_dir().then(|| std::fs::read_dir(path).into_iter().flatten().flatten());
    let below: u64 = entries.into_iter().flatten().map(|entry| size_of(&entry.path(), seen)).sum();
    meta.blocks() * BLOCK + below
}
