//! What the demo needs of the façade: a repository to work on.

use std::path::Path;

use crate::app::Omk;
use crate::app::error::AppError;

impl Omk {
    /// Makes a git repository in `dir`, which must be new or empty, with one commit on `main` that holds `files`
    /// (repository path and content). Reads no git configuration of the user.
    pub fn seed_repository(&self, _dir: &Path, _files: &[(&str, &str)]) -> Result<(), AppError> {
        unimplemented!()
    }
}
