//! The ignore rules that a tree itself states: the `.gitignore` files of one commit, and nothing else.
//!
//! Neither a worktree's own files nor the user's or the system's excludes are read: an agent could write the first, and
//! the others differ from machine to machine.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use git2::Repository;
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::checkout::split;
use super::listing::Listing;
use super::objects::{blob, failed};
use crate::domain::order::Fault;

/// Where the rules believe the tree to be; it need not exist.
const ROOT: &str = "/tree";

/// The rules of one tree, by the directory whose `.gitignore` states them.
pub(super) struct IgnoreRules {
    by_directory: HashMap<Box<[u8]>, Gitignore>,
}

impl IgnoreRules {
    /// Reads every `.gitignore` of a tree. Lines that are no pattern are passed over, as git does.
    pub(super) fn read(repo: &Repository, listing: &Listing) -> Result<Self, Fault> {
        let mut by_directory = HashMap::new();
        for entry in listing.entries() {
            let (directory, name) = split(&entry.path);
            if name == b".gitignore" && entry.leaf.is_file() {
                let rules = rules(directory, &blob(repo, entry.leaf.id)?)?;
                by_directory.insert(directory.into(), rules);
            }
        }
        Ok(Self { by_directory })
    }

    /// Whether a path is excluded by itself, its parents left aside: the nearest directory with a rule for it decides.
    pub(super) fn exclude(&self, path: &[u8], is_directory: bool) -> bool {
        if self.by_directory.is_empty() {
            return false;
        }
        let full = absolute(path);
        let mut directory = path;
        while !directory.is_empty() {
            directory = split(directory).0;
            let verdict = self.by_directory.get(directory).map(|rules| rules.matched(&full, is_directory));
            match verdict {
                Some(Match::Ignore(_)) => return true,
                Some(Match::Whitelist(_)) => return false,
                Some(Match::None) | None => {}
            }
        }
        false
    }
}

fn rules(directory: &[u8], content: &[u8]) -> Result<Gitignore, Fault> {
    let mut builder = GitignoreBuilder::new(absolute(directory));
    let text = String::from_utf8_lossy(content);
    for line in text.strip_prefix('\u{feff}').unwrap_or(&text).lines() {
        let _unusable = builder.add_line(None, line);
    }
    builder.build().map_err(failed("read the base's ignore rules"))
}

fn absolute(path: &[u8]) -> PathBuf {
    Path::new(ROOT).join(OsStr::from_bytes(path))
}
