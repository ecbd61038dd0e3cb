//! Reading a repository without a goal at work on it: what commands show, and what a proof is checked against.

use std::collections::BTreeMap;
use std::path::Path;

use git2::{DiffFormat, DiffOptions, ObjectType, Repository};

use super::abandon::Abandon;
use super::change;
use super::history;
use super::objects::{commit_oid, failed, tree_id, tree_of_commit, tree_oid};
use super::open;
use crate::domain::change::Change;
use crate::domain::ids::{CommitId, TreeId};
use crate::domain::order::Fault;

/// A repository, opened only to be read.
pub struct Look {
    repo: Repository,
}

/// The root of a tree: the names of its entries, and the text of the files that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Root {
    /// The names, directories without a slash.
    pub entries: Vec<String>,
    /// File texts by name.
    pub texts: BTreeMap<String, String>,
}

impl Look {
    /// Opens a git directory.
    pub fn at(git_dir: &Path) -> Result<Self, Fault> {
        let repo = open::open(git_dir).map_err(failed(format!("open the repository {}", git_dir.display())))?;
        Ok(Self { repo })
    }

    /// The root of a tree, with the text of those files of `wanted` that it has.
    pub fn root(&self, tree: &TreeId, wanted: &[&str]) -> Result<Root, Fault> {
        const WHAT: &str = "read the base's root";
        let tree = self.repo.find_tree(tree_oid(tree)?).map_err(failed(WHAT))?;
        let mut root = Root::default();
        for entry in &tree {
            let Ok(name) = std::str::from_utf8(entry.name_bytes()) else { continue };
            root.entries.push(name.to_owned());
            if wanted.contains(&name) && entry.kind() == Some(ObjectType::Blob) {
                let blob = self.repo.find_blob(entry.id()).map_err(failed(WHAT))?;
                root.texts.insert(name.to_owned(), String::from_utf8_lossy(blob.content()).into_owned());
            }
        }
        Ok(root)
    }

    /// Whether the repository has a commit.
    pub fn has(&self, commit: &CommitId) -> bool {
        commit_oid(commit).is_ok_and(|id| self.repo.find_commit(id).is_ok())
    }

    /// The tree of a commit.
    pub fn tree_of(&self, commit: &CommitId) -> Result<TreeId, Fault> {
        tree_of_commit(&self.repo, commit_oid(commit)?).map(tree_id)
    }

    /// Which of `commits` cannot be reached from `head`; history is walked down to `base` first.
    pub fn unreachable(&self, base: &CommitId, head: &CommitId, commits: &[CommitId]) -> Result<Vec<CommitId>, Fault> {
        history::unreachable(&self.repo, base, head, commits)
    }

    /// The commit that a branch names; `None` where there is no such branch.
    pub fn branch(&self, name: &str) -> Option<CommitId> {
        let reference = self.repo.find_reference(&format!("refs/heads/{name}")).ok()?;
        CommitId::parse(&reference.target()?.to_string()).ok()
    }

    /// Whether a branch holds a commit made after `base`; not if there is no such branch.
    pub fn is_on_branch(&self, branch: &str, base: &CommitId, commit: &CommitId) -> Result<bool, Fault> {
        history::is_on_branch(&self.repo, branch, base, commit)
    }

    /// What changed between two commits, line by line.
    pub fn change(&self, from: &CommitId, to: &CommitId) -> Result<Change, Fault> {
        change::between(&self.repo, commit_oid(from)?, commit_oid(to)?, &Abandon::default())
    }

    /// The same as a unified patch with three lines of context.
    pub fn patch(&self, from: &CommitId, to: &CommitId) -> Result<String, Fault> {
        const WHAT: &str = "compare two commits";
        let tree = |commit| {
            let id = tree_of_commit(&self.repo, commit_oid(commit)?)?;
            self.repo.find_tree(id).map_err(failed(WHAT))
        };
        let mut options = DiffOptions::new();
        let diff = self.repo.diff_tree_to_tree(Some(&tree(from)?), Some(&tree(to)?), Some(&mut options));
        let mut text = Vec::new();
        let print = |_: git2::DiffDelta<'_>, _: Option<git2::DiffHunk<'_>>, line: git2::DiffLine<'_>| {
            if let '+' | '-' | ' ' = line.origin() {
                text.push(line.origin() as u8);
            }
            text.extend_from_slice(line.content());
            true
        };
        diff.map_err(failed(WHAT))?.print(DiffFormat::Patch, print).map_err(failed(WHAT))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}
