//! What a goal at rest keeps for a resume and what it does not: warm places of gates, by its status.
//!
//! That they stay where they cannot be removed fails nothing: the next run, or `goal gc`, tries again.

use crate::adapters::gate::warm::{self, Wanted};
use crate::domain::goal::GoalStatus;
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
    if let Err(error) = warm::remove_aside(&dir.gates()) {
        tracing::warn!(goal = %dir.id(), %error, "warm places of gates were not removed; `omk goal gc` does that");
    }
}
