//! What the machine lacks when our own steps fail, and with them perhaps those of agents and gates.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A resource of the machine that is used up or refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shortage {
    /// The disk has no room left, or no inode.
    Disk,
    /// The disk quota of the user is used up.
    Quota,
    /// The file system takes no writes.
    ReadOnly,
    /// The disk reports errors.
    DiskErrors,
    /// The process, or the system, may open no further file.
    Descriptors,
    /// There is no memory left.
    Memory,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disk => "the disk is full",
            Self::Quota => "the disk quota is used up",
            Self::ReadOnly => "the file system is read-only",
            Self::DiskErrors => "the disk has errors",
            Self::Descriptors => "no further file can be opened",
            Self::Memory => "there is no memory left",
        })
    }
}

/// Whose disk is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// The one that holds the goal: its repository, worktrees, gates and evidence.
    Goal,
    /// The one that holds the user's repository.
    User,
}
