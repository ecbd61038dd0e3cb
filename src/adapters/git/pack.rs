//! Copies commits with all that is new below them from one store into another, durably, as one pack.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use git2::{Oid, Repository};

use super::history;
use super::leaf::Leaf;
use super::objects::{failed, fault, tree, tree_of_commit};
use super::sharing::Sharing;
use crate::domain::change::EntryKind;
use crate::domain::order::Fault;

/// The files of a pack.
const EXTENSIONS: [&str; 2] = ["pack", "idx"];

/// Copies what `tips` reach and `base` does not into `objects`, in the modes of that store. When it returns, the pack and
/// its directory are synced.
pub(super) fn copy(
    repo: &Repository,
    base: Oid,
    tips: &[Oid],
    (objects, sharing): (&Path, Sharing),
) -> Result<(), Fault> {
    let what = || format!("copy the results into {}", objects.display());
    let mut builder = repo.packbuilder().map_err(failed(what()))?;
    builder.set_threads(1);
    for id in fresh(repo, base, tips, &|_| false)? {
        builder.insert_object(id, None).map_err(failed(what()))?;
    }
    if builder.object_count() == 0 {
        return Ok(());
    }
    let directory = objects.join("pack");
    fs::create_dir_all(&directory).map_err(failed(what()))?;
    builder.write(&directory, 0o444).map_err(failed(what()))?;
    let name = builder.name().ok().flatten().ok_or_else(|| fault(what(), "the pack has no name"))?;
    sharing.adjust(&directory);
    EXTENSIONS.iter().for_each(|extension| sharing.adjust(&directory.join(format!("pack-{name}.{extension}"))));
    sync(&directory, name).map_err(failed(what()))
}

/// Every object that `tips` reach and `base` does not: what stands in a tree where the base has the same is left out, and
/// so is what is `known` and all that only that reaches.
pub(super) fn fresh(
    repo: &Repository,
    base: Oid,
    tips: &[Oid],
    known: &dyn Fn(Oid) -> bool,
) -> Result<BTreeSet<Oid>, Fault> {
    let base_tree = tree_of_commit(repo, base)?;
    let mut fresh = Fresh { repo, known, found: BTreeSet::new() };
    for commit in history::reached(repo, tips, |id| id == base || known(id))? {
        fresh.found.insert(commit);
        fresh.add(tree_of_commit(repo, commit)?, Some(base_tree))?;
    }
    Ok(fresh.found)
}

/// A search for objects.
struct Fresh<'a> {
    repo: &'a Repository,
    known: &'a dyn Fn(Oid) -> bool,
    found: BTreeSet<Oid>,
}

impl Fresh<'_> {
    /// Adds a tree and what is below it, but for what `base` has in the same place.
    fn add(&mut self, id: Oid, base: Option<Oid>) -> Result<(), Fault> {
        if Some(id) == base || (self.known)(id) || !self.found.insert(id) {
            return Ok(());
        }
        let base = base.map(|id| tree(self.repo, id)).transpose()?;
        for entry in tree(self.repo, id)?.iter() {
            let before = base.as_ref().and_then(|tree| tree.get_name_bytes(entry.name_bytes())).map(|entry| entry.id());
            match Leaf::of(&entry) {
                _ if before == Some(entry.id()) => {}
                None => self.add(entry.id(), subtree(self.repo, before))?,
                Some(leaf) if leaf.kind == EntryKind::Gitlink || (self.known)(leaf.id) => {}
                Some(leaf) => drop(self.found.insert(leaf.id)),
            }
        }
        Ok(())
    }
}

/// What the base has at a path, where it is a directory.
fn subtree(repo: &Repository, id: Option<Oid>) -> Option<Oid> {
    id.filter(|&id| repo.find_tree(id).is_ok())
}

fn sync(directory: &Path, name: &str) -> io::Result<()> {
    for extension in EXTENSIONS {
        File::open(directory.join(format!("pack-{name}.{extension}")))?.sync_all()?;
    }
    File::open(directory)?.sync_all()
}
