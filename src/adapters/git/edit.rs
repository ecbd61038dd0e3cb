//! Trees made from trees: a set of changed paths applied to a root, rewriting only the directories on their way.

use std::collections::BTreeMap;

use git2::{Oid, Repository};

use super::leaf::Leaf;
use super::objects::{failed, shown, tree};
use crate::domain::order::Fault;

/// What is to stand at each path; `None` where nothing is.
pub(super) type Edits = BTreeMap<Vec<u8>, Option<Leaf>>;

/// One edit on its way down: what is left of its path, and what is to stand there.
type Step<'a> = (&'a [u8], Option<Leaf>);

/// Writes the tree that `root` becomes by `edits`. A path that is set replaces what stood there, directories included;
/// directories that become empty are gone.
pub(super) fn apply(repo: &Repository, root: Oid, edits: &Edits) -> Result<Oid, Fault> {
    let steps: Vec<Step<'_>> = edits.iter().map(|(path, leaf)| (path.as_slice(), *leaf)).collect();
    match rewrite(repo, Some(root), &steps)? {
        Some(tree) => Ok(tree),
        None => empty(repo),
    }
}

fn empty(repo: &Repository) -> Result<Oid, Fault> {
    let builder = repo.treebuilder(None).map_err(failed("make an empty tree"))?;
    builder.write().map_err(failed("write an empty tree"))
}

/// Rewrites one directory; `None` where nothing is left in it. The steps are sorted, so that those of one child follow
/// each other, except that `a`, `a-b`, `a/c` come in this order: children are gathered first.
fn rewrite(repo: &Repository, old: Option<Oid>, steps: &[Step<'_>]) -> Result<Option<Oid>, Fault> {
    let old = old.map(|id| tree(repo, id)).transpose()?;
    let mut builder = repo.treebuilder(old.as_ref()).map_err(failed("rewrite a tree"))?;
    for (name, child) in children(steps) {
        let what = || format!("write the tree entry `{}`", shown(name));
        let before = old.as_ref().and_then(|tree| tree.get_name_bytes(name));
        let below = before.as_ref().filter(|entry| entry.kind() == Some(git2::ObjectType::Tree)).map(|e| e.id());
        let directory = match (child.leaf, child.below.is_empty()) {
            (Some(_), _) | (None, true) => None,
            (None, false) => rewrite(repo, below, &child.below)?,
        };
        match (child.leaf, directory) {
            (Some(leaf), _) => drop(builder.insert(name, leaf.id, leaf.mode()).map_err(failed(what()))?),
            (None, Some(id)) => drop(builder.insert(name, id, 0o040_000).map_err(failed(what()))?),
            (None, None) if before.is_some() => builder.remove(name).map_err(failed(what()))?,
            (None, None) => {}
        }
    }
    if builder.is_empty() {
        return Ok(None);
    }
    builder.write().map(Some).map_err(failed("write a tree"))
}

/// What happens to one entry of a directory.
#[derive(Default)]
struct Child<'a> {
    leaf: Option<Leaf>,
    below: Vec<Step<'a>>,
}

fn children<'a>(steps: &[Step<'a>]) -> BTreeMap<&'a [u8], Child<'a>> {
    let mut children: BTreeMap<&[u8], Child<'_>> = BTreeMap::new();
    for &(path, leaf) in steps {
        match path.iter().position(|&b| b == b'/') {
            None => children.entry(path).or_default().leaf = leaf,
            Some(at) => children.entry(&path[..at]).or_default().below.push((&path[at + 1..], leaf)),
        }
    }
    children
}
