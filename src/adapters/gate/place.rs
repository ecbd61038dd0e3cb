//! Where a gate runs: a directory of its own, or a warm slot that one run at a time may use.
//!
//! Owns the layout below `<goal>/gates`: `<n>/{tree,target,tmp}` for cold runs, `warm-<gate>-<slot>/…` for others. A
//! slot keeps its path and its target directory, so that a build tool that goes by paths and times finds what it has
//! built; its tree is brought to each run's own, file by file. A cold run's tree is new. Invariant: two runs never share
//! a place.

use std::collections::{BTreeSet, HashMap};
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::warm;
use crate::adapters::remover::Remover;
use crate::domain::ids::GateName;
use crate::domain::order::Fault;

type Busy = Arc<Mutex<HashMap<GateName, BTreeSet<usize>>>>;

/// All places of a goal's gates.
pub(super) struct Places {
    dir: PathBuf,
    remover: Remover,
    busy: Busy,
}

impl Places {
    /// Places below `dir`; what is out of use goes to `remover`.
    pub(super) fn new(dir: PathBuf, remover: Remover) -> Self {
        Self { dir, remover, busy: Busy::default() }
    }

    /// A place that nobody else has: the run's own where it is cold, else the first free slot of the gate.
    pub(super) fn take(&self, gate: &GateName, cold: bool, number: u64) -> Place {
        if cold {
            return Place { root: self.dir.join(number.to_string()), remover: self.remover.clone(), slot: None };
        }
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let slots = busy.entry(gate.clone()).or_default();
        let free = (0..).find(|slot| !slots.contains(slot)).unwrap_or(slots.len());
        slots.insert(free);
        let slot = Slot { busy: Arc::clone(&self.busy), gate: gate.clone(), number: free };
        Place { root: self.dir.join(warm::name(gate, free)), remover: self.remover.clone(), slot: Some(slot) }
    }
}

/// A warm slot, free again when dropped.
struct Slot {
    busy: Busy,
    gate: GateName,
    number: usize,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slots) = busy.get_mut(&self.gate) {
            slots.remove(&self.number);
        }
    }
}

/// One run's place.
pub(super) struct Place {
    root: PathBuf,
    remover: Remover,
    slot: Option<Slot>,
}

impl Place {
    /// The directory of the place itself.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Whether an earlier run may have left its tree and what it built.
    pub(super) fn is_warm(&self) -> bool {
        self.slot.is_some()
    }

    /// Where the tree is checked out: the gate's working directory.
    pub(super) fn tree(&self) -> PathBuf {
        self.root.join("tree")
    }

    /// The build directory.
    pub(super) fn target(&self) -> PathBuf {
        self.root.join("target")
    }

    /// The directory for temporary files.
    pub(super) fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// Makes the directories, empty but for what a warm slot keeps.
    pub(super) async fn prepare(&self) -> Result<(), Fault> {
        let (passing, kept) = (self.passing(), [self.tree(), self.tmp(), self.target()]);
        let remover = self.remover.clone();
        let prepare = move || -> io::Result<()> {
            passing.iter().try_for_each(|dir| remover.set_aside(dir))?;
            kept.iter().try_for_each(|dir| make(dir, &remover))
        };
        blocking(prepare).await.map_err(|error| Fault {
            what: format!("make the gate's directory {}", self.root.display()),
            detail: error.to_string(),
        })
    }

    /// Takes what the run has left out of use, but for what a warm slot keeps. It is removed later.
    pub(super) async fn clear(&self) {
        let (passing, remover) = (self.passing(), self.remover.clone());
        if let Err(error) = blocking(move || passing.iter().try_for_each(|dir| remover.set_aside(dir))).await {
            tracing::warn!(place = %self.root.display(), %error, "a gate's directory could not be removed");
        }
    }

    fn passing(&self) -> Vec<PathBuf> {
        match &self.slot {
            Some(_) => vec![self.tmp()],
            None => vec![self.root.clone()],
        }
    }
}

/// A directory of ours; whatever else an earlier run has put in its place goes.
fn make(dir: &Path, remover: &Remover) -> io::Result<()> {
    if std::fs::symlink_metadata(dir).is_ok_and(|found| !found.is_dir()) {
        remover.set_aside(dir)?;
    }
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

async fn blocking(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warm_slot_is_used_by_one_run_at_a_time_and_keeps_its_path() {
        let places = Places::new("/gates".into(), Remover::new(Path::new("/")));
        let gate = GateName::parse("test").expect("a name");
        let [first, second] = [1, 2].map(|number| places.take(&gate, false, number));
        assert_eq!((first.root(), second.root()), (Path::new("/gates/warm-test-0"), Path::new("/gates/warm-test-1")));
        drop(first);
        assert_eq!(places.take(&gate, false, 3).root(), Path::new("/gates/warm-test-0"));
        assert_eq!(places.take(&gate, true, 4).root(), Path::new("/gates/4"));
    }
}
