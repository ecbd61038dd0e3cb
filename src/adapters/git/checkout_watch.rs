//! Whether the user's own checkout changed while an attempt was under way.
//!
//! An agent that uses absolute paths can work in the wrong place. The checkout is compared with HEAD before and after the
//! attempt, by libgit2, which runs nothing. Never writes there. The user may have made the changes too: this room only
//! says what changed.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use git2::{Repository, Status, StatusOptions};

use super::objects::shown;
use super::recent::held;

/// Above so many files in the index a checkout is not looked at: an attempt would wait seconds for it.
const MOST_FILES: usize = 50_000;
/// How many changed paths are named.
const NAMED: usize = 20;

/// What differs from HEAD, each with what tells its content from another: status, size, times, inode.
type Look = BTreeMap<Vec<u8>, State>;
type State = (u32, Option<(u64, i64, i64, i64, i64, u64)>);

/// Looks at one checkout before and after attempts.
pub(super) struct CheckoutWatch {
    root: PathBuf,
    before: Mutex<HashMap<PathBuf, Look>>,
}

impl CheckoutWatch {
    /// Nothing looked at yet. `root` is the user's checkout.
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf(), before: Mutex::default() }
    }

    /// Remembers how the checkout looks before the attempt in this worktree.
    pub(super) fn begin(&self, worktree: &Path) {
        let look = self.look();
        let mut before = held(&self.before);
        match look {
            Some(look) => drop(before.insert(worktree.to_path_buf(), look)),
            None => drop(before.remove(worktree)),
        }
    }

    /// The paths that look different since the attempt in this worktree began: absolute, bounded. None where it is not
    /// known how they looked.
    pub(super) fn changed_since(&self, worktree: &Path) -> Vec<String> {
        let Some(before) = held(&self.before).get(worktree).cloned() else { return Vec::new() };
        let Some(now) = self.look() else { return Vec::new() };
        // A file that the user keeps there untracked, such as the log of this run, changes by itself.
        let is_new = |look: Option<&State>| look.is_some_and(|(status, _)| *status == Status::WT_NEW.bits());
        let differs = |path: &&Vec<u8>| {
            let (before, now) = (before.get(*path), now.get(*path));
            before != now && !(is_new(before) && is_new(now))
        };
        let mut paths: Vec<&Vec<u8>> = before.keys().chain(now.keys()).filter(differs).collect();
        paths.sort();
        paths.dedup();
        paths.iter().take(NAMED).map(|path| self.root.join(shown(path)).display().to_string()).collect()
    }

    /// Forgets an attempt.
    pub(super) fn end(&self, worktree: &Path) {
        held(&self.before).remove(worktree);
    }

    fn look(&self) -> Option<Look> {
        let repo = Repository::open(&self.root).ok()?;
        if repo.index().ok()?.len() > MOST_FILES {
            return None;
        }
        let mut options = StatusOptions::new();
        options.include_untracked(true).recurse_untracked_dirs(false).exclude_submodules(true).update_index(false);
        let statuses = repo.statuses(Some(&mut options)).ok()?;
        let entries = statuses.iter().map(|entry| {
            let path = entry.path_bytes().to_vec();
            let stat = fs::symlink_metadata(self.root.join(std::ffi::OsStr::from_bytes(&path))).ok();
            let stat = stat.map(|m| (m.size(), m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec(), m.ino()));
            (path, (entry.status().bits(), stat))
        });
        Some(entries.collect())
    }
}
