//! The goal's private bare repository `repo.git`, and the one ref that keeps the base alive in the user's.
//!
//! Its objects borrow from the user's store through `info/alternates`; its configuration is ours alone. It appears
//! whole, by a rename; what a dead process left half made is made anew. Objects are written as they come, and synced
//! before the commit that needs them is returned (see `durable`). After a loss of power the store is mended (see `power`).
//! What is delivered is synced before its branches exist.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use git2::{ErrorCode, Oid, Repository};

use super::identity::Identity;
use super::merge_program::ROOM_PREFIX;
use super::objects::{commit_oid, failed, fault};
use super::sharing::Sharing;
use super::worktree::entry_name;
use super::{alternates, leftovers, open, packed_refs, power, refs, regular};
use crate::adapters::removal::remove_tree;
use crate::domain::fact::Branch;
use crate::domain::goal::RepositoryFacts;
use crate::domain::ids::{CommitId, GoalId};
use crate::domain::order::Fault;

/// Ours alone: nothing runs by itself, contents are taken as they are, and nothing is pruned, whoever asks: what was
/// captured and merged hangs on the journal, which git does not know.
pub(super) const CONFIG: &str = "[core]
\trepositoryformatversion = 1
\tbare = true
\tfilemode = true
\tautocrlf = false
\tsafecrlf = false
\thooksPath = /dev/null
\tfsmonitor = false
\tattributesFile = /dev/null
\texcludesFile = /dev/null
[extensions]
\tpreciousObjects = true
[gc]
\tauto = 0
\tpruneExpire = never
[maintenance]
\tauto = false
";
/// What lets those who commit in a worktree themselves do so as the user. Behind [`CONFIG`] in the file.
pub(super) const INCLUDE: &str = "[include]\n\tpath = identity\n";
/// The file that it names, in the private repository.
const IDENTITY: &str = "identity";
/// Nobody else reads or changes what a goal holds.
const PRIVATE_DIRECTORY: u32 = 0o700;
const PRIVATE_FILE: u32 = 0o600;

/// The part of it by which git refuses to prune.
pub(super) const PRECIOUS: &str = "[extensions]\n\tpreciousObjects = true\n";
/// A HEAD that names nothing: the repository has no refs.
pub(super) const HEAD: &str = "ref: refs/heads/none\n";
/// What git expects of a repository, and what we put worktrees' entries into.
pub(super) const DIRECTORIES: [&str; 6] =
    ["objects/info", "objects/pack", "refs/heads", "refs/tags", "info", "worktrees"];

/// The configuration of the private repository.
pub(super) fn config() -> String {
    [CONFIG, INCLUDE].concat()
}

/// Where a goal's repository and worktrees are, and which repository it borrows from.
#[derive(Clone, Debug)]
pub struct PrivateRepository {
    goal: GoalId,
    directory: PathBuf,
    user: PathBuf,
    checkout: PathBuf,
    base: CommitId,
}

impl PrivateRepository {
    /// Makes the private repository below the goal's directory where it is not there, and sees to it that it can be
    /// used: borrowed stores, the ref that keeps the base, what a loss of power broke. May be called any number of
    /// times.
    pub fn create(goal_directory: &Path, goal: &GoalId, facts: &RepositoryFacts) -> Result<Self, Fault> {
        let what = || format!("make the goal's repository in {}", goal_directory.display());
        fs::create_dir_all(goal_directory).map_err(failed(what()))?;
        let directory = goal_directory.canonicalize().map_err(failed(what()))?;
        let place = Self {
            goal: goal.clone(),
            directory,
            user: facts.git_dir.clone(),
            checkout: facts.root.clone(),
            base: facts.base.clone(),
        };
        place.keep_base()?;
        if !place.repository().exists() {
            place.make().map_err(failed(what()))?;
        }
        place.close_to_others().map_err(failed(what()))?;
        place.borrow()?;
        place.sweep().map_err(failed(what()))?;
        power::mend(&place.repository(), false)?;
        Ok(place)
    }

    /// The bare repository.
    pub fn repository(&self) -> PathBuf {
        self.directory.join("repo.git")
    }

    /// The directory of worktrees.
    pub fn worktrees(&self) -> PathBuf {
        self.directory.join("worktrees")
    }

    /// The goal's own directory.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The user's checkout.
    pub(super) fn checkout(&self) -> &Path {
        &self.checkout
    }

