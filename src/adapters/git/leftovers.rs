//! What a dead run left in the goal's git places: worktrees, locks, temporary files, a damaged private repository.
//!
//! To be called by the holder of the goal's lock before anything else uses these places: then no live process of ours
//! does, so everything in the private repository that looks unfinished is a dead one's. In the user's repository only
//! what lies below the goal's own refs is ours; everything else there is looked at and left alone.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::objects::{commit_id, commit_oid, failed, fault};
use super::power;
use super::private::{CONFIG, DIRECTORIES, HEAD, PRECIOUS, PrivateRepository, config};
use super::regular;
use crate::adapters::removal::{remove_or_move, remove_tree};
use crate::adapters::remover::UNREMOVABLE;
use crate::domain::goal::RepositoryFacts;
use crate::domain::ids::{CommitId, GoalId};
use crate::domain::order::Fault;
use crate::domain::supervision::Leftovers;

/// How unfinished files of object stores begin: git's and libgit2's.
const UNFINISHED: [&str; 6] = ["tmp_obj", "tmp_pack", "tmp_idx", "tmp_rev", "pack_git2_", ".tmp-"];
/// Locks by which git guards a repository as a whole.
const GUARDS: [&str; 4] = ["index.lock", "HEAD.lock", "packed-refs.lock", "config.lock"];

/// What is known of the run before this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// There was none.
    Nothing,
    /// It came to rest.
    Rest,
    /// It came to rest because our own machinery failed: every object of ours is read again.
    Failure,
    /// It died, perhaps with the machine: every object of ours is read again.
    Death,
}

/// Removes what is left and mends what is damaged, below `goal_directory` and in the user's refs of this goal; worktrees
/// that are `kept`, relative to the goal directory, stay. May be
/// called any number of times; a second call finds nothing.
pub fn clear(
    goal_directory: &Path,
    goal: &GoalId,
    facts: &RepositoryFacts,
    (before, kept): (Before, &BTreeSet<PathBuf>),
) -> Result<Leftovers, Fault> {
    let mut found = Leftovers::default();
    clear_refs(goal, &facts.git_dir, &mut found)?;
    if before == Before::Death {
        let guards = GUARDS.iter().map(|name| facts.git_dir.join(name)).filter(|lock| lock.exists());
        found.left_alone = guards.map(|lock| format!("{}: not ours", lock.display())).collect();
    }
    let repository = goal_directory.join("repo.git");
    let what = || format!("mend the goal's repository {}", repository.display());
    mend(&repository, before, &mut found.repairs).map_err(failed(what()))?;
    clear_worktrees(goal_directory, &repository, kept, &mut found)?;
    if repository.exists() {
        let locks = remove_where(&repository, &|name| name.ends_with(".lock"), &["objects"]).map_err(failed(what()))?;
        found.locks.extend(locks.iter().map(|lock| relative(goal_directory, lock)));
        let unfinished = |name: &str| UNFINISHED.iter().any(|start| name.starts_with(start));
        let files = remove_where(&repository.join("objects"), &unfinished, &[]).map_err(failed(what()))?;
        if !files.is_empty() {
            found.repairs.push(format!("removed {} unfinished object file(s) of the private repository", files.len()));
        }
        let broken = power::mend(&repository, matches!(before, Before::Failure | Before::Death))?;
        if broken > 0 {
            found.repairs.push(format!("removed {broken} broken object(s) of the private repository"));
        }
    }
    Ok(found)
}

/// Sees to it that git takes the directory for a repository: everything in it but the objects is always the same.
fn mend(repository: &Path, before: Before, repairs: &mut Vec<String>) -> io::Result<()> {
    match fs::symlink_metadata(repository) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if before != Before::Nothing {
                repairs.push("the private repository was gone and is made anew".to_owned());
            }
            return Ok(());
        }
        found => {
            if !found?.is_dir() {
                let aside = first_free(repository);
                fs::rename(repository, &aside)?;
                let aside = aside.file_name().unwrap_or_default().to_string_lossy().into_owned();
                repairs.push(format!("repo.git was no directory: it is kept as {aside} and made anew"));
                return Ok(());
            }
        }
    }
    let mut damaged = Vec::new();
    for directory in DIRECTORIES {
        let directory = repository.join(directory);
        if !directory.is_dir() {
            damaged.push(relative(repository, &directory));
            drop(fs::remove_file(&directory));
            fs::create_dir_all(&directory)?;
        }
    }
    for (file, content) in [("HEAD", HEAD.to_owned()), ("config", config())] {
        let path = repository.join(file);
        let found = regular::read(&path).unwrap_or_default();
        if found != content.as_bytes() {
            if !earlier_configs().iter().any(|earlier| found == earlier.as_bytes()) {
                damaged.push(file.to_owned());
            }
            drop(remove_tree(&path));
            fs::write(&path, content)?;
        }
    }
    // An empty directory of entries is git's to remove.
    damaged.retain(|name| name != "worktrees");
    if !damaged.is_empty() {
        repairs.push(format!("made again in the private repository: {}", damaged.join(", ")));
    }
    Ok(())
}

