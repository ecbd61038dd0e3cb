//! What the demo needs of the façade: a tool for its gates, and a repository to work on.

use std::path::Path;

use crate::adapters::gate::probe::version_of;
use crate::adapters::git::seed::seed;
use crate::app::Omk;
use crate::app::clock::now;
use crate::app::create::infra;
use crate::app::error::AppError;
use crate::domain::goal::GoalStatus;

impl Omk {
    /// Refuses, before anything is made, where `program`, which the demo's gates run, cannot be run here.
    pub fn require_tool(&self, program: &str) -> Result<(), AppError> {
        version_of(program, &self.variables).map(drop).map_err(|problem| AppError::Blocked {
            status: GoalStatus::BlockedOnExternal,
            message: format!("the demo's gates run `{program}`, and `{program} --version` fails here: {problem}"),
            help: vec![
                format!("mend what it says, so that this works: {program} --version"),
                "gates see PATH, HOME, CARGO_HOME, RUSTUP_HOME and RUSTUP_TOOLCHAIN as they are set here".to_owned(),
            ],
        })
    }

    /// Makes a git repository in `dir`, which must be new or empty, with one commit on `main` that holds `files`
    /// (repository path and content). Reads no git configuration of the user.
    pub fn seed_repository(&self, dir: &Path, files: &[(&str, &str)]) -> Result<(), AppError> {
        seed(dir, files, now()).map_err(|fault| infra(fault.to_string()))
    }
}