    /// The goal.
    pub(super) fn goal(&self) -> &GoalId {
        &self.goal
    }

    /// The commit that the goal starts from.
    pub(super) fn base(&self) -> &CommitId {
        &self.base
    }

    /// The private repository's entries of worktrees.
    pub(super) fn worktree_entries(&self) -> PathBuf {
        self.repository().join("worktrees")
    }

    /// The entry of one worktree.
    pub(super) fn worktree_entry(&self, directory: &Path) -> Result<PathBuf, Fault> {
        Ok(self.worktree_entries().join(entry_name(directory)?))
    }

    /// Where the entry of one worktree is put together.
    pub(super) fn making(&self, directory: &Path) -> PathBuf {
        self.repository().join("omk-making").join(directory.file_name().unwrap_or_default())
    }

    /// A user's repository, by its git directory.
    pub(super) fn open_at(git_dir: &Path) -> Result<Repository, Fault> {
        open_user(git_dir)
    }

    /// The user's repository.
    pub(super) fn open_user(&self) -> Result<Repository, Fault> {
        open_user(&self.user)
    }

    /// Where the user's objects are.
    pub(super) fn user_objects(&self) -> PathBuf {
        self.user.join("objects")
    }

    /// Writes down who commits, for agents that commit in their worktree themselves.
    pub(super) fn tell(&self, author: &Identity) -> Result<(), Fault> {
        let file = self.repository().join(IDENTITY);
        let fresh = self.repository().join("identity.new");
        let written = write(&fresh, author.settings().as_bytes()).and_then(|()| fs::rename(&fresh, &file));
        written.map_err(failed(format!("write {}", file.display())))
    }

    /// Makes the directories of the repository and of worktrees this user's alone.
    fn close_to_others(&self) -> io::Result<()> {
        for directory in [self.repository(), self.worktrees()] {
            DirBuilder::new().recursive(true).mode(PRIVATE_DIRECTORY).create(&directory)?;
            if fs::metadata(&directory)?.permissions().mode() & 0o777 != PRIVATE_DIRECTORY {
                fs::set_permissions(&directory, Permissions::from_mode(PRIVATE_DIRECTORY))?;
            }
        }
        Ok(())
    }

    fn make(&self) -> io::Result<()> {
        let making = self.directory.join("repo.git.making");
        remove_tree(&making)?;
        DirBuilder::new().mode(PRIVATE_DIRECTORY).create(&making)?;
        for directory in DIRECTORIES {
            DirBuilder::new().recursive(true).mode(PRIVATE_DIRECTORY).create(making.join(directory))?;
        }
        write(&making.join("HEAD"), HEAD.as_bytes())?;
        write(&making.join("config"), config().as_bytes())?;
        match fs::copy(self.user.join("shallow"), making.join("shallow")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(_) | Err(_) => {}
        }
        let above = ["HEAD", "config", "objects", "refs", ""];
        for path in DIRECTORIES.iter().chain(&above) {
            File::open(making.join(path))?.sync_all()?;
        }
        fs::rename(&making, self.repository())?;
        File::open(&self.directory)?.sync_all()
    }

    /// Names the user's object stores as alternates, all of them, absolutely.
    fn borrow(&self) -> Result<(), Fault> {
        let stores = alternates::stores(&self.user_objects())?;
        if stores.is_empty() {
            return Err(fault("borrow the repository's objects", format!("{} is gone", self.user_objects().display())));
        }
        let content = alternates::listed(&stores)?;
        let file = self.repository().join("objects/info/alternates");
        if regular::read(&file).is_ok_and(|old| old == content) {
            return Ok(());
        }
        let fresh = file.with_extension("new");
        let written = write(&fresh, &content).and_then(|()| fs::rename(&fresh, &file));
        written.map_err(failed(format!("write {}", file.display())))
    }

    /// Removes what a dead process left of its merges.
    fn sweep(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(ROOM_PREFIX) && entry.file_type()?.is_dir() {
                remove_tree(&entry.path())?;
            }
        }
        Ok(())
    }

    /// The name of the ref that keeps the base reachable in the user's repository.
    fn base_ref(goal: &GoalId) -> String {
        format!("refs/omk/{goal}/base")
    }

    fn keep_base(&self) -> Result<(), Fault> {
        let name = Self::base_ref(&self.goal);
        let what = || format!("keep the base reachable as {name}");
        let user = self.open_user()?;
        let base = commit_oid(&self.base)?;
        match user.find_reference(&name) {
            Ok(found) if found.target() == Some(base) => Ok(()),
            Ok(_) => Err(fault(what(), "it names another commit")),
            Err(error) if error.code() == ErrorCode::NotFound => make_base(&user, &name, base).map_err(failed(what())),
            Err(error) => match refs::damaged(&user, &name) {
                Some(file) => {
                    fs::remove_file(file).map_err(failed(what()))?;
                    make_base(&user, &name, base).map_err(failed(what()))
                }
                None => Err(failed(what())(error)),
            },
        }
    }
}

