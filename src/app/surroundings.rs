//! What a run needs of the system around it, looked at before anything is written or started.
//!
//! Owns the refusal. A run that could not end what it starts would call cancelled what goes on.

use crate::app::error::AppError;
use crate::domain::goal::GoalStatus;
use crate::process::containment::own_proc;

/// What helps where `/proc` is not ours.
pub(super) const MOUNT: &str = "mount -t proc proc /proc";

/// Refuses where `/proc` does not show this process by the number that it has.
pub(super) fn require_own_proc() -> Result<(), AppError> {
    own_proc().map_err(|problem| AppError::Blocked {
        status: GoalStatus::BlockedOnExternal,
        message: format!("{problem}: no process could be found and ended here"),
        help: vec![
            format!("give this pid namespace a /proc of its own: {MOUNT}"),
            "`unshare` does so with --mount-proc; a container must not be given the /proc of its host".to_owned(),
        ],
    })
}
