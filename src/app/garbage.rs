//! Removing what no goal needs: worktrees, private repositories, build directories, the ref that kept a base; of goals
//! that may go on only what their next run makes anew by itself.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::adapters::gate::warm::{self, Wanted};
use crate::adapters::git::private::{Release, release};
use crate::adapters::removal::remove_tree;
use crate::adapters::remover::{SET_ASIDE, UNREMOVABLE, is_anything_set_aside, remove_set_aside};
use crate::app::Omk;
use crate::app::clock::now;
use crate::app::create::infra;
use crate::app::error::AppError;
use crate::app::scope::Scope;
use crate::domain::goal::GoalStatus;
use crate::domain::ids::GoalId;
use crate::domain::view::{GarbageOfGoal, GarbageReport, GoalSummary};
use crate::store::error::StoreError;
use crate::store::layout::GoalDir;
use crate::store::lock::{GoalLock, Occupation, occupation, this_process};

/// The unit in which the system counts what a file takes, whatever the file system's own blocks are.
const BLOCK: u64 = 512;
/// What a goal at rest can do without, beside the journal, the evidence and the derived files.
const WORKING: [&str; 7] = ["worktrees", "repo.git", "repo.git.making", UNREMOVABLE, SET_ASIDE, "gates", "tasks"];
/// Where it goes first: whoever takes the goal up meanwhile meets nothing that is half gone.
const GARBAGE: &str = "garbage";

impl Omk {
    /// Removes what no goal of a scope needs, of goals at rest for at least `older_than_ms`. One whose process died is not at rest.
    /// What cannot be removed of one goal is said, and keeps no other from it.
    pub fn collect_garbage(&self, scope: &Scope, older_than_ms: u64, dry_run: bool) -> Result<GarbageReport, AppError> {
        let now = now();
        let mut report = GarbageReport { goals: Vec::new(), dry_run, problems: Vec::new() };
        for goal in self.list(scope)?.goals {
            if goal.status == GoalStatus::Running || now.since(goal.updated) < older_than_ms {
                continue;
            }
            let mut problems = |problem: String| report.problems.push(format!("{}: {problem}", goal.id));
            match self.collect(&goal, dry_run, &mut problems) {
                Ok(garbage) => report.goals.extend(garbage),
                Err(error) => problems(error.to_string()),
            }
        }
        Ok(report)
    }

    /// Takes the goal's lock for an instant only: nobody who wants the goal is to wait for a removal.
    fn collect(
        &self,
        goal: &GoalSummary,
        dry_run: bool,
        problems: &mut dyn FnMut(String),
    ) -> Result<Option<GarbageOfGoal>, AppError> {
        let dir = self.state.goal(&goal.id);
        let there = unneeded(&dir, goal.status);
        if there.is_empty() || occupation(&dir)? != Occupation::Free {
            return Ok(None);
        }
        let mut seen = BTreeSet::new();
        let bytes = there.iter().map(|path| size_of(path, &mut seen)).sum();
        if !dry_run && !self.throw_away(goal)? {
            return Ok(None);
        }
        if !dry_run {
            let garbage = [dir.path().join(GARBAGE), dir.path().join(UNREMOVABLE)];
            let removed = garbage.iter().filter(|_| goal.status.is_final()).map(|path| remove_tree(path));
            let aside = [warm::remove_aside(&dir.gates()), remove_set_aside(dir.path())];
            let failed = removed.chain(aside).filter_map(Result::err);
            failed.for_each(|error| problems(format!("something was not removed: {error}")));
        }
        let name = |path: PathBuf| path.strip_prefix(dir.path()).unwrap_or(&path).display().to_string();
        Ok(Some(GarbageOfGoal { id: goal.id.clone(), removed: there.into_iter().map(name).collect(), bytes }))
    }

    /// Takes from a goal what it does not need, all in an instant; `false` where it has gone on meanwhile.
    fn throw_away(&self, goal: &GoalSummary) -> Result<bool, AppError> {
        let dir = self.state.goal(&goal.id);
        let _lock = match GoalLock::acquire(dir.clone(), &this_process()) {
            Ok(lock) => lock,
            Err(StoreError::Locked { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        if self.view(&goal.id, None)?.status != goal.status {
            return Ok(false);
        }
        if !goal.status.is_final() {
            warm::set_aside(&dir.gates(), Wanted::Nothing).map_err(|error| infra(error.to_string()))?;
            return Ok(true);
        }
        self.release(&goal.id, goal.status)?;
        let garbage = dir.path().join(GARBAGE);
        for (path, name) in WORKING.map(|name| (dir.path().join(name), name)) {
            if name != UNREMOVABLE && path.exists() {
                put_into(&garbage, &path, name).map_err(|error| infra(format!("{}: {error}", path.display())))?;
            }
        }
        Ok(true)
    }

    /// Delivered branches of a `ready` goal are the user's and stay.
    fn release(&self, id: &GoalId, status: GoalStatus) -> Result<(), AppError> {
        let state = self.state_of(id, None)?;
        let Some(charter) = &state.goal.charter else { return Ok(()) };
        let branches = match status {
            GoalStatus::Cancelled => state.goal.branches.clone(),
            _ => Vec::new(),
        };
        let order = Release { goal: id.clone(), git_dir: charter.repository.git_dir.clone(), branches };
        release(&order).map(drop).map_err(|fault| infra(fault.to_string()))
    }
}

/// The places of a goal that it does not need as it stands.
fn unneeded(dir: &GoalDir, status: GoalStatus) -> Vec<PathBuf> {
    let all = WORKING.iter().chain([&GARBAGE]).map(|name| dir.path().join(name));
    match status.is_final() {
        true => all.filter(|path| path.exists()).collect(),
        false => {
            let aside = dir.path().join(SET_ASIDE);
            let aside = is_anything_set_aside(dir.path()).then_some(aside);
            warm::unwanted(&dir.gates(), Wanted::Nothing).into_iter().chain(aside).collect()
        }
    }
}

/// Moves a path to a free name in a directory.
fn put_into(directory: &Path, path: &Path, name: &str) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)?;
    let free = (1_u32..).map(|number| directory.join(format!("{name}.{number}"))).find(|place| !place.exists());
    free.map_or(Ok(()), |place| std::fs::rename(path, place))
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
