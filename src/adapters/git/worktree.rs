//! Linked worktrees of the private repository, made by writing their files ourselves.
//!
//! `git worktree add` reads the half-written entries of its neighbours and fails now and then; here an entry appears
//! whole, by a rename. A worktree lies at `worktrees/<slice>.<attempt>`, or in the place of the attempt whose agent's
//! session it goes on with. Its index carries stat data, so that `git status` in it is quick and clean.
//!
//! Invariant: nothing is removed at its own path. A worktree that is out of use is renamed aside, entry included, before
//! the next attempt of its slice can begin, and the remover alone removes it.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use git2::{Index, IndexEntry, IndexTime, Repository};
use rustix::fs::Stat;

use super::checkout::{open_directory, write_out};
use super::listing::Entry;
use super::objects::{commit_oid, failed, fault, tree_of_commit, tree_oid};
use super::private::PrivateRepository;
use super::regular;
use super::shared::Shared;
use super::snapshot::{FileStat, Snapshot, backdated};
use crate::adapters::removal::remove_tree;
use crate::domain::ids::TreeId;
use crate::domain::order::{Fault, Prepared, WorktreeOrder};

impl Shared {
    /// Makes a worktree, or finds it standing where the order asks for that.
    pub(super) fn prepare(&self, repo: &Repository, order: &WorktreeOrder) -> Result<Prepared, Fault> {
        let what = || format!("make the worktree {}", order.attempt);
        let start = commit_oid(&order.start)?;
        let tree = match &order.content {
            Some(content) => tree_oid(content)?,
            None => tree_of_commit(repo, start)?,
        };
        let listing = self.listing(repo, tree)?;
        let directory = self.directory_of(order)?;
        self.set_others_aside(order, &directory);
        if order.place.as_ref().is_some_and(|place| place.as_it_stands) && self.stands_at(&directory, start)? {
            self.checkout.begin(&directory);
            return Ok(Prepared { path: directory, stood: true });
        }
        self.set_aside(&directory)?;
        fs::create_dir_all(self.place.worktrees()).map_err(failed(what()))?;
        fs::create_dir(&directory).map_err(failed(what()))?;
        let root = open_directory(&directory).map_err(failed(what()))?;
        let stat = rustix::fs::fstat(&root).map_err(failed(what()))?;
        let stats = write_out(repo, &listing, (root, &self.abandon), Some(backdated(&stat)))?;
        let entry = self.place.worktree_entry(&directory)?;
        let index = Indexed { entries: listing.entries(), stats: &stats, root: &stat };
        self.enlist(&entry, &directory, start, index).map_err(failed(what()))?;
        self.snapshots.remember(&directory, Snapshot { listing: Arc::clone(&listing), stats });
        self.checkout.begin(&directory);
        Ok(Prepared { path: directory, stood: false })
    }

    /// Where the worktree lies: in the place of an earlier one, or in its own.
    fn directory_of(&self, order: &WorktreeOrder) -> Result<PathBuf, Fault> {
        match &order.place {
            Some(place) => checked(&self.place, &self.place.directory().join(&place.worktree)),
            None => Ok(self.place.worktrees().join(order.attempt.to_string())),
        }
    }

    /// Takes out of use what earlier attempts of the slice left elsewhere. That something of it stays where it is stands
    /// in nobody's way.
    fn set_others_aside(&self, order: &WorktreeOrder, directory: &Path) {
        let places = fs::read_dir(self.place.worktrees()).into_iter().flatten().flatten();
        let of_slice = |path: &PathBuf| {
            let name = path.file_name().and_then(OsStr::to_str).and_then(|name| name.rsplit_once('.'));
            name.is_some_and(|(slice, _)| slice == order.attempt.slice.as_str())
        };
        for other in places.map(|entry| entry.path()).filter(|path| of_slice(path) && path != directory) {
            if let Err(fault) = self.set_aside(&other) {
                tracing::warn!(%fault, "an earlier worktree of the slice stays");
            }
        }
    }

    /// Whether a worktree is whole and at `start`; a lock that a killed git left in it is removed.
    fn stands_at(&self, directory: &Path, start: git2::Oid) -> Result<bool, Fault> {
        let entry = self.place.worktree_entry(directory)?;
        let says = |file: PathBuf, text: &[u8]| regular::read(&file).is_ok_and(|bytes| bytes == text);
        let pointer = [b"gitdir: ".as_slice(), &line(&entry)].concat();
        let whole = says(entry.join("HEAD"), format!("{start}\n").as_bytes()) && says(directory.join(".git"), &pointer);
        if whole {
            drop(fs::remove_file(entry.join("index.lock")));
        }
        Ok(whole)
    }

