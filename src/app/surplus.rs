//! What a goal at rest keeps for a resume and what it does not: warm places of gates, by its status, and what attempts
//! and gates have left.
//!
//! That they stay where they cannot be removed fails nothing: the end of the next run, or `goal gc`, tries again.

use std::sync::mpsc;
use std::time::Duration;

use crate::adapters::gate::warm::{self, Wanted};
use crate::adapters::remover::{is_anything_set_aside, remove_set_aside};
use crate::app::Omk;
use crate::app::event_loop::event_loop;
use crate::app::shutdown::{Signals, Stopped};
use crate::domain::goal::GoalStatus;
use crate::domain::ids::GoalId;
use crate::store::layout::GoalDir;

/// Sets aside what a goal that came to rest so does not want any more; takes an instant. To be called while its lock is
/// held and no gate of it runs.
pub(super) fn set_aside(dir: &GoalDir, status: GoalStatus) {
    if let Err(error) = warm::set_aside(&dir.gates(), Wanted::by(status)) {
        tracing::warn!(goal = %dir.id(), %error, "warm places of gates stay that nobody wants any more");
    }
}

/// Removes what was set aside. Others may take the goal up meanwhile.
pub(super) fn remove(dir: &GoalDir) {
    if let Err(error) = warm::remove_aside(&dir.gates()).and(remove_set_aside(dir.path())) {
        tracing::warn!(goal = %dir.id(), %error, "something was not removed that nobody wants; `omk goal gc` does that");
    }
}

/// Removes what was set aside, for so long at most; what is left then stays for another time.
pub(super) fn remove_within(dir: &GoalDir, time: Duration) {
    let (done, ended) = mpsc::channel();
    let dir = dir.clone();
    std::thread::spawn(move || {
        remove(&dir);
        // Nobody may wait any more.
        let _ = done.send(());
    });
    let _over = ended.recv_timeout(time);
}

impl Omk {
    /// Removes what a run that is over and told has left for nobody, which may take a while. A signal ends it, by its
    /// number: what is left then has time until the next run is over.
    pub fn tidy(&self, id: &GoalId) -> Option<i32> {
        let dir = self.state.goal(id);
        if !warm::is_anything_aside(&dir.gates()) && !is_anything_set_aside(dir.path()) {
            return None;
        }
        let runtime = event_loop().ok()?;
        let signal = runtime.block_on(async {
            let mut signals = Signals::install().ok()?;
            let removal = tokio::task::spawn_blocking(move || remove(&dir));
            tokio::select! {
                _removed = removal => None,
                Stopped::First(signal) | Stopped::Again(signal) = signals.next() => Some(signal),
            }
        });
        runtime.shutdown_background();
        signal
    }
}
