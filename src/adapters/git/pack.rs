//! Copies commits with all that is new below them from one store into another, durably, as one pack. A large file's content
//! is copied as the loose object that it is, in pieces: a pack would take all of it into memory, twice.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use git2::{ObjectType, Oid, Repository};

use super::abandon::Abandon;
use super::contents::{STREAMED, pass_on};
use super::history;
use super::leaf::Leaf;
use super::objects::{failed, fault, tree, tree_of_commit};
use super::sharing::Sharing;
use crate::domain::change::EntryKind;
use crate::domain::order::Fault;

/// The files of a pack.
const EXTENSIONS: [&str; 2] = ["pack", "idx"];

/// Where objects are copied to.
#[derive(Clone, Copy)]
pub(super) struct Store<'a> {
    /// The directory of the objects.
    pub(super) objects: &'a Path,
    /// The modes of its files.
    pub(super) sharing: Sharing,
    /// Whether the copy is to end.
    pub(super) abandon: &'a Abandon,
}

/// Copies what `tips` reach and `base` does not into a store, in its modes. When it returns, all of it is synced.
pub(super) fn copy(repo: &Repository, base: Oid, tips: &[Oid], store: Store<'_>) -> Result<(), Fault> {
    let Store { objects, sharing, abandon } = store;
    let what = || format!("copy the results into {}", objects.display());
    let mut builder = repo.packbuilder().map_err(failed(what()))?;
    builder.set_threads(1);
    let flag = abandon.clone();
    builder.set_progress_callback(move |_, _, _| flag.check().is_ok()).map_err(failed(what()))?;
    let odb = repo.odb().map_err(failed(what()))?;
    for id in fresh(repo, base, tips, &|_| false)? {
        abandon.check().map_err(failed(what()))?;
        let large = odb.read_header(id).is_ok_and(|(size, kind)| kind == ObjectType::Blob && size > STREAMED);
        if !large || !copy_loose(repo, id, store).map_err(failed(what()))? {
            builder.insert_object(id, None).map_err(failed(what()))?;
        }
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

/// Copies a loose object, durably; `false` where it is none.
fn copy_loose(repo: &Repository, id: Oid, store: Store<'_>) -> io::Result<bool> {
    let Store { objects, sharing, abandon } = store;
    let id = id.to_string();
    let (fan, name) = id.split_at(2);
    let mut source = match File::open(repo.path().join("objects").join(fan).join(name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        source => source?,
    };
    let directory = objects.join(fan);
    fs::create_dir_all(&directory)?;
    // Named so that git removes it, should this process die.
    let mut copy = tempfile::Builder::new().prefix("tmp_obj_").tempfile_in(&directory)?;
    let size = source.metadata()?.len();
    pass_on(&mut source, copy.as_file_mut(), (size, abandon))?;
    copy.as_file().set_permissions(Permissions::from_mode(0o444))?;
    copy.as_file().sync_all()?;
    copy.persist(directory.join(name)).map_err(|error| error.error)?;
    sharing.adjust(&directory);
    sharing.adjust(&directory.join(name));
    File::open(&directory)?.sync_all()?;
    Ok(true)
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
