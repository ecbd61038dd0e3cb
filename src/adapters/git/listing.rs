//! A tree, flattened: every path with what stands there.
//!
//! Invariant: the entries are sorted by the bytes of their paths, no path occurs twice, and every component is safe to
//! write to a disk. A tree that says otherwise is refused when it is read.

use git2::{Oid, Repository};

use super::leaf::Leaf;
use super::names;
use super::objects::{fault, shown, tree};
use crate::domain::order::Fault;

/// The deepest directory that is followed, here and in worktrees.
pub(super) const DEEPEST: usize = 256;

/// A path and what stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The path from the root, components joined by `/`.
    pub(super) path: Box<[u8]>,
    /// What it is.
    pub(super) leaf: Leaf,
}

/// All paths of a tree.
pub(super) struct Listing {
    entries: Vec<Entry>,
}

impl Listing {
    /// Reads a tree and all below it.
    pub(super) fn read(repo: &Repository, root: Oid) -> Result<Self, Fault> {
        let mut entries = Vec::new();
        gather(repo, root, &mut Vec::new(), &mut entries)?;
        if !entries.is_sorted_by(|a, b| a.path < b.path) {
            return Err(fault(format!("read the tree {root}"), "its entries are not sorted, or one occurs twice"));
        }
        Ok(Self { entries })
    }

    /// The entries, sorted by path.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The place of a path among the entries.
    pub(super) fn position(&self, path: &[u8]) -> Option<usize> {
        self.entries.binary_search_by(|entry| entry.path.as_ref().cmp(path)).ok()
    }

    /// Whether anything lies below a directory.
    pub(super) fn holds_below(&self, directory: &[u8]) -> bool {
        let mut prefix = directory.to_vec();
        prefix.push(b'/');
        let next = self.entries.partition_point(|entry| entry.path.as_ref() < prefix.as_slice());
        self.entries.get(next).is_some_and(|entry| entry.path.starts_with(&prefix))
    }
}

fn gather(repo: &Repository, id: Oid, prefix: &mut Vec<u8>, into: &mut Vec<Entry>) -> Result<(), Fault> {
    if prefix.iter().filter(|&&b| b == b'/').count() > DEEPEST {
        return Err(fault(format!("read the tree {id}"), format!("it is nested deeper than {DEEPEST} directories")));
    }
    let length = prefix.len();
    for entry in tree(repo, id)?.iter() {
        prefix.extend_from_slice(entry.name_bytes());
        if let Some(problem) = names::unwritable(entry.name_bytes()) {
            return Err(fault(format!("read the tree {id}"), format!("its path `{}` {problem}", shown(prefix))));
        }
        match Leaf::of(&entry) {
            Some(leaf) => into.push(Entry { path: prefix.as_slice().into(), leaf }),
            None => {
                prefix.push(b'/');
                gather(repo, entry.id(), prefix, into)?;
            }
        }
        prefix.truncate(length);
    }
    Ok(())
}
