//! Where an agent's commands run, and with what.
//!
//! Invariant: a command begins within the worktree; where it goes from there is its own affair.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::Errand;
use crate::agents::jsonrpc::message::{INVALID_PARAMS, RpcError};
use crate::agents::policy::Judgement;
use crate::agents::scene::Scene;
use crate::process::drive::Limits;

/// The session has a deadline of its own.
const NO_TIMEOUT: Duration = Duration::MAX;

/// Where commands run, and with what.
pub(super) struct Site {
    pub(super) env: Vec<(OsString, OsString)>,
    /// The directory that they may not leave at their start. Absolute, no symbolic links.
    worktree: PathBuf,
    pub(super) limits: Limits,
    /// How long a command's processes may live when their keeper is not asked.
    pub(super) lease: Duration,
}

impl Site {
    /// Where an errand's commands run. The session's deadline is theirs too.
    pub(super) fn of(errand: &Errand) -> Self {
        let limits = Limits { timeout: NO_TIMEOUT, ..errand.limits };
        Self { env: errand.env.clone(), worktree: errand.worktree.clone(), limits, lease: errand.lease }
    }

    /// The directory that is asked for, if a command may run there.
    pub(super) fn directory(&self, scene: &Scene, asked: Option<&str>) -> Result<PathBuf, RpcError> {
        let worktree = &self.worktree;
        let asked = worktree.join(asked.unwrap_or_default());
        let refusal = |reason: String| RpcError::new(INVALID_PARAMS, reason);
        let real = asked.canonicalize().map_err(|error| refusal(format!("{}: {error}", asked.display())))?;
        let judgement = match real.starts_with(worktree) {
            true => Judgement::Allow,
            false => {
                let reason = format!("{} is outside of the worktree {}", asked.display(), worktree.display());
                Judgement::Refuse { reason }
            }
        };
        scene.enforce(&format!("a command in {}", asked.display()), judgement).map_err(refusal)?;
        Ok(real)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;
    use crate::agents::keeping::Keeping;
    use crate::agents::profile::quirks::Quirks;
    use crate::agents::rehearsal::errand;
    use crate::domain::refusal::Refusal;

    #[tokio::test]
    async fn a_directory_outside_of_the_worktree_is_refused_as_an_act() {
        let place = tempfile::tempdir().expect("a directory");
        let worktree = place.path().canonicalize().expect("a directory");
        let errand = errand(Quirks::default(), worktree.clone());
        let (site, scene) = (Site::of(&errand), Scene::new(&errand, unbounded_channel().0, Keeping::default()));
        assert_eq!(site.directory(&scene, None), Ok(worktree.clone()));
        assert!(site.directory(&scene, Some("gone")).is_err());
        let reason = format!("/ is outside of the worktree {}", worktree.display());
        assert_eq!(site.directory(&scene, Some("/")), Err(RpcError::new(INVALID_PARAMS, &*reason)));
        let (refused, _) = std::mem::take(&mut scene.lock().refusals).into_parts();
        assert_eq!(refused.first, [Refusal { act: "a command in /".to_owned(), reason, times: 1 }]);
    }
}
