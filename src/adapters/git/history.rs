//! What can be reached, and what is whole.

use std::collections::HashSet;

use git2::{ErrorCode, ObjectType, Oid, Repository};

use super::leaf::Leaf;
use super::objects::{commit_id, commit_oid, failed};
use crate::domain::change::EntryKind;
use crate::domain::ids::CommitId;
use crate::domain::order::Fault;

/// The commits that `tips` reach, themselves included, without those that `stop` names and what only they reach.
///
/// Parents are read from the commits, because libgit2's own walk does not know where a shallow clone ends.
pub(super) fn reached(repo: &Repository, tips: &[Oid], stop: impl Fn(Oid) -> bool) -> Result<HashSet<Oid>, Fault> {
    let mut seen = HashSet::new();
    let mut open: Vec<Oid> = tips.to_vec();
    while let Some(id) = open.pop() {
        if stop(id) || !seen.insert(id) {
            continue;
        }
        let commit = repo.find_commit(id).map_err(failed(format!("read the commit {id}")))?;
        open.extend(commit.parent_ids());
    }
    Ok(seen)
}

/// Which of `commits` cannot be reached from `head`, in their order. History is walked down to `base` first, and
/// below it only for what was not found above.
pub(super) fn unreachable(
    repo: &Repository,
    base: &CommitId,
    head: &CommitId,
    commits: &[CommitId],
) -> Result<Vec<CommitId>, Fault> {
    let (base, head) = (commit_oid(base)?, commit_oid(head)?);
    let above = reached(repo, &[head], |id| id == base)?;
    let mut lost = Vec::new();
    for commit in commits {
        if !above.contains(&commit_oid(commit)?) {
            lost.push(commit.clone());
        }
    }
    if lost.is_empty() {
        return Ok(lost);
    }
    let all = reached(repo, &[head], |_| false)?;
    lost.retain(|commit| !commit_oid(commit).is_ok_and(|id| all.contains(&id)));
    Ok(lost)
}

/// Whether a branch holds a commit made after `base`; not if there is no such branch.
pub(super) fn is_on_branch(repo: &Repository, branch: &str, base: &CommitId, commit: &CommitId) -> Result<bool, Fault> {
    let what = || format!("read the branch {branch}");
    let (base, commit) = (commit_oid(base)?, commit_oid(commit)?);
    let tip = match repo.find_reference(&format!("refs/heads/{branch}")) {
        Ok(reference) => reference.peel_to_commit().map_err(failed(what()))?.id(),
        Err(error) if error.code() == ErrorCode::NotFound => return Ok(false),
        Err(error) => return Err(failed(what())(error)),
    };
    Ok(reached(repo, &[tip], |id| id == base)?.contains(&commit))
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
