//! Removing what agents and gates leave: whole trees, however deep, also those that they made read-only.
//!
//! Build tools lock what they cache (Go's modules, Cargo's registry), and an ordinary user cannot remove a file from a
//! directory that is not writable. Never follows a link: what lies behind one is not ours. Holds few directories open and
//! little on the stack: what is too deep is moved up first. Whatever is gone already, at any depth, is no error: another
//! process may remove the same tree.

use std::ffi::CStr;
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, fchmod, openat, renameat, unlinkat};
use rustix::io::Errno;

/// How many directories are held open, one in the other.
const DEPTH: usize = 64;

/// Removes a path with all that is below it, whatever it is and whichever permissions were taken away. One that is not
/// there is no error. What can be removed is, also where something else cannot.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    remove_tree_until(path, &AtomicBool::new(false))
}

/// Like [`remove_tree`], but ends with an error soon after `halted` is set.
pub fn remove_tree_until(path: &Path, halted: &AtomicBool) -> io::Result<()> {
    let gone = |result: io::Result<()>| match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    };
    let Ok(name) = std::ffi::CString::new(path.as_os_str().as_encoded_bytes()) else {
        return Err(ErrorKind::InvalidInput.into());
    };
    match open(CWD, &name) {
        Ok(top) => {
            let mut moved = 0;
            loop {
                Level { top: top.as_fd(), moved: &mut moved, depth: 0, halted }.empty(top.as_fd())?;
                match gone(fs::remove_dir(path)) {
                    // What was too deep has come up.
                    Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty && moved > 0 => moved = 0,
                    done => return done,
                }
            }
        }
        Err(Errno::NOENT) => Ok(()),
        Err(Errno::NOTDIR | Errno::LOOP) => gone(fs::remove_file(path)),
        Err(error) => Err(error.into()),
    }
}

/// The same; what cannot be removed (somebody else's, immutable, a mount) is moved into `aside`, on the same file system,
/// and stands in nobody's way there. Says where it is then.
pub fn remove_or_move(path: &Path, aside: &Path) -> io::Result<Option<PathBuf>> {
    remove_or_move_until(path, aside, &AtomicBool::new(false))
}

/// Like [`remove_or_move`], but ends with an error soon after `halted` is set; nothing is moved then.
pub fn remove_or_move_until(path: &Path, aside: &Path, halted: &AtomicBool) -> io::Result<Option<PathBuf>> {
    let Err(stays) = remove_tree_until(path, halted) else { return Ok(None) };
    if halted.load(Ordering::Relaxed) {
        return Err(stays);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    fs::create_dir_all(aside)?;
    for number in 1..=u16::MAX {
        let place = aside.join(format!("{name}.{number}"));
        if fs::symlink_metadata(&place).is_err() {
            return match fs::rename(path, &place) {
                Ok(()) => Ok(Some(place)),
                Err(_) => Err(stays),
            };
        }
    }
    Err(stays)
}

/// One directory on the way down.
struct Level<'a> {
    /// The directory that is to go with all below it.
    top: BorrowedFd<'a>,
    /// How many were moved up into it.
    moved: &'a mut u32,
    depth: usize,
    halted: &'a AtomicBool,
}

impl Level<'_> {
    /// Removes all that is in a directory, as far as it can be; the first failure counts.
    fn empty(&mut self, dir: BorrowedFd<'_>) -> io::Result<()> {
        let mut failed = None;
        for entry in Dir::read_from(dir)? {
            if self.halted.load(Ordering::Relaxed) {
                return Err(io::Error::other("the removal was stopped"));
            }
            let entry = match entry {
                // The directory itself was removed meanwhile.
                Err(Errno::NOENT) => break,
                entry => entry?,
            };
            let name = entry.file_name();
            if !matches!(name.to_bytes(), b"." | b"..")
                && let Err(error) = self.remove(dir, name, entry.file_type())
            {
                failed.get_or_insert(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn remove(&mut self, dir: BorrowedFd<'_>, name: &CStr, kind: FileType) -> io::Result<()> {
        let file = match kind {
            FileType::Directory => Err(Errno::ISDIR),
            _ => writable(dir, || unlinkat(dir, name, AtFlags::empty())),
        };
        match file {
            Err(Errno::ISDIR) if self.depth < DEPTH => {
                let inner = match open(dir, name) {
                    Err(Errno::NOENT) => return Ok(()),
                    inner => inner?,
                };
                let (depth, halted) = (self.depth + 1, self.halted);
                Level { top: self.top, moved: &mut *self.moved, depth, halted }.empty(inner.as_fd())?;
                drop(inner);
                already_gone(writable(dir, || unlinkat(dir, name, AtFlags::REMOVEDIR)))
            }
            Err(Errno::ISDIR) => self.move_up(dir, name),
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn move_up(&mut self, dir: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
        loop {
            *self.moved += 1;
            let place = format!(".omk-deep.{}", self.moved);
            // It has to be writable itself, for its way up changes.
            let moved = writable(dir, || match renameat(dir, name, self.top, place.as_str()) {
                Err(Errno::ACCESS) => unlock(dir, name).and_then(|()| renameat(dir, name, self.top, place.as_str())),
                other => other,
            });
            match moved {
                Err(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR) => {}
                other => return already_gone(other),
            }
        }
    }
}

/// A removal whose object is not there any more has succeeded.
fn already_gone(removed: Result<(), Errno>) -> io::Result<()> {
    match removed {
        Err(Errno::NOENT) => Ok(()),
        other => Ok(other?),
    }
}

/// Opens a directory, no link.
fn open(at: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(at, name, flags, Mode::empty()) {
        Err(Errno::ACCESS) => {
            unlock(at, name)?;
            openat(at, name, flags, Mode::empty())
        }
        other => other,
    }
}

/// Gives its owner a directory back, no link, that may not even be opened.
fn unlock(at: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
    let dir = openat(at, name, OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let itself = format!("/proc/self/fd/{}", dir.as_raw_fd());
    fs::set_permissions(itself, Permissions::from_mode(0o700)).map_err(|_| Errno::ACCESS)
}

/// Does something to an entry of a directory; where that is not writable, it is made so.
fn writable(dir: BorrowedFd<'_>, mut act: impl FnMut() -> Result<(), Errno>) -> Result<(), Errno> {
    match act() {
        Err(Errno::ACCESS) => {
            fchmod(dir, Mode::RWXU)?;
            act()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_a_file_and_nothing_are_removed_as_trees_are_and_what_is_behind_a_link_stays() {
        let dir = tempfile::tempdir().expect("a directory");
        let (behind, link, file) = (dir.path().join("behind"), dir.path().join("link"), dir.path().join("file"));
        fs::create_dir(&behind).expect("a directory");
        fs::set_permissions(&behind, Permissions::from_mode(0o555)).expect("a mode");
        std::os::unix::fs::symlink(&behind, &link).expect("a link");
        fs::write(&file, "x").expect("a file");
        for path in [&link, &file, &dir.path().join("nothing")] {
            remove_tree(path).expect("it goes");
            assert!(fs::symlink_metadata(path).is_err(), "{path:?}");
        }
        let mode = fs::metadata(&behind).expect("it stays").permissions().mode();
        assert_eq!(mode & 0o777, 0o555);
    }
}
