//! Delivery: branches in the user's repository, all or none, each created where nothing was.
//!
//! The objects are there, synced, before the first branch is. Nothing else of the repository changes: not HEAD, the
//! index, the worktree, the configuration or the hooks; no hook is run.

use std::path::Path;

use git2::{ErrorCode, Oid, Repository};

use super::objects::{commit_oid, failed, fault};
use super::pack::{self, Store};
use super::private::PrivateRepository;
use super::refs;
use super::shared::Shared;
use super::sharing::Sharing;
use crate::domain::fact::Branch;
use crate::domain::order::Fault;

/// The existing branches that stand in the way of branches of these names: the same, one above (`omk`), or one below.
/// Sorted.
pub fn branches_taken(git_dir: &Path, names: &[String]) -> Result<Vec<String>, Fault> {
    let user = PrivateRepository::open_at(git_dir)?;
    let existing = existing(&user)?;
    let mut taken: Vec<String> =
        existing.into_iter().filter(|branch| names.iter().any(|name| branch == name || blocks(branch, name))).collect();
    taken.sort();
    Ok(taken)
}

fn existing(user: &Repository) -> Result<Vec<String>, Fault> {
    const WHAT: &str = "list the repository's branches";
    let references = user.references_glob("refs/heads/*").map_err(failed(WHAT))?;
    let names = references.map(|reference| {
        let reference = reference.map_err(failed(WHAT))?;
        let name = String::from_utf8_lossy(reference.name_bytes()).into_owned();
        Ok(name.strip_prefix("refs/heads/").map(str::to_owned).unwrap_or(name))
    });
    names.collect()
}

/// Whether git cannot hold both: one is a directory where the other is a file.
fn blocks(a: &str, b: &str) -> bool {
    let below = |path: &str, above: &str| path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'));
    below(a, b) || below(b, a)
}

/// A branch that is to be created.
struct Creation {
    name: String,
    commit: Oid,
}

impl Creation {
    fn reference(&self) -> String {
        format!("refs/heads/{}", self.name)
    }
}

impl Shared {
    /// Delivers branches; see [`crate::ports::Workspace::deliver`].
    pub(super) fn deliver(&self, repo: &Repository, branches: &[Branch]) -> Result<(), Fault> {
        let user = self.place.open_user()?;
        let mut creations = Vec::new();
        for branch in branches {
            let creation = Creation { name: branch.name.clone(), commit: commit_oid(&branch.commit)? };
            if !is_there(&user, &creation)? {
                creations.push(creation);
            }
        }
        creations.sort_by(|a, b| a.name.cmp(&b.name));
        creations.dedup_by(|a, b| a.name == b.name && a.commit == b.commit);
        refuse_blocked(&user, &creations)?;
        let sharing = Sharing::of(user.commondir());
        self.supply(repo, (&user, sharing), &creations)?;
        self.abandon.check().map_err(failed("create the branches"))?;
        self.create(&user, &creations)?;
        sharing.adjust_refs(user.commondir(), creations.iter().map(Creation::reference));
        refs::sync(&user, creations.iter().map(Creation::reference));
        Ok(())
    }

    /// Makes the commits readable in the user's repository, where they are not yet.
    fn supply(
        &self,
        repo: &Repository,
        (user, sharing): (&Repository, Sharing),
        creations: &[Creation],
    ) -> Result<(), Fault> {
        let odb = user.odb().map_err(failed("open the repository's objects"))?;
        let tips: Vec<Oid> = creations.iter().map(|creation| creation.commit).filter(|&id| !odb.exists(id)).collect();
        if tips.is_empty() {
            return Ok(());
        }
        let into = Store { objects: &self.place.user_objects(), sharing, abandon: &self.abandon };
        pack::copy(repo, commit_oid(self.place.base())?, &tips, into)?;
        odb.refresh().map_err(failed("open the repository's objects"))?;
        match tips.iter().find(|&&id| !odb.exists(id)) {
            Some(lost) => Err(fault("copy the results into the repository", format!("{lost} is not there afterwards"))),
            None => Ok(()),
        }
    }

    /// Creates the branches under their locks. Those made before a failure are taken back.
    fn create(&self, user: &Repository, creations: &[Creation]) -> Result<(), Fault> {
        const WHAT: &str = "create the branches";
        let mut transaction = user.transaction().map_err(failed(WHAT))?;
        let message = format!("omk: delivered by {}", self.place.goal());
        for creation in creations {
            let name = creation.reference();
            transaction.lock_ref(&name).map_err(failed(format!("lock the branch {}", creation.name)))?;
            if is_there(user, creation)? {
                continue;
            }
            transaction.set_target(&name, creation.commit, None, &message).map_err(failed(WHAT))?;
        }
        transaction.commit().map_err(|error| {
            take_back(user, creations);
            failed(WHAT)(error)
        })
    }
}

/// Whether a branch names its commit already; one that names another is a fault.
fn is_there(user: &Repository, creation: &Creation) -> Result<bool, Fault> {
    let what = || format!("create the branch {}", creation.name);
    match user.find_reference(&creation.reference()) {
        Ok(found) if found.target() == Some(creation.commit) => Ok(true),
        Ok(found) => {
            let other = found.target().map_or_else(|| "another ref".to_owned(), |id| id.to_string());
            Err(fault(what(), format!("it exists and names {other}; rename or delete it, then resume")))
        }
        Err(error) if error.code() == ErrorCode::NotFound => Ok(false),
        Err(error) => Err(failed(what())(error)),
    }
}

fn refuse_blocked(user: &Repository, creations: &[Creation]) -> Result<(), Fault> {
    let existing = existing(user)?;
    for creation in creations {
        let blocked = existing.iter().find(|branch| blocks(branch, &creation.name));
        let same = creations.iter().filter(|other| other.name == creation.name).count() > 1;
        if let Some(branch) = blocked {
            let detail = format!("the branch {branch} stands in its way; rename or delete it, then resume");
            return Err(fault(format!("create the branch {}", creation.name), detail));
        }
        if same {
            return Err(fault(format!("create the branch {}", creation.name), "it is asked for with two commits"));
        }
    }
    Ok(())
}

fn take_back(user: &Repository, creations: &[Creation]) {
    for creation in creations {
        let made = user.find_reference(&creation.reference()).ok();
        if let Some(mut made) = made.filter(|made| made.target() == Some(creation.commit)) {
            let _stays = made.delete();
        }
    }
}
