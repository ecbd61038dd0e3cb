//! What a user should know about a repository before a goal runs on it, a sentence each.

use std::collections::BTreeSet;

use git2::{Error, Repository, Status, StatusOptions};

use super::checkout::split;
use super::listing::Listing;
use super::user_git::Settings;
use crate::domain::change::EntryKind;
use crate::domain::ids::CommitId;

/// The notes on a repository whose base has these files.
pub(super) fn on(
    repo: &Repository,
    base: &Listing,
    commit: &CommitId,
    (detached, settings): (bool, &Settings),
) -> Result<Vec<String>, Error> {
    let mut notes = Vec::new();
    if detached {
        notes.push(format!("HEAD is detached: the base is the commit {}", commit.short()));
    }
    notes.extend(left_out(repo, commit).unwrap_or_else(|error| {
        // Split and sparse indexes, say: nothing but this note depends on the index.
        Some(format!("uncommitted work is left out, and cannot be counted: {}", error.message()))
    }));
    if repo.is_worktree() {
        notes.push(format!("the checkout is a linked worktree of {}", repo.commondir().display()));
    }
    if repo.is_shallow() {
        notes.push("the clone is shallow: history ends where it was cut".to_owned());
    }
    if settings.is_on("commit.gpgsign") {
        notes.push("commit.gpgsign is set, but the commits of omk are not signed".to_owned());
    }
    notes.extend(submodules(base));
    notes.extend(attributes(repo, base)?);
    Ok(notes)
}

/// What the checkout holds beyond the base.
fn left_out(repo: &Repository, commit: &CommitId) -> Result<Option<String>, Error> {
    let mut options = StatusOptions::new();
    options.include_untracked(true).recurse_untracked_dirs(false).exclude_submodules(true).update_index(false);
    let statuses = repo.statuses(Some(&mut options))?;
    let untracked = statuses.iter().filter(|entry| entry.status() == Status::WT_NEW).count();
    let changed = statuses.len() - untracked;
    if changed + untracked == 0 {
        return Ok(None);
    }
    Ok(Some(format!(
        "uncommitted work is left out ({}, {}): the base is HEAD, {}",
        counted(changed, "changed file"),
        counted(untracked, "untracked path"),
        commit.short()
    )))
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn submodules(base: &Listing) -> Option<String> {
    let count = base.entries().iter().filter(|entry| entry.leaf.kind == EntryKind::Gitlink).count();
    (count > 0).then(|| {
        format!(
            "{}: commits stay as they are, directories are empty in worktrees and gates",
            counted(count, "submodule")
        )
    })
}

/// What attributes ask for and is not done: files are handled byte for byte.
fn attributes(repo: &Repository, base: &Listing) -> Result<Vec<String>, Error> {
    let mut asked = BTreeSet::new();
    for entry in base.entries().iter().filter(|entry| split(&entry.path).1 == b".gitattributes" && entry.leaf.is_file())
    {
        let content = repo.find_blob(entry.leaf.id)?;
        for line in String::from_utf8_lossy(content.content()).lines().filter(|line| !line.starts_with('#')) {
            asked.extend(line.split_whitespace().skip(1).filter_map(conversion));
        }
    }
    Ok(asked.into_iter().map(Conversion::note).collect())
}

/// A conversion that attributes can ask for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Conversion {
    Lfs,
    LineEnds,
    Filter(String),
}

fn conversion(attribute: &str) -> Option<Conversion> {
    let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
    match (name, value) {
        ("filter", "lfs") => Some(Conversion::Lfs),
        ("filter", other) if !other.is_empty() => Some(Conversion::Filter(other.to_owned())),
        ("text" | "eol" | "crlf" | "working-tree-encoding" | "ident", _) => Some(Conversion::LineEnds),
        _ => None,
    }
}

impl Conversion {
    fn note(self) -> String {
        match self {
            Self::Lfs => {
                "files in git LFS are pointers in worktrees and gates: their content is not fetched".to_owned()
            }
            Self::LineEnds => "attributes ask for line-end or encoding conversion: files are handled byte for byte, \
                               as they are stored"
                .to_owned(),
            Self::Filter(name) => {
                format!("attributes ask for the filter `{name}`: it is not run, files are as they are stored")
            }
        }
    }
}
