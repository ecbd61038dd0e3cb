//! Writes a tree's files into an empty directory: raw bytes, no filters, no attributes.
//!
//! A path of a tree is never trusted: every directory is opened from its parent without following links, every file is
//! created anew. Submodules become empty directories.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use git2::{Odb, Repository};
use rustix::fs::{AtFlags, Mode, OFlags, Timestamps};
use rustix::io;

use super::abandon::Abandon;
use super::contents;
use super::leaf::Leaf;
use super::listing::{Entry, Listing};
use super::objects::{failed, shown};
use super::snapshot::FileStat;
use crate::domain::change::EntryKind;
use crate::domain::order::Fault;

const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::RDONLY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const NEW_FILE: OFlags =
    OFlags::CREATE.union(OFlags::EXCL).union(OFlags::WRONLY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Opens a directory, not following it where it is a link.
pub(super) fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    rustix::fs::open(path, DIRECTORY, Mode::empty())
}

/// Opens a directory by its name in another, not following it where it is a link.
pub(super) fn open_below(parent: &OwnedFd, name: &[u8]) -> io::Result<OwnedFd> {
    rustix::fs::openat(parent, OsStr::from_bytes(name), DIRECTORY, Mode::empty())
}

/// Writes all of `listing` below `root`, an empty directory, and returns what the disk says of each entry, in order.
/// With `times`, files and links get them.
pub(super) fn write_out(
    repo: &Repository,
    listing: &Listing,
    (root, abandon): (OwnedFd, &Abandon),
    times: Option<Timestamps>,
) -> Result<Vec<FileStat>, Fault> {
    let odb = repo.odb().map_err(failed("open the object store"))?;
    let mut writer = Writer { odb, abandon, times, ground: Ground::Empty, open: vec![(Vec::new(), root)] };
    listing.entries().iter().map(|entry| writer.write(entry)).collect()
}

/// Writes those entries of `listing` below `root` of which `kept` has nothing, and returns what the disk says of all.
/// Directories may be there already; files and links to be written may not.
pub(super) fn write_missing(
    repo: &Repository,
    listing: &Listing,
    (root, abandon): (OwnedFd, &Abandon),
    kept: &[Option<FileStat>],
) -> Result<Vec<FileStat>, Fault> {
    let odb = repo.odb().map_err(failed("open the object store"))?;
    let mut writer = Writer { odb, abandon, times: None, ground: Ground::Kept, open: vec![(Vec::new(), root)] };
    let entries = listing.entries().iter().zip(kept);
    entries.map(|(entry, kept)| kept.map_or_else(|| writer.write(entry), Ok)).collect()
}

/// What is below the root when writing begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ground {
    /// Nothing.
    Empty,
    /// Part of the tree, written by us.
    Kept,
}

/// Where writing has got to.
struct Writer<'repo> {
    odb: Odb<'repo>,
    abandon: &'repo Abandon,
    times: Option<Timestamps>,
    ground: Ground,
    /// The directories from the root to the current one, each with its path. Never empty: the root stays.
    open: Vec<(Vec<u8>, OwnedFd)>,
}

impl Writer<'_> {
    fn write(&mut self, entry: &Entry) -> Result<FileStat, Fault> {
        let what = || format!("write out `{}`", shown(&entry.path));
        self.abandon.check().map_err(failed(what()))?;
        let (directory, name) = split(&entry.path);
        self.enter(directory).map_err(failed(what()))?;
        match entry.leaf.kind {
            EntryKind::Gitlink => self.gitlink(name).map_err(failed(what())),
            EntryKind::Symlink => self.symlink(name, entry.leaf),
            EntryKind::File => self.file(name, entry.leaf, Mode::from_raw_mode(0o666)),
            EntryKind::Executable => self.file(name, entry.leaf, Mode::from_raw_mode(0o777)),
        }
    }

    fn parent(&self) -> &OwnedFd {
        &self.open[self.open.len() - 1].1
    }

    /// Makes `directory` the current one. Entries come sorted, so that each is made once.
    fn enter(&mut self, directory: &[u8]) -> io::Result<()> {
        while self.open.len() > 1 && !is_within(directory, &self.open[self.open.len() - 1].0) {
            self.open.pop();
        }
        loop {
            let done = self.open[self.open.len() - 1].0.len();
            let rest = directory.get(if done == 0 { 0 } else { done + 1 }..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(());
            }
            let name = rest.split(|&b| b == b'/').next().unwrap_or_default();
            match rustix::fs::mkdirat(self.parent(), OsStr::from_bytes(name), Mode::from_raw_mode(0o777)) {
                Err(io::Errno::EXIST) if self.ground == Ground::Kept => {}
                made => made?,
            }
            let opened = open_below(self.parent(), name)?;
            let path = if done == 0 { name.to_vec() } else { directory[..done + 1 + name.len()].to_vec() };
            self.open.push((path, opened));
        }
    }

    fn gitlink(&self, name: &[u8]) -> io::Result<FileStat> {
        rustix::fs::mkdirat(self.parent(), OsStr::from_bytes(name), Mode::from_raw_mode(0o777))?;
        Ok(FileStat::default())
    }

    fn symlink(&self, name: &[u8], leaf: Leaf) -> Result<FileStat, Fault> {
        let target = self.odb.read(leaf.id).map_err(failed("read a link's target"))?;
        self.link(name, target.data()).map_err(failed(format!("write out the link `{}`", shown(name))))
    }

    fn link(&self, name: &[u8], target: &[u8]) -> io::Result<FileStat> {
        let name = OsStr::from_bytes(name);
        rustix::fs::symlinkat(OsStr::from_bytes(target), self.parent(), name)?;
        if let Some(times) = &self.times {
            rustix::fs::utimensat(self.parent(), name, times, AtFlags::SYMLINK_NOFOLLOW)?;
        }
        Ok(FileStat::of(&rustix::fs::statat(self.parent(), name, AtFlags::SYMLINK_NOFOLLOW)?))
    }

    fn file(&self, name: &[u8], leaf: Leaf, mode: Mode) -> Result<FileStat, Fault> {
        let what = || format!("write out `{}`", shown(name));
        let file = rustix::fs::openat(self.parent(), OsStr::from_bytes(name), NEW_FILE, mode);
        let mut file = File::from(file.map_err(failed(what()))?);
        contents::copy_to(&self.odb, leaf.id, &mut file, self.abandon).map_err(failed(what()))?;
        self.finish(&file).map_err(failed(what()))
    }

    fn finish(&self, file: &File) -> io::Result<FileStat> {
        if let Some(times) = &self.times {
            rustix::fs::futimens(file, times)?;
        }
        Ok(FileStat::of(&rustix::fs::fstat(file)?))
    }
}

/// A path's directory and its last component.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&b| b == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (&[], path),
    }
}

fn is_within(directory: &[u8], ancestor: &[u8]) -> bool {
    directory.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}
