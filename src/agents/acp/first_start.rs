//! Lets one start go ahead where the first in a home sets things up that two at once would spoil.
//!
//! One lock a home, for all goals of this process; it is free as soon as one start has come through. Another process
//! of `omk` knows nothing of it: a start that fails without a reason of its own is tried once more.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use tokio::sync::{Mutex as Lock, OwnedMutexGuard};
use tokio_util::sync::CancellationToken;

use crate::agents::errand::Errand;

/// Whether a start has come through, by home.
static HOMES: LazyLock<Mutex<BTreeMap<PathBuf, Arc<Lock<bool>>>>> = LazyLock::new(Mutex::default);

/// A start that may go ahead; others wait for as long as this is held, unless one has come through.
pub(super) struct Start(Mutex<Option<OwnedMutexGuard<bool>>>);

impl Start {
    /// Waits for its turn, where the profile says that starts spoil each other.
    pub(super) async fn of(errand: &Errand, stop: &CancellationToken) -> Self {
        let lock = errand.profile.quirks.first_start_alone.then(|| lock_of(errand));
        let turn = async { Some(lock?.lock_owned().await).filter(|came_through| !**came_through) };
        Self(Mutex::new(stop.run_until_cancelled(turn).await.flatten()))
    }

    /// It has come through: nobody has to wait any more.
    pub(super) fn came_through(&self) {
        if let Some(mut guard) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            *guard = true;
        }
    }
}

fn lock_of(errand: &Errand) -> Arc<Lock<bool>> {
    let users = errand.env.iter().find(|(name, _)| name == "HOME").map(|(_, home)| Path::new(home));
    let home = errand.home.clone().or_else(|| Some(users?.join(&errand.profile.name)));
    let mut homes = HOMES.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(homes.entry(home.unwrap_or_default()).or_default())
}
