//! Warm places when no run uses them: which of them the next run wants, and how the others go.
//!
//! Each holds a checkout and all that was built in it, gigabytes at times, one for each run of a gate that took place at
//! the same time as others. What goes is renamed first, by whoever holds the goal's lock, and removed afterwards, however
//! long that takes: a run that begins meanwhile never meets a place that is half gone.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::adapters::removal::remove_tree;
use crate::domain::goal::GoalStatus;
use crate::domain::ids::GateName;

/// How the names of warm places begin.
const WARM: &str = "warm-";
/// How the names of those begin that are to be removed.
const ASIDE: &str = "aside-";

/// Which warm places stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of them.
    All,
    /// One for each gate.
    OneOfEach,
    /// None.
    Nothing,
}

impl Wanted {
    /// What is worth keeping of a goal that came to rest so.
    pub fn by(status: GoalStatus) -> Self {
        match status {
            // It goes on in a moment, where it stood; or it is not at rest at all.
            GoalStatus::Planned | GoalStatus::Running | GoalStatus::Paused => Self::All,
            GoalStatus::Ready | GoalStatus::Cancelled => Self::Nothing,
            GoalStatus::NotReady
            | GoalStatus::NeedsMoreBudget
            | GoalStatus::BlockedOnHuman
            | GoalStatus::BlockedOnExternal
            | GoalStatus::FailedInfra => Self::OneOfEach,
        }
    }

    fn keeps(self, slot: usize) -> bool {
        match self {
            Self::All => true,
            // The one that is taken first.
            Self::OneOfEach => slot == 0,
            Self::Nothing => false,
        }
    }
}

/// The name of a gate's warm place.
pub(super) fn name(gate: &GateName, slot: usize) -> String {
    format!("{WARM}{gate}-{slot}")
}

/// The places below `gates` that are not wanted, and those that were set aside before and are still there.
pub fn unwanted(gates: &Path, wanted: Wanted) -> Vec<PathBuf> {
    let goes = |name: &str| name.starts_with(ASIDE) || slot_of(name).is_some_and(|slot| !wanted.keeps(slot));
    let mut all: Vec<_> = entries(gates).filter(|(name, _)| goes(name)).map(|(_, path)| path).collect();
    all.sort();
    all
}

/// Sets aside the places below `gates` that are not wanted. To be called by the holder of the goal's lock, while no gate
/// runs; takes an instant.
pub fn set_aside(gates: &Path, wanted: Wanted) -> io::Result<()> {
    let warm = entries(gates).filter(|(name, _)| slot_of(name).is_some_and(|slot| !wanted.keeps(slot)));
    each(warm.collect(), |(name, path)| {
        let free = (0_u32..).map(|number| gates.join(format!("{ASIDE}{number}-{name}"))).find(|path| !path.exists());
        free.map_or(Ok(()), |aside| fs::rename(path, aside))
    })
}

/// Whether something was set aside below `gates` and is still there.
pub fn is_anything_aside(gates: &Path) -> bool {
    entries(gates).any(|(name, _)| name.starts_with(ASIDE))
}

/// Removes what was set aside below `gates`. Anybody may call it at any time.
pub fn remove_aside(gates: &Path) -> io::Result<()> {
    let aside = entries(gates).filter(|(name, _)| name.starts_with(ASIDE));
    each(aside.collect(), |(_, path)| remove_tree(path))
}

/// Does it to all; one that fails keeps it from no other. The first failure counts.
fn each(all: Vec<(String, PathBuf)>, act: impl Fn(&(String, PathBuf)) -> io::Result<()>) -> io::Result<()> {
    let done: Vec<_> = all.iter().map(act).collect();
    done.into_iter().collect()
}

fn slot_of(name: &str) -> Option<usize> {
    name.strip_prefix(WARM)?.rsplit_once('-')?.1.parse().ok()
}

fn entries(gates: &Path) -> impl Iterator<Item = (String, PathBuf)> {
    let entries = fs::read_dir(gates).into_iter().flatten().flatten();
    entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_wanted_is_set_aside_at_once_and_removed_when_there_is_time() {
        let dir = tempfile::tempdir().expect("a directory");
        let names = || {
            let mut names: Vec<_> = entries(dir.path()).map(|(name, _)| name).collect();
            names.sort();
            names
        };
        let make = |name: &str| fs::create_dir_all(dir.path().join(name).join("target")).expect("a directory");
        ["7", "warm-a-b-0", "warm-a-b-12", "warm-c-0", "aside-0-warm-a-b-12"].into_iter().for_each(make);
        let shown = |wanted| {
            let of = |path: PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
            unwanted(dir.path(), wanted).into_iter().filter_map(of).collect::<Vec<_>>()
        };
        assert_eq!(shown(Wanted::All), ["aside-0-warm-a-b-12"]);
        assert_eq!(shown(Wanted::OneOfEach), ["aside-0-warm-a-b-12", "warm-a-b-12"]);
        assert_eq!(shown(Wanted::Nothing).len(), 4);
        set_aside(dir.path(), Wanted::OneOfEach).expect("renamed");
        assert_eq!(names(), ["7", "aside-0-warm-a-b-12", "aside-1-warm-a-b-12", "warm-a-b-0", "warm-c-0"]);
        remove_aside(dir.path()).expect("removed");
        assert_eq!(names(), ["7", "warm-a-b-0", "warm-c-0"]);
        set_aside(dir.path(), Wanted::Nothing).expect("renamed");
        remove_aside(dir.path()).expect("removed");
        assert_eq!(names(), ["7"]);
    }
}
