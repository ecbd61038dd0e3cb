//! What the demo needs of the façade: a repository to work on.

use std::path::Path;

use crate::adapters::git::seed::seed;
use crate::app::Omk;
use crate::app::clock::now;
use crate::app::create::infra;
use crate::app::error::AppError;

impl Omk {
    /// Makes a git repository in `dir`, which must be new or empty, with one commit on `main` that holds `files`
    /// (repository path and content). Reads no git configuration of the user.
    pub fn seed_repository(&self, dir: &Path, files: &[(&str, &str)]) -> Result<(), AppError> {
        seed(dir, files, now()).map_err(|fault| infra(fault.to_string()))
    }
}
