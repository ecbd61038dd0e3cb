//! The walk through a worktree: every file looked at by descriptor, links never followed.
//!
//! Untouched files are told by their stat where we still know it, else by content. Nothing that the worktree says about
//! itself (index, attributes, configuration, ignore files) is read.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{AtFlags, Dir, FileType, Stat};
use rustix::io::Errno;

use super::checkout::open_below;
use super::harvest::{Findings, Harvest};
use super::ignore_rules::IgnoreRules;
use super::intake::Intake;
use super::leaf::Leaf;
use super::listing::{DEEPEST, Listing};
use super::names;
use super::objects::{bytes, failed, shown};
use super::snapshot::{FileStat, Snapshot};
use crate::domain::access::AccessSet;
use crate::domain::change::EntryKind;
use crate::domain::order::{CaptureLimits, Fault};

/// What a walk compares with.
pub(super) struct Yardstick<'a> {
    /// The tree of the start.
    pub(super) start: &'a Listing,
    /// The worktree as we wrote it, where we still know.
    pub(super) written: Option<&'a Snapshot>,
    /// The start's ignore rules.
    pub(super) rules: &'a IgnoreRules,
    /// The slice's rights.
    pub(super) access: &'a AccessSet,
    /// How much it may change.
    pub(super) limits: CaptureLimits,
}

/// Walks through one worktree.
pub(super) struct Walker<'a> {
    yardstick: Yardstick<'a>,
    intake: Intake<'a>,
    harvest: Harvest<'a>,
    /// The bytes of changed files so far.
    taken: u64,
}

/// A directory that is being walked.
struct Place<'p> {
    fd: &'p OwnedFd,
    path: &'p [u8],
    /// Whether the ignore rules exclude it: then all that is untracked below is excluded too.
    excluded: bool,
    depth: usize,
}

/// One entry of the directory that is being walked.
struct Spot<'p> {
    place: &'p Place<'p>,
    name: &'p [u8],
    path: &'p [u8],
}

impl<'a> Walker<'a> {
    /// A walker that takes what is new into `intake`.
    pub(super) fn new(yardstick: Yardstick<'a>, intake: Intake<'a>) -> Self {
        let harvest = Harvest::new(yardstick.start, yardstick.access);
        Self { yardstick, intake, harvest, taken: 0 }
    }

    /// Walks through all below `root`.
    pub(super) fn walk(mut self, root: &OwnedFd) -> Result<Findings, Fault> {
        self.directory(&Place { fd: root, path: b"", excluded: false, depth: 0 })?;
        Ok(self.harvest.finish())
    }

    fn directory(&mut self, place: &Place<'_>) -> Result<(), Fault> {
        let names = names_in(place.fd).map_err(failed(format!("list `{}`", shown(place.path))))?;
        for name in names {
            let mut path = place.path.to_vec();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(&name);
            self.entry(&Spot { place, name: &name, path: &path })?;
        }
        Ok(())
    }

    fn entry(&mut self, spot: &Spot<'_>) -> Result<(), Fault> {
        self.intake.go_on().map_err(failed("read the worktree"))?;
        if names::spells_dot_git(spot.name) {
            self.dot_git(spot);
            return Ok(());
        }
        let stat = match rustix::fs::statat(spot.place.fd, OsStr::from_bytes(spot.name), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            // Somebody outside of the attempt has removed it since its directory was read.
            Err(Errno::NOENT) => return Ok(()),
            Err(error) => return self.unreadable(spot, error.into()),
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => self.subdirectory(spot),
            kind => self.file(spot, kind, &stat),
        }
    }

    /// The worktree's own `.git` is passed over; any other makes what holds it a repository of its own.
    fn dot_git(&mut self, spot: &Spot<'_>) {
        match (spot.place.depth, spot.name) {
            (0, b".git") => {}
            _ if spot.place.excluded => self.harvest.leave_out(spot.path, false),
            (_, b".git") => self.harvest.refuse(spot.place.path, "a nested repository"),
            _ => self.harvest.refuse(spot.path, "its name is a spelling of `.git`"),
        }
    }

