//! Merging slices one after the other, without a checkout.
//!
//! A slice whose changed paths do not meet those that changed since its start is spliced in: its entries replace those
//! of the tip, and nothing else is read. A real overlap goes to the git program. What changed since a start is diffed
//! once and then kept up with each merge. All merges of a call are made durable together.

use std::collections::HashMap;

use git2::{Oid, Repository};

use super::bare_shape;
use super::edit::{self, Edits};
use super::merge_program::{self, MergedTree, ThreeTrees};
use super::objects::{commit_id, commit_oid, failed, tree_id, tree_of_commit, tree_oid};
use super::overlap::ChangedPaths;
use super::shared::Shared;
use super::tree_diff::{self, Differences};
use crate::domain::ids::{CommitId, Timestamp};
use crate::domain::order::{ConflictPath, Fault, MergeInput, Merged};

/// The state of a run of merges.
struct Queue<'a> {
    shared: &'a Shared,
    repo: &'a Repository,
    at: Timestamp,
    tip: Oid,
    tip_tree: Oid,
    /// By a start's tree: what has changed from it to the tip.
    since: HashMap<Oid, ChangedPaths>,
}

impl Shared {
    /// Merges slices in order, durably; see [`crate::ports::Workspace::merge`].
    pub(super) fn merge(
        &self,
        repo: &Repository,
        onto: &CommitId,
        inputs: &[MergeInput],
        at: Timestamp,
    ) -> Result<Vec<Merged>, Fault> {
        let tip = commit_oid(onto)?;
        let tip_tree = tree_of_commit(repo, tip)?;
        let mut queue = Queue { shared: self, repo, at, tip, tip_tree, since: HashMap::new() };
        let merged = inputs.iter().map(|input| queue.add(input)).collect::<Result<Vec<_>, _>>()?;
        self.durable.make(repo, commit_oid(self.place.base())?, &[queue.tip])?;
        Ok(merged)
    }
}

impl Queue<'_> {
    fn add(&mut self, input: &MergeInput) -> Result<Merged, Fault> {
        self.shared.abandon.check().map_err(failed("merge a slice"))?;
        let base = tree_of_commit(self.repo, commit_oid(&input.capture.start)?)?;
        let theirs = tree_oid(&input.capture.tree)?;
        let incoming = tree_diff::compare(self.repo, base, theirs)?;
        if !self.meets(base, &incoming)? {
            let edits: Edits = incoming.iter().map(|(path, difference)| (path.clone(), difference.after)).collect();
            let tree = edit::apply(self.repo, self.tip_tree, &edits)?;
            return self.advance(tree, &incoming, input);
        }
        let trees = ThreeTrees { base, ours: self.tip_tree, theirs };
        let room = self.shared.place.directory();
        match merge_program::merge(self.repo, self.shared.program.as_ref(), room, trees)? {
            MergedTree::Conflict(paths) => Ok(self.conflict(paths)),
            MergedTree::Clean(tree) => {
                // A rename that was followed changes more than the slice did.
                let changed = tree_diff::compare(self.repo, self.tip_tree, tree)?;
                self.advance(tree, &changed, input)
            }
        }
    }

    /// Whether a change meets what has changed between its start and the tip.
    fn meets(&mut self, base: Oid, incoming: &Differences) -> Result<bool, Fault> {
        if !self.since.contains_key(&base) {
            let mut changed = ChangedPaths::default();
            changed.extend(tree_diff::compare(self.repo, base, self.tip_tree)?.keys());
            self.since.insert(base, changed);
        }
        Ok(self.since.get(&base).is_some_and(|changed| incoming.keys().any(|path| changed.meets(path))))
    }

    /// Makes the merge commit the tip. What would be a repository of its own is a conflict.
    fn advance(&mut self, tree: Oid, changed: &Differences, input: &MergeInput) -> Result<Merged, Fault> {
        if let Some(path) = bare_shape::merged(self.repo, changed, (self.tip_tree, tree))? {
            return Ok(self.conflict(vec![ConflictPath { path, base: None, ours: None, theirs: None }]));
        }
        let parents = [self.tip, commit_oid(&input.capture.commit)?];
        let merge = self.shared.commit(self.repo, tree, &parents, (&input.message, self.at))?;
        for since in self.since.values_mut() {
            since.extend(changed.keys());
        }
        (self.tip, self.tip_tree) = (merge, tree);
        Ok(Merged::Clean { merge: commit_id(merge), tree: tree_id(tree) })
    }

    fn conflict(&self, paths: Vec<ConflictPath>) -> Merged {
        Merged::Conflict { onto: commit_id(self.tip), paths }
    }
}
