//! Refs of the user's repository as files: made durable, and known when they are damaged.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use git2::{Oid, Repository};

/// Syncs refs of these whole names and their directories, as far as they are files: a ref that a loss of power empties
/// would trouble every command in the repository. Best effort: the journal holds every commit.
pub(super) fn sync(user: &Repository, names: impl IntoIterator<Item = String>) {
    let refs = user.commondir().join("refs");
    let mut directories: Vec<PathBuf> = Vec::new();
    for name in names {
        let file = user.commondir().join(name);
        let _best_effort = File::open(&file).and_then(|file| file.sync_all());
        directories
            .extend(file.ancestors().skip(1).take_while(|above| above.starts_with(&refs)).map(Path::to_path_buf));
    }
    directories.sort();
    directories.dedup();
    for directory in directories {
        let _best_effort = File::open(directory).and_then(|directory| directory.sync_all());
    }
}

/// The file of a ref that says nothing: a loss of power left it empty, or with what the disk held before.
pub(super) fn damaged(user: &Repository, name: &str) -> Option<PathBuf> {
    let file = user.commondir().join(name);
    let content = fs::read(&file).ok()?;
    let text = std::str::from_utf8(&content).map(str::trim_end).unwrap_or_default();
    (!text.starts_with("ref: ") && (text.len() != 40 || Oid::from_str(text).is_err())).then_some(file)
}