    fn subdirectory(&mut self, spot: &Spot<'_>) -> Result<(), Fault> {
        if self.is_submodule(spot.path) {
            return self.submodule(spot);
        }
        let excluded = spot.place.excluded || self.yardstick.rules.exclude(spot.path, true);
        if excluded && !self.yardstick.start.holds_below(spot.path) && !self.is_named_within(spot.path) {
            self.harvest.leave_out(spot.path, true);
            return Ok(());
        }
        if spot.place.depth >= DEEPEST {
            self.harvest.refuse(spot.path, format!("nested deeper than {DEEPEST} directories"));
            return Ok(());
        }
        match open_below(spot.place.fd, spot.name) {
            Ok(fd) => self.directory(&Place { fd: &fd, path: spot.path, excluded, depth: spot.place.depth + 1 }),
            Err(error) => self.unreadable(spot, error.into()),
        }
    }

    fn is_submodule(&self, path: &[u8]) -> bool {
        let start = self.yardstick.start;
        start.position(path).is_some_and(|at| start.entries()[at].leaf.kind == EntryKind::Gitlink)
    }

    /// A submodule's commit stays as it is; what was put into its directory is left out.
    fn submodule(&mut self, spot: &Spot<'_>) -> Result<(), Fault> {
        let what = || format!("list `{}`", shown(spot.path));
        let fd = open_below(spot.place.fd, spot.name).map_err(failed(what()))?;
        if !names_in(&fd).map_err(failed(what()))?.is_empty() {
            self.harvest.leave_out(spot.path, true);
        }
        Ok(())
    }

    fn file(&mut self, spot: &Spot<'_>, kind: FileType, stat: &Stat) -> Result<(), Fault> {
        let tracked = self.yardstick.start.position(spot.path);
        if tracked.is_none() && self.is_excluded(spot) {
            self.harvest.leave_out(spot.path, false);
            return Ok(());
        }
        if self.is_submodule(spot.path) {
            self.harvest.refuse(spot.path, "it stands where a submodule was");
            return Ok(());
        }
        let known = tracked.map(|at| self.yardstick.start.entries()[at].leaf);
        if let Some(leaf) = self.untouched(spot.path, FileStat::of(stat)) {
            self.harvest.found(spot.path, leaf);
            return Ok(());
        }
        match kind {
            FileType::RegularFile => self.content(spot, stat, known),
            FileType::Symlink => self.link(spot, known),
            _ => {
                self.harvest.refuse(spot.path, "a fifo, a socket or a device");
                Ok(())
            }
        }
    }

    fn is_excluded(&self, spot: &Spot<'_>) -> bool {
        let named = std::str::from_utf8(spot.path).is_ok_and(|path| self.yardstick.access.names_literally(path));
        !named && (spot.place.excluded || self.yardstick.rules.exclude(spot.path, false))
    }

    /// Whether the slice's writes name the directory, or something below it, to the letter.
    fn is_named_within(&self, directory: &[u8]) -> bool {
        let Ok(directory) = std::str::from_utf8(directory) else { return false };
        let below = |text: &str| text.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'));
        let writes = &self.yardstick.access.writes;
        writes.iter().any(|pattern| pattern.is_literal() && (pattern.covers(directory) || below(pattern.as_str())))
    }

    fn untouched(&self, path: &[u8], now: FileStat) -> Option<Leaf> {
        let written = self.yardstick.written?;
        written.untouched(path, now).map(|at| written.listing.entries()[at].leaf)
    }

