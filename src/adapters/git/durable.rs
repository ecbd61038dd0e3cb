//! Makes objects of the private repository durable before anybody names them.
//!
//! Objects are written without fsync. Whoever is about to return a commit calls [`Durable::make`] first: it finds the
//! objects that the commit needs and that were not synced yet, and syncs them. Callers that come while a sync is under
//! way share the next one. Invariant: once the call returns, a loss of power costs nothing that the commits reach.

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};

use git2::{Oid, Repository};

use super::objects::failed;
use super::pack;
use super::recent::held;
use crate::domain::order::Fault;

/// With more objects than this, one sync of the whole file system is cheaper than one for each file (ADR 9).
const MANY: usize = 128;

/// What is known to be durable, and the syncs that are wanted and under way.
#[derive(Default)]
pub(super) struct Durable {
    known: Mutex<HashSet<Oid>>,
    group: Mutex<Group>,
    ended: Condvar,
}

/// The sync that collects objects.
#[derive(Default)]
struct Group {
    objects: BTreeSet<Oid>,
    outcome: Arc<OnceLock<Result<(), Fault>>>,
    /// Whether an earlier sync is under way.
    syncing: bool,
    /// The first sync that failed. The kernel says once that something was not written and then takes it for clean, so no
    /// later success means anything.
    failed: Option<Fault>,
}

impl Durable {
    /// Syncs what `tips` reach and `base` does not, as far as that was not done before by this process.
    pub(super) fn make(&self, repo: &Repository, base: Oid, tips: &[Oid]) -> Result<(), Fault> {
        let fresh = pack::fresh(repo, base, tips, &|id| held(&self.known).contains(&id))?;
        if fresh.is_empty() { Ok(()) } else { self.join(&repo.path().join("objects"), fresh) }
    }

    /// Puts objects into the next sync, and runs it where nobody else does.
    fn join(&self, store: &Path, objects: BTreeSet<Oid>) -> Result<(), Fault> {
        let mut group = held(&self.group);
        group.objects.extend(objects);
        let outcome = Arc::clone(&group.outcome);
        loop {
            if let Some(failed) = &group.failed {
                return Err(failed.clone());
            }
            if let Some(outcome) = outcome.get() {
                return outcome.clone();
            }
            if group.syncing {
                group = self.ended.wait(group).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            // Nobody syncs, and the objects of this call have no outcome: they are in this group.
            group.syncing = true;
            let (objects, outcome) = (mem::take(&mut group.objects), mem::take(&mut group.outcome));
            drop(group);
            let synced = sync(store, &objects).map_err(failed("make the new objects durable"));
            if synced.is_ok() {
                held(&self.known).extend(objects);
            }
            group = held(&self.group);
            group.failed = synced.clone().err();
            group.syncing = false;
            drop(outcome.set(synced));
            self.ended.notify_all();
        }
    }
}

/// Syncs loose objects and the directories that name them. One that is not loose is in a store that is durable already.
fn sync(store: &Path, objects: &BTreeSet<Oid>) -> io::Result<()> {
    if objects.len() > MANY {
        return Ok(rustix::fs::syncfs(File::open(store)?)?);
    }
    let mut directories = BTreeSet::from([store.to_path_buf()]);
    for id in objects {
        let (directory, file) = place(store, *id);
        match File::open(file) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            file => file?.sync_all()?,
        }
        directories.insert(directory);
    }
    directories.iter().try_for_each(|directory| File::open(directory)?.sync_all())
}

/// Where a loose object is: the directory and the file.
fn place(store: &Path, id: Oid) -> (PathBuf, PathBuf) {
    let id = id.to_string();
    let directory = store.join(&id[..2]);
    let file = directory.join(&id[2..]);
    (directory, file)
}