/// Writes a file that is this user's alone.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).create(true).truncate(true).mode(PRIVATE_FILE).open(path)?;
    file.write_all(content)
}

fn make_base(user: &Repository, name: &str, base: Oid) -> Result<(), git2::Error> {
    user.reference(name, base, false, "omk: base of a goal")?;
    Sharing::of(user.commondir()).adjust_refs(user.commondir(), [name.to_owned()]);
    refs::sync(user, [name.to_owned()]);
    Ok(())
}

fn open_user(git_dir: &Path) -> Result<Repository, Fault> {
    open::open(git_dir).map_err(failed(format!("open the repository {}", git_dir.display())))
}

/// What [`release`] is to remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The goal.
    pub goal: GoalId,
    /// The user's git directory, as [`RepositoryFacts`] has it.
    pub git_dir: PathBuf,
    /// Delivered branches to delete; one that names another commit by now, or is checked out, stays.
    pub branches: Vec<Branch>,
}

/// Removes what a goal needs no more of the user's repository: its ref, and the branches asked for. Returns the branches
/// that stayed. What is gone already is no error, a user's repository that is gone included. To be called by the holder of
/// the goal's lock.
pub fn release(order: &Release) -> Result<Vec<String>, Fault> {
    let mut stayed = Vec::new();
    if order.git_dir.exists() {
        let user = open_user(&order.git_dir)?;
        // A process that was killed here has left the lock of the ref, and git never removes one.
        leftovers::unlock(&order.git_dir, &format!("refs/omk/{}", order.goal))?;
        if !order.branches.is_empty() {
            leftovers::unlock(&order.git_dir, &format!("refs/heads/omk/{}", order.goal))?;
        }
        for branch in &order.branches {
            if !delete_branch(&user, &order.goal, branch)? {
                stayed.push(branch.name.clone());
            }
        }
        delete_ref(&user, &order.goal, &PrivateRepository::base_ref(&order.goal))?;
        Sharing::of(&order.git_dir).adjust_refs(&order.git_dir, []);
    }
    Ok(stayed)
}

/// Deletes a branch where it still names its commit and nobody has it checked out; `false` where it stays.
fn delete_branch(user: &Repository, goal: &GoalId, branch: &Branch) -> Result<bool, Fault> {
    let what = || format!("delete the branch {}", branch.name);
    let found = match user.find_branch(&branch.name, git2::BranchType::Local) {
        Ok(found) => found,
        Err(error) if error.code() == ErrorCode::NotFound => return Ok(true),
        Err(error) => return Err(failed(what())(error)),
    };
    if found.get().target() != Some(commit_oid(&branch.commit)?) || is_checked_out(user, &branch.name) {
        return Ok(false);
    }
    delete_ref(user, goal, &format!("refs/heads/{}", branch.name))?;
    Ok(true)
}

/// Whether the checkout or a linked worktree has the branch as its HEAD.
fn is_checked_out(user: &Repository, branch: &str) -> bool {
    let head = format!("ref: refs/heads/{branch}");
    let linked = fs::read_dir(user.commondir().join("worktrees")).into_iter().flatten().flatten();
    let mut heads = linked.map(|entry| entry.path()).chain([user.commondir().to_path_buf()]);
    heads.any(|directory| fs::read_to_string(directory.join("HEAD")).is_ok_and(|text| text.trim() == head))
}

/// Deletes a ref. First out of the packed refs: git would read a packed one again once the loose one is gone.
fn delete_ref(user: &Repository, goal: &GoalId, name: &str) -> Result<(), Fault> {
    let what = || format!("delete the ref {name}");
    packed_refs::forget(user, goal, name).map_err(failed(what()))?;
    match user.find_reference(name) {
        Ok(mut found) => found.delete().map_err(failed(what())),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(()),
        Err(error) => Err(failed(what())(error)),
    }
}