    /// Judges a file by its path and its size before anything of it is read.
    fn content(&mut self, spot: &Spot<'_>, stat: &Stat, known: Option<Leaf>) -> Result<(), Fault> {
        let kind = if stat.st_mode & 0o100 == 0 { EntryKind::File } else { EntryKind::Executable };
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        let known = known.filter(|leaf| leaf.is_file());
        // One of another size has changed whatever is in it, and one of the same is no larger than the start's.
        let same_size = known.is_some_and(|leaf| self.intake.size_of(leaf.id) == Some(size));
        let wanted = self.harvest.permits(spot.path) && !self.harvest.is_lost();
        if !same_size && !wanted {
            self.harvest.changed(spot.path);
            return Ok(());
        }
        if !same_size && let Some(problem) = self.too_large(size) {
            self.harvest.refuse(spot.path, problem);
            return Ok(());
        }
        let id = match wanted && !same_size {
            true => self.intake.file(spot.place.fd, spot.name, (size, known.map(|leaf| leaf.id))),
            false => self.intake.name_of(spot.place.fd, spot.name, size),
        };
        let id = match id {
            Ok(id) => id,
            Err(error) => return self.unreadable(spot, error),
        };
        let leaf = Leaf { id, kind };
        if !same_size || known == Some(leaf) {
            self.harvest.found(spot.path, leaf);
            return Ok(());
        }
        self.rewritten(spot, (size, leaf), known)
    }

    /// A file of the size that it had differs from the start in content or mode.
    fn rewritten(&mut self, spot: &Spot<'_>, (size, mut leaf): (u64, Leaf), known: Option<Leaf>) -> Result<(), Fault> {
        if self.harvest.permits(spot.path) && !self.harvest.is_lost() && known.is_some_and(|old| old.id != leaf.id) {
            if let Some(problem) = self.too_large(size) {
                self.harvest.refuse(spot.path, problem);
                return Ok(());
            }
            match self.intake.file(spot.place.fd, spot.name, (size, None)) {
                Ok(id) => leaf.id = id,
                Err(error) => return self.unreadable(spot, error),
            }
        }
        self.harvest.found(spot.path, leaf);
        Ok(())
    }

    /// Why a changed file of this size is not taken; else it counts.
    fn too_large(&mut self, size: u64) -> Option<String> {
        let CaptureLimits { file, attempt } = self.yardstick.limits;
        if size > file {
            let (size, file) = (bytes(size), bytes(file));
            return Some(format!(
                "it has {size}, and a changed file may have {file} (`max_file_size`, $OMK_MAX_FILE_SIZE)"
            ));
        }
        self.taken = self.taken.saturating_add(size);
        (self.taken > attempt).then(|| {
            let attempt = bytes(attempt);
            format!(
                "with it the changed files of the attempt have more than {attempt} in all (`max_attempt_size`, \
                 $OMK_MAX_ATTEMPT_SIZE)"
            )
        })
    }

    fn link(&mut self, spot: &Spot<'_>, known: Option<Leaf>) -> Result<(), Fault> {
        let what = || format!("read the link `{}`", shown(spot.path));
        let target = rustix::fs::readlinkat(spot.place.fd, OsStr::from_bytes(spot.name), Vec::new());
        let target = target.map_err(failed(what()))?;
        let id = self.intake.link(target.as_bytes(), known.map(|leaf| leaf.id)).map_err(failed(what()))?;
        let leaf = Leaf { id, kind: EntryKind::Symlink };
        match names::escapes(spot.path, target.as_bytes()) {
            Some(problem) if known != Some(leaf) => self.harvest.refuse(spot.path, problem),
            Some(_) | None => self.harvest.found(spot.path, leaf),
        }
        Ok(())
    }

    /// What its owner has locked away is refused; every other failure is ours.
    fn unreadable(&mut self, spot: &Spot<'_>, error: io::Error) -> Result<(), Fault> {
        if error.kind() != io::ErrorKind::PermissionDenied {
            return Err(failed(format!("read `{}`", shown(spot.path)))(error));
        }
        self.harvest.refuse(spot.path, "its permissions do not let it be read");
        Ok(())
    }
}

fn names_in(directory: &OwnedFd) -> io::Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let name = entry?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            names.push(name);
        }
    }
    Ok(names)
}
