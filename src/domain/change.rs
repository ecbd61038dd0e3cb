//! A change between two trees, as reviewers and policy see it: by value, without a repository behind it.

use serde::{Deserialize, Serialize};

/// What kind of thing a path of a tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// An ordinary file.
    File,
    /// A file with the executable bit.
    Executable,
    /// A symbolic link.
    Symlink,
    /// A commit of a submodule.
    Gitlink,
}

/// A line of a file in a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Its number, from 1: in the new file for added lines, in the old one for removed lines.
    pub number: u32,
    /// Its text without the line's end, lossily decoded, cut at 2,000 characters.
    pub text: String,
}

/// How one path changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// The repository path.
    pub path: String,
    /// What it was; `None` where it is new.
    pub before: Option<EntryKind>,
    /// What it is; `None` where it is gone.
    pub after: Option<EntryKind>,
    /// Whether its content is not text (or too large to be looked at), so that it has no lines here.
    pub binary: bool,
    /// The lines added, in order.
    pub added: Vec<Line>,
    /// The lines removed, in order.
    pub removed: Vec<Line>,
    /// The target, where it is now a symbolic link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_target: Option<String>,
}

/// All that changed between two trees, sorted by path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The changed files.
    pub files: Vec<FileChange>,
}

impl Change {
    /// Lines added in all.
    pub fn added(&self) -> u64 {
        self.files.iter().map(|file| file.added.len() as u64).sum()
    }

    /// Lines removed in all.
    pub fn removed(&self) -> u64 {
        self.files.iter().map(|file| file.removed.len() as u64).sum()
    }
}
