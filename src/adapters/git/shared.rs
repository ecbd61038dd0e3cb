//! What all git work on one goal shares: where things are, what was read lately, what worktrees looked like.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use git2::{Oid, Repository};

use super::abandon::Abandon;
use super::checkout_watch::CheckoutWatch;
use super::durable::Durable;
use super::identity::Identity;
use super::ignore_rules::IgnoreRules;
use super::listing::Listing;
use super::private::PrivateRepository;
use super::program::GitProgram;
use super::recent::{Recent, held};
use super::snapshot::Snapshot;
use crate::adapters::remover::Remover;
use crate::domain::change::Change;
use crate::domain::order::Fault;

/// Trees that are kept flattened.
const LISTINGS: usize = 8;
/// Changes that are kept: several reviewers ask for the same one.
const CHANGES: usize = 16;

/// What one goal's git work has in common. Every method runs on a blocking thread with a repository handle of its own.
pub(super) struct Shared {
    /// Where the goal's repository and worktrees are.
    pub(super) place: PrivateRepository,
    /// Who our commits are by.
    pub(super) author: Identity,
    /// The git program, for merges of real overlaps.
    pub(super) program: Arc<dyn GitProgram>,
    /// What the user's checkout looked like when attempts began.
    pub(super) checkout: CheckoutWatch,
    /// The owner of worktrees that are out of use.
    pub(super) remover: Remover,
    /// Whether every step is to end.
    pub(super) abandon: Abandon,
    /// What the worktrees looked like when they were made.
    pub(super) snapshots: Snapshots,
    /// What captures from a tree compare with.
    pub(super) grounds: Recent<Oid, Ground>,
    /// What of the private repository's objects a loss of power cannot cost.
    pub(super) durable: Durable,
    listings: Recent<Oid, Arc<Listing>>,
    changes: Recent<(Oid, Oid), Change>,
}

impl Shared {
    /// Nothing read yet.
    pub(super) fn new(place: PrivateRepository, author: Identity, program: Arc<dyn GitProgram>) -> Self {
        Self {
            checkout: CheckoutWatch::new(place.checkout()),
            remover: Remover::new(place.directory()),
            abandon: Abandon::default(),
            place,
            author,
            program,
            snapshots: Snapshots::default(),
            grounds: Recent::new(LISTINGS),
            durable: Durable::default(),
            listings: Recent::new(LISTINGS),
            changes: Recent::new(CHANGES),
        }
    }

    /// A tree, flattened.
    pub(super) fn listing(&self, repo: &Repository, tree: Oid) -> Result<Arc<Listing>, Fault> {
        let listing = self.listings.fetch(&tree, || Listing::read(repo, tree).map(Arc::new))?;
        Ok(Arc::clone(&listing))
    }

    /// What changed between two commits.
    pub(super) fn change(&self, repo: &Repository, from: Oid, to: Oid) -> Result<Arc<Change>, Fault> {
        self.changes.fetch(&(from, to), || super::change::between(repo, from, to, &self.abandon))
    }
}

/// What captures of worktrees that start at one tree compare with.
pub(super) struct Ground {
    /// The tree.
    pub(super) listing: Arc<Listing>,
    /// Its ignore rules.
    pub(super) rules: IgnoreRules,
}

impl Ground {
    /// Reads the rules of a tree.
    pub(super) fn read(repo: &Repository, listing: Arc<Listing>) -> Result<Self, Fault> {
        let rules = IgnoreRules::read(repo, &listing)?;
        Ok(Self { listing, rules })
    }
}

/// The worktrees that this process has made, as they were then.
#[derive(Default)]
pub(super) struct Snapshots {
    by_directory: Mutex<HashMap<PathBuf, Arc<Snapshot>>>,
}

impl Snapshots {
    /// Remembers a new worktree.
    pub(super) fn remember(&self, directory: &Path, snapshot: Snapshot) {
        held(&self.by_directory).insert(directory.to_path_buf(), Arc::new(snapshot));
    }

    /// The worktree at a directory, where this process made it.
    pub(super) fn of(&self, directory: &Path) -> Option<Arc<Snapshot>> {
        held(&self.by_directory).get(directory).cloned()
    }

    /// Forgets a worktree that is gone.
    pub(super) fn forget(&self, directory: &Path) {
        held(&self.by_directory).remove(directory);
    }
}
