//! Files that are there whole or not at all, and never outside their directory.
//!
//! Owns the one way to write a file that is not the journal: temporary file, fsync, rename, fsync of the directory.
//! Walks from the root component by component and follows no symlink, so that nobody who can plant one gets us to
//! write or read elsewhere.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, Mode, OFlags, mkdirat, openat, renameat, unlinkat};
use rustix::io::Errno;

use crate::store::error::StoreError;

/// What a write survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// A crash of the machine, once the call returns.
    Synced,
    /// A crash of the process: enough for what is rebuilt from the journal.
    Cached,
}

/// Replaces `root/path` by `bytes`; makes the directories between where they are missing. `path` is relative and in
/// normal form, else `UnsafePath`.
pub fn write_derived(root: &Path, path: &str, bytes: &[u8], durability: Durability) -> Result<(), StoreError> {
    let (directories, name) = split(path)?;
    let written = descend(root, &directories, Some(durability))
        .and_then(|directory| replace(&directory, name, bytes, durability));
    written.map_err(StoreError::io("write", &root.join(path)))
}

/// Reads `root/path`, at most `limit` bytes of it. `path` is relative and in normal form, else `UnsafePath`.
pub fn read_confined(root: &Path, path: &str, limit: u64) -> Result<Vec<u8>, StoreError> {
    let (directories, name) = split(path)?;
    let read = || {
        let directory = descend(root, &directories, None)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(openat(&directory, name, flags, Mode::empty())?);
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(StoreError::io("read", &root.join(path)))
}

/// Makes the empty file `root/path`, in the place of any other, and the directories between, durably.
pub(super) fn create_anew(root: &Path, path: &str) -> io::Result<File> {
    let (directories, name) = confined(path)?;
    let directory = descend(root, &directories, Some(Durability::Synced))?;
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let create = || openat(&directory, name, flags, Mode::RUSR | Mode::WUSR);
    let file = match create() {
        Err(Errno::EXIST) => {
            unlinkat(&directory, name, AtFlags::empty())?;
            create()?
        }
        file => file?,
    };
    Ok(File::from(file))
}

/// Gives a file another name in its directory, durably.
pub(super) fn move_durably(root: &Path, from: &str, to: &str) -> io::Result<()> {
    let ((directories, from), (_, to)) = (confined(from)?, confined(to)?);
    let directory = descend(root, &directories, None)?;
    renameat(&directory, from, &directory, to)?;
    sync(&directory, Durability::Synced)
}

/// Removes the file `root/path`.
pub(super) fn remove(root: &Path, path: &str) -> io::Result<()> {
    let (directories, name) = confined(path)?;
    Ok(unlinkat(descend(root, &directories, None)?, name, AtFlags::empty())?)
}

fn confined(path: &str) -> io::Result<(Vec<&str>, &str)> {
    split(path).map_err(|error| io::Error::new(ErrorKind::InvalidInput, error.to_string()))
}

/// Removes temporary files that dead processes left in `root` and below its `artifacts`, and there the parts of files
/// that are whole. What stays is harmless.
pub fn sweep(root: &Path) {
    sweep_one(root, false);
    sweep_one(&root.join("artifacts"), true);
}

fn sweep_one(directory: &Path, deep: bool) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && deep => sweep_one(&entry.path(), true),
            Ok(kind) if kind.is_file() && name.starts_with('.') && name.ends_with(".tmp") => {
                drop(std::fs::remove_file(entry.path()));
            }
            Ok(kind) if kind.is_file() && deep && is_left_of_whole(directory, &name) => {
                drop(std::fs::remove_file(entry.path()));
            }
            Ok(_) | Err(_) => {}
        }
    }
}

/// Whether a file is a part of one that is there whole.
fn is_left_of_whole(directory: &Path, name: &str) -> bool {
    let later = name.trim_end_matches(|c: char| c.is_ascii_digit()).strip_suffix(".part.");
    let whole = name.strip_suffix(".part").or(later);
    whole.is_some_and(|whole| directory.join(whole).is_file())
}

/// Checks a path and splits it into directories and name.
fn split(path: &str) -> Result<(Vec<&str>, &str), StoreError> {
    let refuse = |problem| Err(StoreError::UnsafePath { path: path.escape_debug().to_string(), problem });
    if path.starts_with('/') {
        return refuse("is absolute");
    }
    if path.chars().any(char::is_control) {
        return refuse("holds a control character");
    }
    let mut components: Vec<&str> = path.split('/').collect();
    if components.iter().any(|component| matches!(*component, "" | "." | "..")) {
        return refuse("is not in normal form: it has an empty, `.` or `..` component");
    }
    match components.pop() {
        Some(name) => Ok((components, name)),
        None => refuse("is empty"),
    }
}

/// Opens the directory below `root`; makes it where `make` says how durably.
fn descend(root: &Path, components: &[&str], make: Option<Durability>) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut directory = rustix::fs::open(root, flags, Mode::empty())?;
    for component in components {
        if let Some(durability) = make {
            make_directory(&directory, component, durability)?;
        }
        directory = openat(&directory, *component, flags | OFlags::NOFOLLOW, Mode::empty())?;
    }
    Ok(directory)
}

fn make_directory(parent: &OwnedFd, name: &str, durability: Durability) -> io::Result<()> {
    match mkdirat(parent, name, Mode::RWXU) {
        Err(Errno::EXIST) => Ok(()),
        made => {
            made?;
            sync(parent, durability)
        }
    }
}

fn replace(directory: &OwnedFd, name: &str, bytes: &[u8], durability: Durability) -> io::Result<()> {
    let (temporary, mut file) = create_temporary(directory)?;
    let written = file.write_all(bytes).and_then(|()| sync(&file, durability)).and_then(|()| {
        match renameat(directory, &temporary, directory, name) {
            // A directory stands there. An empty one holds nothing that could be lost.
            Err(Errno::ISDIR) => {
                unlinkat(directory, name, AtFlags::REMOVEDIR)?;
                Ok(renameat(directory, &temporary, directory, name)?)
            }
            renamed => Ok(renamed?),
        }
    });
    if written.is_err() {
        // What is left over is harmless, and the first error says more.
        let _ = unlinkat(directory, &temporary, AtFlags::empty());
    }
    written?;
    sync(directory, durability)
}

fn create_temporary(directory: &OwnedFd) -> io::Result<(String, File)> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    loop {
        let name = format!(".{}-{}.tmp", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        match openat(directory, &name, flags, Mode::RUSR | Mode::WUSR) {
            // Left by a dead process that had our id.
            Err(Errno::EXIST) => {}
            file => return Ok((name, File::from(file?))),
        }
    }
}

fn sync(file: &impl AsFd, durability: Durability) -> io::Result<()> {
    match durability {
        Durability::Synced => Ok(rustix::fs::fsync(file)?),
        Durability::Cached => Ok(()),
    }
}
