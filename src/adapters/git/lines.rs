//! The lines that slices add to files they share, and whether they are still there.

use std::collections::HashMap;
use std::path::Path;

use git2::{Oid, Repository};

use super::change::{bare, each_line, text};
use super::leaf::Leaf;
use super::objects::{tree, tree_of_commit};
use crate::domain::order::Fault;
use crate::domain::task::KeptLines;

/// The lines that `to` adds to a file over `from`, in file order. None for what is no text.
pub(super) fn added(repo: &Repository, from: Oid, to: Oid, path: &str) -> Result<Vec<String>, Fault> {
    let (before, after) = (leaf_at(repo, from, path)?, leaf_at(repo, to, path)?);
    let mut lines = Vec::new();
    if let (Some(before), Some(after)) = (text(repo, before)?, text(repo, after)?) {
        each_line(&before, &after, |added, _, content| {
            if added {
                lines.push(String::from_utf8_lossy(bare(content)).into_owned());
            }
        })?;
    }
    Ok(lines)
}

/// What `kept` names and the files at `commit` lack: a line that is wanted twice must be there twice. Whoever lacks
/// nothing is left out.
pub(super) fn missing(repo: &Repository, commit: Oid, kept: Vec<KeptLines>) -> Result<Vec<KeptLines>, Fault> {
    let mut lacking = Vec::new();
    let mut contents: HashMap<String, HashMap<String, usize>> = HashMap::new();
    for wanted in kept {
        if !contents.contains_key(&wanted.path) {
            contents.insert(wanted.path.clone(), counted(repo, commit, &wanted.path)?);
        }
        let Some(there) = contents.get_mut(&wanted.path) else { continue };
        let lines: Vec<String> = wanted.lines.into_iter().filter(|line| !take(there, line)).collect();
        if !lines.is_empty() {
            lacking.push(KeptLines { path: wanted.path, from: wanted.from, lines });
        }
    }
    Ok(lacking)
}

fn take(there: &mut HashMap<String, usize>, line: &str) -> bool {
    match there.get_mut(line) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        Some(_) | None => false,
    }
}

fn counted(repo: &Repository, commit: Oid, path: &str) -> Result<HashMap<String, usize>, Fault> {
    let mut counts = HashMap::new();
    let content = text(repo, leaf_at(repo, commit, path)?)?.unwrap_or_default();
    for line in content.split_inclusive(|&b| b == b'\n') {
        *counts.entry(String::from_utf8_lossy(bare(line)).into_owned()).or_default() += 1;
    }
    Ok(counts)
}

/// What stands at a path of a commit's tree; `None` where nothing or a directory does.
fn leaf_at(repo: &Repository, commit: Oid, path: &str) -> Result<Option<Leaf>, Fault> {
    let root = tree(repo, tree_of_commit(repo, commit)?)?;
    Ok(root.get_path(Path::new(path)).ok().and_then(|entry| Leaf::of(&entry)))
}