    /// Writes the private repository's entry of a worktree elsewhere, and puts it in place whole.
    fn enlist(&self, entry: &Path, directory: &Path, start: git2::Oid, index: Indexed<'_>) -> io::Result<()> {
        let making = self.place.making(directory);
        remove_tree(&making)?;
        fs::create_dir_all(&making)?;
        fs::write(making.join("HEAD"), format!("{start}\n"))?;
        fs::write(making.join("commondir"), "../..\n")?;
        fs::write(making.join("gitdir"), line(&directory.join(".git")))?;
        write_index(&making.join("index"), &index).map_err(io::Error::other)?;
        fs::write(directory.join(".git"), [b"gitdir: ".as_slice(), &line(entry)].concat())?;
        fs::create_dir_all(self.place.worktree_entries())?;
        fs::rename(making, entry)
    }

    /// Takes a worktree and its entry out of use. One that is gone already is no error.
    pub(super) fn discard(&self, directory: &Path) -> Result<(), Fault> {
        self.set_aside(&checked(&self.place, directory)?)
    }

    fn set_aside(&self, directory: &Path) -> Result<(), Fault> {
        self.snapshots.forget(directory);
        self.checkout.end(directory);
        let entry = self.place.worktree_entry(directory)?;
        let aside = self.remover.set_aside(directory).and_then(|()| self.remover.set_aside(&entry));
        aside.map_err(failed(format!("set the worktree {} aside", directory.display())))
    }

    /// Writes the files of a tree, without any `.git`, into a directory that is made here or empty.
    pub(super) fn export(&self, repo: &Repository, tree: &TreeId, directory: &Path) -> Result<(), Fault> {
        let what = || format!("export the tree {tree} to {}", directory.display());
        let listing = self.listing(repo, tree_oid(tree)?)?;
        fs::create_dir_all(directory).map_err(failed(what()))?;
        if fs::read_dir(directory).map_err(failed(what()))?.next().is_some() {
            return Err(fault(what(), "the directory is not empty"));
        }
        let root: OwnedFd = open_directory(directory).map_err(failed(what()))?;
        write_out(repo, &listing, (root, &self.abandon), None).map(drop)
    }
}

/// The path of a worktree of this goal, made sure of: a direct child of its directory of worktrees.
pub(super) fn checked(place: &PrivateRepository, directory: &Path) -> Result<PathBuf, Fault> {
    let name = directory.strip_prefix(place.worktrees()).ok().map(|rest| rest.components().collect::<Vec<_>>());
    match name.as_deref() {
        Some([Component::Normal(name)]) => Ok(place.worktrees().join(name)),
        Some(_) | None => Err(fault(
            format!("find the worktree {}", directory.display()),
            format!("it is not one of those in {}", place.worktrees().display()),
        )),
    }
}

fn line(path: &Path) -> Vec<u8> {
    [path.as_os_str().as_bytes(), b"\n"].concat()
}

/// What an index is made of.
struct Indexed<'a> {
    entries: &'a [Entry],
    stats: &'a [FileStat],
    /// The root, whose device and owner all files share.
    root: &'a Stat,
}

fn write_index(path: &Path, indexed: &Indexed<'_>) -> Result<(), git2::Error> {
    let mut index = Index::open(path)?;
    for (entry, stat) in indexed.entries.iter().zip(indexed.stats) {
        index.add(&index_entry(entry, stat, indexed.root))?;
    }
    index.write()
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an index holds the low 32 bits of stat data"
)]
#[allow(clippy::unnecessary_cast, reason = "the fields' types differ between architectures")]
fn index_entry(entry: &Entry, stat: &FileStat, root: &Stat) -> IndexEntry {
    let time = |ns: i64| IndexTime::new((ns / 1_000_000_000) as i32, (ns % 1_000_000_000) as u32);
    IndexEntry {
        ctime: time(stat.ctime_ns),
        mtime: time(stat.mtime_ns),
        dev: root.st_dev as u32,
        ino: stat.ino as u32,
        mode: entry.leaf.mode() as u32,
        uid: root.st_uid,
        gid: root.st_gid,
        file_size: stat.size as u32,
        id: entry.leaf.id,
        flags: 0,
        flags_extended: 0,
        path: entry.path.to_vec(),
    }
}

/// The name that a worktree has in the private repository.
pub(super) fn entry_name(directory: &Path) -> Result<&OsStr, Fault> {
    directory.file_name().ok_or_else(|| fault(format!("find the worktree {}", directory.display()), "it has no name"))
}
