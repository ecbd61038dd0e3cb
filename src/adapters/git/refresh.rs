//! Brings a directory that this process wrote before to another tree: what the disk still says the same of stays, all
//! else goes and is written anew.
//!
//! For gates that are not the deciding ones. Invariant: what is kept has the content that the tree says. A file counts
//! as untouched by what the disk said of it when we wrote it, change time included, which nobody but the kernel sets;
//! one written within the granularity of that clock is compared byte by byte.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use git2::{ObjectType, Oid, Repository};

use super::abandon::Abandon;
use super::checkout::{open_directory, write_missing};
use super::listing::Listing;
use super::objects::{failed, tree_oid};
use super::shared::Shared;
use super::snapshot::{FileStat, Snapshot};
use crate::adapters::removal::remove_tree;
use crate::domain::change::EntryKind;
use crate::domain::ids::TreeId;
use crate::domain::order::Fault;

/// Within so many nanoseconds of the newest file, change times are no witness: the clock of the file system may not
/// have moved on.
const GRANULARITY_NS: i64 = 20_000_000;

impl Shared {
    /// Makes `directory` hold exactly the files of a tree, whatever it held before. Submodules become empty directories.
    pub(super) fn refresh(&self, repo: &Repository, tree: &TreeId, directory: &Path) -> Result<(), Fault> {
        let what = || format!("bring {} to the tree {tree}", directory.display());
        let listing = self.listing(repo, tree_oid(tree)?)?;
        let before = self.snapshots.of(directory);
        self.snapshots.forget(directory);
        self.abandon.check().map_err(failed(what()))?;
        let kept = before.and_then(|before| keep(directory, (&before, &listing), &self.abandon).ok());
        let kept = match kept {
            Some(kept) => kept,
            None => {
                self.remover.set_aside(directory).map_err(failed(what()))?;
                fs::create_dir_all(directory).map_err(failed(what()))?;
                vec![None; listing.entries().len()]
            }
        };
        let root = open_directory(directory).map_err(failed(what()))?;
        let stats = write_missing(repo, &listing, (root, &self.abandon), &kept)?;
        self.snapshots.remember(directory, Snapshot { listing, stats });
        Ok(())
    }
}

/// Removes all that the new tree does not have, or that was touched. Returns what stays, in the order of `listing`.
fn keep(
    directory: &Path,
    (before, listing): (&Snapshot, &Listing),
    abandon: &Abandon,
) -> io::Result<Vec<Option<FileStat>>> {
    let newest = before.stats.iter().map(|stat| stat.ctime_ns).max().unwrap_or(0);
    let mut sieve = Sieve { before, listing, abandon, newest, kept: vec![None; listing.entries().len()] };
    sieve.sift(directory, &[])?;
    Ok(sieve.kept)
}

struct Sieve<'a> {
    before: &'a Snapshot,
    listing: &'a Listing,
    abandon: &'a Abandon,
    newest: i64,
    kept: Vec<Option<FileStat>>,
}

impl Sieve<'_> {
    fn sift(&mut self, directory: &Path, prefix: &[u8]) -> io::Result<()> {
        for entry in fs::read_dir(directory)? {
            self.abandon.check()?;
            let entry = entry?;
            let name = entry.file_name();
            let path =
                if prefix.is_empty() { name.as_bytes().to_vec() } else { [prefix, b"/", name.as_bytes()].concat() };
            if !entry.file_type()?.is_dir() {
                self.sift_file(&entry.path(), &path)?;
            } else if self.listing.holds_below(&path) {
                self.sift(&entry.path(), &path)?;
            } else {
                remove_tree(&entry.path())?;
            }
        }
        Ok(())
    }

    fn sift_file(&mut self, file: &Path, path: &[u8]) -> io::Result<()> {
        let now = FileStat::of(&rustix::fs::lstat(file)?);
        let wanted = self.listing.position(path);
        let written = self.before.untouched(path, now);
        if let (Some(new), Some(old)) = (wanted, written) {
            let leaf = self.listing.entries()[new].leaf;
            let same = leaf == self.before.listing.entries()[old].leaf;
            let witnessed = now.ctime_ns.saturating_add(GRANULARITY_NS) < self.newest;
            if same && (witnessed || content_is(file, leaf.kind, leaf.id)?) {
                self.kept[new] = Some(now);
                return Ok(());
            }
        }
        fs::remove_file(file)
    }
}

fn content_is(file: &Path, kind: EntryKind, id: Oid) -> io::Result<bool> {
    let content = match kind {
        EntryKind::Symlink => fs::read_link(file)?.into_os_string().as_bytes().to_vec(),
        EntryKind::File | EntryKind::Executable => fs::read(file)?,
        EntryKind::Gitlink => return Ok(false),
    };
    Ok(Oid::hash_object(ObjectType::Blob, &content).is_ok_and(|hash| hash == id))
}
