//! What can be reached, and what is whole.

use std::collections::HashSet;

use git2::{ObjectType, Oid, Repository};

use super::leaf::Leaf;
use super::objects::{commit_id, commit_oid, failed};
use crate::domain::change::EntryKind;
use crate::domain::ids::CommitId;
use crate::ports::Fault;

/// Which of `commits` cannot be reached from `head`, in their order. History is walked down to `base` first, and
/// below it only for what was not found above.
pub(super) fn unreachable(
    repo: &Repository,
    base: &CommitId,
    head: &CommitId,
    commits: &[CommitId],
) -> Result<Vec<CommitId>, Fault> {
    let what = || format!("walk the history of {head}");
    let (base, head) = (commit_oid(base)?, commit_oid(head)?);
    let mut walk = repo.revwalk().map_err(failed(what()))?;
    walk.push(head).and_then(|()| walk.hide(base)).map_err(failed(what()))?;
    let above: HashSet<Oid> = walk.collect::<Result<_, _>>().map_err(failed(what()))?;
    let mut lost = Vec::new();
    for commit in commits {
        let id = commit_oid(commit)?;
        if !above.contains(&id) && !is_ancestor(repo, id, head).map_err(failed(what()))? {
            lost.push(commit.clone());
        }
    }
    Ok(lost)
}

fn is_ancestor(repo: &Repository, commit: Oid, head: Oid) -> Result<bool, git2::Error> {
    let exists = repo.odb()?.exists(commit);
    Ok(exists && (commit == head || repo.graph_descendant_of(head, commit)?))
}

/// Which of `commits` lack an object of their tree, or are not there at all, in their order.
pub(super) fn broken(repo: &Repository, commits: &[CommitId]) -> Result<Vec<CommitId>, Fault> {
    let mut whole = HashSet::new();
    let mut lost = Vec::new();
    for commit in commits {
        let id = commit_oid(commit)?;
        let tree = repo.find_commit(id).map(|commit| commit.tree_id());
        if !tree.is_ok_and(|tree| is_whole(repo, tree, &mut whole)) {
            lost.push(commit_id(id));
        }
    }
    Ok(lost)
}

fn is_whole(repo: &Repository, tree: Oid, known: &mut HashSet<Oid>) -> bool {
    if known.contains(&tree) {
        return true;
    }
    let (Ok(found), Ok(odb)) = (repo.find_tree(tree), repo.odb()) else { return false };
    let whole = found.iter().all(|entry| match Leaf::of(&entry) {
        None => entry.kind() == Some(ObjectType::Tree) && is_whole(repo, entry.id(), known),
        Some(leaf) if leaf.kind == EntryKind::Gitlink => true,
        Some(leaf) => known.contains(&leaf.id) || (odb.exists(leaf.id) && known.insert(leaf.id)),
    });
    whole && (known.insert(tree) || known.contains(&tree))
}
