//! Handles on the private repository, opened when needed and used again: a handle serves one thread at a time, and
//! opening one costs a fraction of a millisecond.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use git2::Repository;

use super::objects::failed;
use super::recent::held;
use crate::domain::order::Fault;

/// The idle handles.
pub(super) struct Handles {
    directory: PathBuf,
    idle: Mutex<Vec<Repository>>,
}

impl Handles {
    /// No handle yet on the bare repository at `directory`.
    pub(super) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_path_buf(), idle: Mutex::new(Vec::new()) }
    }

    /// Runs `work` with a handle.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Repository) -> Result<T, Fault>) -> Result<T, Fault> {
        let idle = held(&self.idle).pop();
        let repo = match idle {
            Some(repo) => repo,
            None => Repository::open_bare(&self.directory)
                .map_err(failed(format!("open the goal's repository {}", self.directory.display())))?,
        };
        let result = work(&repo);
        held(&self.idle).push(repo);
        result
    }
}
