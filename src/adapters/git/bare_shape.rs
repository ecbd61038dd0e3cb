//! Directories that git would take for a bare repository of their own.
//!
//! Git obeys the `config` of such a directory (`core.fsmonitor`, `core.pager`, aliases) as soon as somebody runs a command
//! in it. What makes one is `HEAD` with `objects` and `refs` beside it, or with a `commondir` that names them. Invariant:
//! a name counts in every spelling that some file system takes for it.

use std::collections::BTreeMap;

use git2::{Oid, Repository, Tree};

use super::edit::Edits;
use super::listing::Listing;
use super::names::folded;
use super::objects::{shown, tree};
use super::tree_diff::Differences;
use crate::domain::order::{Fault, Uncapturable};

const HEAD: u8 = 1;
const OBJECTS: u8 = 2;
const REFS: u8 = 4;
const COMMON: u8 = 8;
/// What can make git run something in a directory that is a bare repository already.
const OBEYED: [&str; 6] = ["config", "config.worktree", "commondir", "hooks", "worktrees", "modules"];
const MADE: &str = "git would take this directory for a repository and obey its configuration";
const CHANGED: &str = "it changes the configuration of a bare repository, which git would obey";

/// Which marks of a repository a directory has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Marks(u8);

impl Marks {
    fn of_name(name: &[u8]) -> u8 {
        match name.first() {
            Some(b'h' | b'H' | b'o' | b'O' | b'r' | b'R' | b'c' | b'C' | 0x80..) => {}
            Some(_) | None => return 0,
        }
        match folded(name).as_str() {
            "head" => HEAD,
            "objects" => OBJECTS,
            "refs" => REFS,
            "commondir" => COMMON,
            _ => 0,
        }
    }

    fn of_tree(tree: &Tree<'_>) -> Self {
        Self(tree.iter().fold(0, |marks, entry| marks | Self::of_name(entry.name_bytes())))
    }

    fn is_repository(self) -> bool {
        self.0 & HEAD != 0 && (self.0 & COMMON != 0 || self.0 & (OBJECTS | REFS) == OBJECTS | REFS)
    }
}

/// The marked directories of a tree, by their folded paths.
#[derive(Default)]
struct Marked(BTreeMap<String, Marks>);

impl Marked {
    fn of<'p>(paths: impl Iterator<Item = &'p [u8]>) -> Self {
        let mut marked = Self::default();
        for path in paths {
            for (before, name) in components(path) {
                let mark = Marks::of_name(name);
                if mark != 0 {
                    marked.0.entry(folded(before)).or_default().0 |= mark;
                }
            }
        }
        marked
    }

    fn is_repository(&self, directory: &str) -> bool {
        self.0.get(directory).is_some_and(|marks| marks.is_repository())
    }
}

/// Each component of a path, with what is before it (a slash at its end left out).
fn components(path: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut from = 0_usize;
    path.split(|&b| b == b'/').map(move |name| {
        let before = &path[..from.saturating_sub(1)];
        from += name.len() + 1;
        (before, name)
    })
}

/// The directories that edits turn into a repository, and the edits to one that is there which git would obey. The root is
/// refused only where it becomes one: in a checkout, its `.git` comes first.
pub(super) fn refused(start: &Listing, edits: &Edits) -> Vec<Uncapturable> {
    let stays = start.entries().iter().filter(|entry| !edits.contains_key(entry.path.as_ref()));
    let set = || edits.iter().filter(|(_, leaf)| leaf.is_some()).map(|(path, _)| path.as_slice());
    let after = Marked::of(stays.map(|entry| entry.path.as_ref()).chain(set()));
    if !after.0.values().any(|marks| marks.is_repository()) {
        return Vec::new();
    }
    let before = Marked::of(start.entries().iter().map(|entry| entry.path.as_ref()));
    let mut found = BTreeMap::new();
    for path in set() {
        for (directory, name) in components(path) {
            let key = folded(directory);
            match (before.is_repository(&key), after.is_repository(&key)) {
                (false, true) => drop(found.insert(named(directory), MADE)),
                (true, true) if !directory.is_empty() && OBEYED.contains(&folded(name).as_str()) => {
                    found.insert(shown(path), CHANGED);
                }
                (true, _) | (false, false) => {}
            }
        }
    }
    found.into_iter().map(|(path, problem)| Uncapturable { path, problem: problem.to_owned() }).collect()
}

fn named(directory: &[u8]) -> String {
    if directory.is_empty() { ".".to_owned() } else { shown(directory) }
}

/// A directory that becomes a repository when `changed` is merged into `before`, giving `after`: each side can bring a
/// part of one that is harmless alone.
pub(super) fn merged(
    repo: &Repository,
    changed: &Differences,
    (before, after): (Oid, Oid),
) -> Result<Option<String>, Fault> {
    for (path, _) in changed.iter().filter(|(_, difference)| difference.after.is_some()) {
        for (directory, _) in components(path).filter(|(_, name)| Marks::of_name(name) != 0) {
            if is_repository(repo, after, directory)? && !is_repository(repo, before, directory)? {
                return Ok(Some(named(directory)));
            }
        }
    }
    Ok(None)
}

fn is_repository(repo: &Repository, root: Oid, directory: &[u8]) -> Result<bool, Fault> {
    let mut at = root;
    for name in directory.split(|&b| b == b'/').filter(|name| !name.is_empty()) {
        let below =
            tree(repo, at)?.get_name_bytes(name).filter(|e| e.kind() == Some(git2::ObjectType::Tree)).map(|e| e.id());
        match below {
            Some(below) => at = below,
            None => return Ok(false),
        }
    }
    Ok(Marks::of_tree(&tree(repo, at)?).is_repository())
}
