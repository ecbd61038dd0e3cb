//! What stands at a path of a tree: a kind and an object.

use git2::{Oid, TreeEntry};

use crate::domain::change::EntryKind;

/// A path of a tree that is no directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    /// The blob, or the submodule's commit.
    pub(super) id: Oid,
    /// What it is.
    pub(super) kind: EntryKind,
}

impl Leaf {
    /// The leaf at a tree's entry; `None` for a directory.
    pub(super) fn of(entry: &TreeEntry<'_>) -> Option<Self> {
        kind_of_mode(entry.filemode_raw()).map(|kind| Self { id: entry.id(), kind })
    }

    /// The mode that git writes into trees and indexes.
    pub(super) fn mode(self) -> i32 {
        match self.kind {
            EntryKind::File => 0o100_644,
            EntryKind::Executable => 0o100_755,
            EntryKind::Symlink => 0o120_000,
            EntryKind::Gitlink => 0o160_000,
        }
    }

    /// Whether it has a file's content behind it.
    pub(super) fn is_file(self) -> bool {
        matches!(self.kind, EntryKind::File | EntryKind::Executable)
    }
}

/// The kind of a mode as it stands in a tree (old ones such as 100664 included); `None` for a directory.
fn kind_of_mode(mode: i32) -> Option<EntryKind> {
    match mode & 0o170_000 {
        0o120_000 => Some(EntryKind::Symlink),
        0o160_000 => Some(EntryKind::Gitlink),
        0o100_000 if mode & 0o100 != 0 => Some(EntryKind::Executable),
        0o100_000 => Some(EntryKind::File),
        _ => None,
    }
}