/// What earlier versions wrote: without the user's identity, and before 0.2 without precious objects.
fn earlier_configs() -> [String; 2] {
    let first = CONFIG.replace("repositoryformatversion = 1", "repositoryformatversion = 0").replace(PRECIOUS, "");
    [first, CONFIG.to_owned()]
}

fn first_free(path: &Path) -> PathBuf {
    let mut number = 1_u32;
    loop {
        let aside = path.with_extension(format!("git.damaged.{number}"));
        if fs::symlink_metadata(&aside).is_err() {
            return aside;
        }
        number += 1;
    }
}

/// Removes every worktree with its entry but for those that are kept; entries without a worktree and half-made ones too.
fn clear_worktrees(
    goal_directory: &Path,
    repository: &Path,
    kept: &BTreeSet<PathBuf>,
    found: &mut Leftovers,
) -> Result<(), Fault> {
    let aside = goal_directory.join(UNREMOVABLE);
    let making = repository.join("omk-making");
    for place in [&goal_directory.join("worktrees"), &repository.join("worktrees"), &making] {
        for entry in entries(place).map_err(failed(format!("list {}", place.display())))? {
            let name = format!("worktrees/{}", entry.file_name().unwrap_or_default().to_string_lossy());
            if kept.contains(Path::new(&name)) && *place != making {
                continue;
            }
            let moved = remove_or_move(&entry, &aside).map_err(failed(format!("remove {}", entry.display())))?;
            let why = |place: PathBuf| format!("{}: something in it cannot be removed", place.display());
            found.left_alone.extend(moved.map(why));
            if !found.worktrees.contains(&name) {
                found.worktrees.push(name);
            }
        }
    }
    found.worktrees.sort();
    Ok(())
}

/// Locks on the goal's own refs in the user's repository: nobody else makes these refs.
fn clear_refs(goal: &GoalId, git_dir: &Path, found: &mut Leftovers) -> Result<(), Fault> {
    if !git_dir.is_dir() {
        let detail = "it is gone or was moved; put it back where it was, then resume";
        return Err(fault(format!("open your repository {}", git_dir.display()), detail));
    }
    for below in [format!("refs/heads/omk/{goal}"), format!("refs/omk/{goal}")] {
        found.locks.extend(unlock(git_dir, &below)?.iter().map(|lock| lock.display().to_string()));
    }
    Ok(())
}

/// Removes the locks below a directory of refs that only the goal's own processes make, and returns their paths. To be
/// called by the holder of the goal's lock: who made them is dead.
pub(super) fn unlock(git_dir: &Path, below: &str) -> Result<Vec<PathBuf>, Fault> {
    let directory = git_dir.join(below);
    let removed = remove_where(&directory, &|name| name.ends_with(".lock"), &[]);
    removed.map_err(failed(format!("remove our locks below {}", directory.display())))
}

/// Removes the files below a directory whose names are wanted, and returns their paths, sorted. Follows no links;
/// directories called as in `but`, right below it, are passed over.
fn remove_where(directory: &Path, wanted: &dyn Fn(&str) -> bool, but: &[&str]) -> io::Result<Vec<PathBuf>> {
    let mut removed = Vec::new();
    for path in entries(directory)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_dir()) {
            if !but.contains(&name.as_str()) {
                removed.extend(remove_where(&path, wanted, &[])?);
            }
        } else if wanted(&name) {
            remove_any(&path)?;
            removed.push(path);
        }
    }
    removed.sort();
    Ok(removed)
}

/// What a directory holds; nothing where it is not there.
fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(directory) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(Vec::new()),
        entries => entries?.map(|entry| entry.map(|entry| entry.path())).collect(),
    }
}

fn remove_any(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => remove_tree(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

/// Whether the user's repository still has the commit that the goal starts from, with its tree.
pub fn base_is_there(facts: &RepositoryFacts) -> Result<bool, Fault> {
    let user = PrivateRepository::open_at(&facts.git_dir)?;
    let base = commit_oid(&facts.base)?;
    Ok(user.find_commit(base).and_then(|commit| commit.tree()).is_ok())
}

/// The commit that a branch of the user's repository names now; `None` where there is no such branch.
pub fn branch_now(facts: &RepositoryFacts, branch: &str) -> Option<CommitId> {
    let user = PrivateRepository::open_at(&facts.git_dir).ok()?;
    let found = user.find_branch(branch, git2::BranchType::Local).ok()?;
    found.get().target().map(commit_id)
}
