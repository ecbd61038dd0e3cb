//! Which paths differ between two trees, by ids alone: subtrees that are equal are not read.

use std::collections::BTreeMap;

use git2::{Oid, Repository, Tree, TreeEntry};

use super::leaf::Leaf;
use super::objects::tree;
use crate::domain::order::Fault;

/// What stands at a path on either side; never the same on both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    /// In the first tree.
    pub(super) before: Option<Leaf>,
    /// In the second tree.
    pub(super) after: Option<Leaf>,
}

/// The paths that differ, in order.
pub(super) type Differences = BTreeMap<Vec<u8>, Difference>;

/// Compares two trees. A file that becomes a directory shows as the file gone and the directory's files new.
pub(super) fn compare(repo: &Repository, from: Oid, to: Oid) -> Result<Differences, Fault> {
    let mut found = Differences::new();
    descend(repo, &mut Vec::new(), (Some(from), Some(to)), &mut found)?;
    Ok(found)
}

type Sides<T> = (Option<T>, Option<T>);

fn descend(repo: &Repository, prefix: &mut Vec<u8>, ids: Sides<Oid>, found: &mut Differences) -> Result<(), Fault> {
    if ids.0 == ids.1 {
        return Ok(());
    }
    let before = ids.0.map(|id| tree(repo, id)).transpose()?;
    let after = ids.1.map(|id| tree(repo, id)).transpose()?;
    let length = prefix.len();
    for (name, sides) in joined(before.as_ref(), after.as_ref()) {
        prefix.extend_from_slice(&name);
        note(prefix, &sides, found);
        prefix.push(b'/');
        descend(repo, prefix, (subtree(sides.0.as_ref()), subtree(sides.1.as_ref())), found)?;
        prefix.truncate(length);
    }
    Ok(())
}

fn note(path: &[u8], sides: &Sides<TreeEntry<'_>>, found: &mut Differences) {
    let before = sides.0.as_ref().and_then(Leaf::of);
    let after = sides.1.as_ref().and_then(Leaf::of);
    if before != after {
        found.insert(path.to_vec(), Difference { before, after });
    }
}

fn subtree(entry: Option<&TreeEntry<'_>>) -> Option<Oid> {
    entry.filter(|entry| Leaf::of(entry).is_none()).map(TreeEntry::id)
}

/// The entries of two trees by name, those that are the same on both sides left out.
fn joined<'t>(before: Option<&'t Tree<'_>>, after: Option<&'t Tree<'_>>) -> Vec<(Vec<u8>, Sides<TreeEntry<'t>>)> {
    let mut pairs = Vec::new();
    for entry in before.iter().flat_map(|tree| tree.iter()) {
        let other = after.and_then(|tree| tree.get_name_bytes(entry.name_bytes()));
        if !other.as_ref().is_some_and(|other| same(&entry, other)) {
            pairs.push((entry.name_bytes().to_vec(), (Some(entry), other)));
        }
    }
    for entry in after.iter().flat_map(|tree| tree.iter()) {
        if before.is_none_or(|tree| tree.get_name_bytes(entry.name_bytes()).is_none()) {
            pairs.push((entry.name_bytes().to_vec(), (None, Some(entry))));
        }
    }
    pairs
}

fn same(a: &TreeEntry<'_>, b: &TreeEntry<'_>) -> bool {
    a.id() == b.id() && a.filemode_raw() == b.filemode_raw()
}
