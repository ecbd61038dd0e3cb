//! Whether the goal is cancelled, so that nobody needs the result of any step: every loop over files looks here.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The flag. Clones share it; once set it stays so.
#[derive(Clone, Debug, Default)]
pub(super) struct Abandon(Arc<AtomicBool>);

impl Abandon {
    /// Ends every step that looks, and keeps further ones from beginning.
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Fails once the flag is set.
    pub(super) fn check(&self) -> io::Result<()> {
        match self.0.load(Ordering::Relaxed) {
            true => Err(io::Error::other("it was abandoned: nobody needs its result")),
            false => Ok(()),
        }
    }
}
