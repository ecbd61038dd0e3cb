//! Processes that this one became the parent of because their keeper died.
//!
//! `omk` is the next subreaper above its keepers, so that what a killed keeper held comes to it, whatever it has done to
//! its session, its environment and its control group. Its own children are told apart: they are in its session, which
//! every keeper leaves before it starts anything, or they are keepers, which are listed here until they are reaped.

use std::collections::BTreeSet;
use std::io;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{WaitOptions, getpid, set_child_subreaper, waitpid};

use super::tree::{Process, process, processes};

/// Whether orphans come to this process.
static ADOPTS: AtomicBool = AtomicBool::new(false);
/// The keepers that have not been reaped.
static KEEPERS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Makes this process the parent of what dead keepers leave. To be called by a program that runs goals, before it starts
/// anything.
pub fn adopt() -> io::Result<()> {
    set_child_subreaper(Some(getpid()))?;
    ADOPTS.store(true, Ordering::Relaxed);
    Ok(())
}

/// Starts a keeper in such a way that it is never taken for an orphan.
pub(super) fn as_keeper(start: impl FnOnce() -> io::Result<Child>) -> io::Result<Child> {
    let mut keepers = keepers();
    let child = start()?;
    keepers.insert(child.id().cast_signed());
    Ok(child)
}

/// Reaps a keeper where it has ended; says whether it has not.
pub(super) fn still_runs(keeper: &mut Child) -> bool {
    let mut keepers = keepers();
    let runs = matches!(keeper.try_wait(), Ok(None));
    if !runs {
        keepers.remove(&keeper.id().cast_signed());
    }
    runs
}

/// Whether a process came to us from a keeper that was started at `since` or later, in clock ticks.
pub(super) fn is_adopted(process: &Process, since: u64) -> bool {
    ADOPTS.load(Ordering::Relaxed)
        && process.parent == getpid().as_raw_pid()
        && process.started >= since
        && own_session().is_some_and(|own| own != process.session)
        && !keepers().contains(&process.pid.as_raw_pid())
}

/// The session of this process: 0 where its leader is outside of our pid namespace, which is no process id, so that no
/// call which returns one may be asked.
fn own_session() -> Option<i32> {
    process(getpid().as_raw_pid()).map(|own| own.session)
}

/// Takes the status of those that have ended.
pub(super) fn reap(since: u64) {
    for process in processes().into_iter().filter(|p| p.zombie() && is_adopted(p, since)) {
        let _reaped = waitpid(Some(process.pid), WaitOptions::NOHANG);
    }
}

/// When a process was started, in clock ticks; 0 where it is gone.
pub(super) fn start_of(pid: u32) -> u64 {
    process(pid.cast_signed()).map_or(0, |process| process.started)
}

fn keepers() -> MutexGuard<'static, BTreeSet<i32>> {
    KEEPERS.lock().unwrap_or_else(PoisonError::into_inner)
}
