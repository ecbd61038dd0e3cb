//! The user's repository as it is found: what a goal on it starts from, or why it is refused.
//!
//! Reads only: no index is refreshed, no hook, filter or fsmonitor is run. What git opens is opened: the git program says
//! where the repository is and whether it can be trusted.

use std::fs;
use std::path::{Path, PathBuf};

use git2::{Config, ErrorCode, Repository};

use super::listing::Listing;
use super::objects::{commit_id, tree_id};
use super::refusal::Refusal;
use super::user_git::{self, Opened, Settings};
use super::{notes, open};
use crate::domain::goal::RepositoryFacts;

/// Finds the repository that holds `path` and reads what a goal needs to know of it.
pub fn inspect(path: &Path) -> Result<RepositoryFacts, Refusal> {
    let git_dir = discover(path)?;
    let common = common_directory(&git_dir);
    refuse_format(&common)?;
    refuse_path(&common)?;
    let repo = opened(&git_dir)?;
    let Some(root) = repo.workdir().map(Path::to_path_buf) else { return Err(Refusal::Bare { path: common }) };
    let unreadable =
        |error: git2::Error| Refusal::Unreadable { path: root.clone(), detail: error.message().to_owned() };
    let head = match repo.head() {
        Ok(head) => head,
        Err(error) if matches!(error.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => {
            return Err(Refusal::NoCommit { path: root });
        }
        Err(error) => return Err(unreadable(error)),
    };
    let base = head.peel_to_commit().map_err(unreadable)?;
    let listing = Listing::read(&repo, base.tree_id())
        .map_err(|fault| Refusal::UnsafeTree { path: root.clone(), detail: fault.detail })?;
    let branch = head.is_branch().then(|| String::from_utf8_lossy(head.shorthand_bytes()).into_owned());
    let base_id = commit_id(base.id());
    let detached = branch.is_none();
    let notes = notes::on(&repo, &listing, &base_id, (detached, &Settings::of(&root))).map_err(unreadable)?;
    let root = root.canonicalize().unwrap_or(root);
    Ok(RepositoryFacts { root, git_dir: common, base: base_id, base_tree: tree_id(base.tree_id()), branch, notes })
}

/// The common git directory of the repository that holds `path`: the same from its linked worktrees and subdirectories,
/// and through symlinks. `None` outside of a repository.
pub fn common_directory_of(path: &Path) -> Result<Option<PathBuf>, Refusal> {
    match discover(path) {
        Ok(git_dir) => Ok(Some(common_directory(&git_dir))),
        Err(Refusal::NotARepository { .. }) => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

/// The git directory for a path; of a linked worktree, its own.
fn discover(path: &Path) -> Result<PathBuf, Refusal> {
    let nowhere = || Refusal::NotARepository { path: path.to_path_buf() };
    let start = path.canonicalize().map_err(|_| nowhere())?;
    let start = if start.is_dir() { start } else { start.parent().map(Path::to_path_buf).unwrap_or(start) };
    let discovered = || {
        let found = Repository::discover_path(&start, std::iter::empty::<&Path>()).map_err(|_| nowhere())?;
        Ok(found.canonicalize().unwrap_or(found))
    };
    match user_git::open(&start) {
        Opened::GitDir(git_dir) => Ok(git_dir.canonicalize().unwrap_or(git_dir)),
        Opened::Foreign(path) => Err(Refusal::ForeignOwner { path }),
        Opened::Nowhere => Err(nowhere()),
        Opened::Refused(detail) => {
            // A format that this git does not know has a refusal of its own.
            let found: PathBuf = discovered()?;
            refuse_format(&common_directory(&found))?;
            Err(Refusal::Unreadable { path: checkout_of(&found), detail })
        }
        Opened::NoProgram => {
            let found = discovered()?;
            let checkout = checkout_of(&found);
            if user_git::is_ours(&checkout) { Ok(found) } else { Err(Refusal::ForeignOwner { path: checkout }) }
        }
    }
}

/// Git names object stores in files with a path on each line.
fn refuse_path(common: &Path) -> Result<(), Refusal> {
    if user_git::is_one_line(common) { Ok(()) } else { Err(Refusal::LineEndInPath { path: common.to_path_buf() }) }
}

/// Where the objects and the branches are.
fn common_directory(git_dir: &Path) -> PathBuf {
    let common = match fs::read_to_string(git_dir.join("commondir")) {
        Ok(relative) => git_dir.join(relative.trim_end_matches('\n')),
        Err(_) => git_dir.to_path_buf(),
    };
    common.canonicalize().unwrap_or(common)
}

/// Refuses by name what libgit2 would only call unsupported, or would not notice.
fn refuse_format(common: &Path) -> Result<(), Refusal> {
    let Ok(config) = Config::open(&common.join("config")).and_then(|mut config| config.snapshot()) else {
        return Ok(());
    };
    let says = |key: &str, value: &str| config.get_str(key).is_ok_and(|text| text.eq_ignore_ascii_case(value));
    let path = common.to_path_buf();
    if says("extensions.objectformat", "sha256") {
        return Err(Refusal::Sha256 { path });
    }
    if says("extensions.refstorage", "reftable") {
        return Err(Refusal::Reftable { path });
    }
    match promisor(&config) {
        Some(remote) => Err(Refusal::PartialClone { path, remote }),
        None => Ok(()),
    }
}

/// The remote that a partial clone expects the missing objects from.
fn promisor(config: &Config) -> Option<String> {
    if let Ok(remote) = config.get_str("extensions.partialclone") {
        return Some(remote.to_owned());
    }
    let mut entries = config.entries(Some(r"^remote\..*\.promisor$")).ok()?;
    while let Some(Ok(entry)) = entries.next() {
        let name = entry.name().unwrap_or_default().to_owned();
        if config.get_bool(&name).unwrap_or(false) {
            return name.strip_prefix("remote.").and_then(|rest| rest.strip_suffix(".promisor")).map(str::to_owned);
        }
    }
    None
}

fn opened(git_dir: &Path) -> Result<Repository, Refusal> {
    let unreadable =
        |error: git2::Error| Refusal::Unreadable { path: git_dir.to_path_buf(), detail: error.message().to_owned() };
    open::open(git_dir).map_err(unreadable)
}

fn checkout_of(git_dir: &Path) -> PathBuf {
    match git_dir.file_name() {
        Some(name) if name == ".git" => git_dir.parent().unwrap_or(git_dir).to_path_buf(),
        Some(_) | None => git_dir.to_path_buf(),
    }
}
