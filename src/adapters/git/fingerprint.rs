//! Whether anything in a worktree has changed since somebody looked last.
//!
//! Reads metadata only, never content, and follows no symlink. A number that stays the same means "nothing seen", so
//! what cannot be read counts as what it is: unreadable.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::abandon::Abandon;

/// A number over the names, sizes, inodes and times of everything below `root` but its `.git`. Fails when abandoned only.
pub(super) fn fingerprint(root: &Path, abandon: &Abandon) -> io::Result<u64> {
    let mut hasher = DefaultHasher::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(directory) = waiting.pop() {
        abandon.check()?;
        match entries(&directory) {
            Ok(entries) => entries.into_iter().for_each(|entry| {
                entry.hash(&mut hasher);
                if entry.directory {
                    waiting.push(directory.join(&entry.name));
                }
            }),
            Err(error) => error.kind().hash(&mut hasher),
        }
    }
    Ok(hasher.finish())
}

#[derive(Hash, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    name: std::ffi::OsString,
    directory: bool,
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

/// What stands in a directory, by name.
fn entries(directory: &Path) -> io::Result<Vec<Entry>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == ".git" {
            continue;
        }
        let Ok(metadata) = entry.metadata() else { continue };
        let directory = metadata.is_dir();
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        found.push(Entry { name, directory, inode: metadata.ino(), size: metadata.size(), changed });
    }
    found.sort();
    Ok(found)
}
