//! What an attempt left, as a commit: the worktree by content, whatever its own index says.

use std::sync::Arc;

use git2::{Oid, Repository};

use super::intake::Intake;
use super::objects::{commit_id, commit_oid, failed, tree_id, tree_of_commit};
use super::shared::Shared;
use super::walk::{Walker, Yardstick};
use super::{bare_shape, checkout, edit, submodules, worktree};
use crate::domain::order::{CaptureOrder, Captured, Fault};
use crate::domain::task::Capture;

impl Shared {
    /// Captures a worktree, durably. Nothing is committed if something cannot be captured, if something was changed that
    /// the slice may not change, or if nothing differs.
    pub(super) fn capture(&self, repo: &Repository, order: &CaptureOrder) -> Result<Captured, Fault> {
        let start = commit_oid(&order.start)?;
        let start_tree = tree_of_commit(repo, start)?;
        let base = self.ground(repo, start_tree)?;
        let directory = worktree::checked(&self.place, &order.worktree)?;
        let root = checkout::open_directory(&directory)
            .map_err(failed(format!("open the worktree {}", directory.display())))?;
        let written = self.snapshots.of(&directory);
        let yardstick = Yardstick {
            start: &base.listing,
            written: written.as_deref(),
            rules: &base.rules,
            access: &order.access,
            limits: order.limits,
        };
        let intake = Intake::new(repo.odb().map_err(failed("open the object store"))?, &self.abandon);
        let found = Walker::new(yardstick, intake).walk(&root)?;
        let checkout = self.checkout.changed_since(&directory);
        let mut refused = found.refused;
        refused.extend(bare_shape::refused(&base.listing, &found.edits));
        refused.extend(submodules::refused(repo, self.program.as_ref(), &base.listing, &found.edits)?);
        refused.sort_by(|a, b| a.path.cmp(&b.path));
        if !refused.is_empty() || !found.outside.is_empty() || found.edits.is_empty() {
            return Ok(Captured { capture: None, refused, outside: found.outside, checkout });
        }
        let tree = edit::apply(repo, start_tree, &found.edits)?;
        let commit = self.commit(repo, tree, &[start], (&order.message, order.at))?;
        let change = self.change(repo, start, commit)?;
        self.durable.make(repo, commit_oid(self.place.base())?, &[commit])?;
        let capture = Capture {
            start: order.start.clone(),
            tree: tree_id(tree),
            commit: commit_id(commit),
            paths: change.files.iter().map(|file| file.path.clone()).collect(),
            added: change.added(),
            removed: change.removed(),
            ignored: found.ignored,
        };
        Ok(Captured { capture: Some(capture), refused: Vec::new(), outside: Vec::new(), checkout })
    }

    /// Commits a tree by the goal's identity, with a message and a moment.
    pub(super) fn commit(
        &self,
        repo: &Repository,
        tree: Oid,
        parents: &[Oid],
        (message, at): (&str, crate::domain::ids::Timestamp),
    ) -> Result<Oid, Fault> {
        let what = || format!("commit the tree {tree}");
        let (author, committer) = self.author.sign(at)?;
        let tree = super::objects::tree(repo, tree)?;
        let parents: Result<Vec<_>, _> = parents.iter().map(|&id| repo.find_commit(id)).collect();
        let parents = parents.map_err(failed(what()))?;
        let parents: Vec<_> = parents.iter().collect();
        repo.commit(None, &author, &committer, message, &tree, &parents).map_err(failed(what()))
    }

    /// What walks through worktrees that start at a tree compare with, read once.
    fn ground(&self, repo: &Repository, tree: Oid) -> Result<Arc<super::shared::Ground>, Fault> {
        self.grounds.fetch(&tree, || super::shared::Ground::read(repo, self.listing(repo, tree)?))
    }
}
