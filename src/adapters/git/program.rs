//! The git program, for the one thing that is done outside this process: merges of real overlaps.
//!
//! It sees an environment that is made here and nothing of the user's: no configuration, no attributes, no hooks.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// One run of the git program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitCall {
    /// `GIT_DIR`, and the working directory.
    pub git_dir: PathBuf,
    /// The environment, all of it besides `PATH`.
    pub env: Vec<(&'static str, OsString)>,
    /// What follows `git`.
    pub args: Vec<OsString>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitOutput {
    /// The exit status; `None` where a signal ended it.
    pub exit: Option<i32>,
    /// What it wrote to its standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to its standard error.
    pub stderr: Vec<u8>,
}

/// Runs the git program to its end. Called on blocking threads.
pub trait GitProgram: Send + Sync {
    /// Runs it; an error means that it could not be started.
    fn run(&self, call: &GitCall) -> io::Result<GitOutput>;
}

/// The git program, by name or path.
#[derive(Clone, Debug)]
pub struct SystemGit {
    program: OsString,
}

impl SystemGit {
    /// A program other than the `git` of the search path.
    pub fn at(program: impl Into<OsString>) -> Self {
        Self { program: program.into() }
    }
}

impl Default for SystemGit {
    fn default() -> Self {
        Self::at("git")
    }
}

impl GitProgram for SystemGit {
    #[allow(clippy::disallowed_methods, reason = "until the room of processes runs it")]
    fn run(&self, call: &GitCall) -> io::Result<GitOutput> {
        let mut command = Command::new(&self.program);
        command.env_clear().envs(call.env.iter().map(|(name, value)| (name, value)));
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.env("GIT_DIR", &call.git_dir).current_dir(&call.git_dir).args(&call.args).stdin(Stdio::null());
        let output = command.output()?;
        Ok(GitOutput { exit: output.status.code(), stdout: output.stdout, stderr: output.stderr })
    }
}
