//! The git program, for the one thing that is done outside this process: merges of real overlaps.
//!
//! It sees an environment that is made here and nothing of the user's: no configuration, no attributes, no hooks.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::process::leash::Leash;
use crate::process::program::Program;

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
    /// Runs it; an error means that it could not be started, or was ended.
    fn run(&self, call: &GitCall) -> io::Result<GitOutput>;
    /// Kills what runs, because nobody needs it any more; nothing is started from then on.
    fn end(&self) {}
}

/// How long a merge may take. The largest take seconds; beyond this something hangs.
const PATIENCE: Duration = Duration::from_secs(600);

/// The git program, by name or path.
#[derive(Debug)]
pub struct SystemGit {
    program: OsString,
    leash: Leash,
}

impl SystemGit {
    /// A program other than the `git` of the search path.
    pub fn at(program: impl Into<OsString>) -> Self {
        Self { program: program.into(), leash: Leash::default() }
    }
}

impl Default for SystemGit {
    fn default() -> Self {
        Self::at("git")
    }
}

impl GitProgram for SystemGit {
    fn run(&self, call: &GitCall) -> io::Result<GitOutput> {
        let path = std::env::var_os("PATH").map(|path| ("PATH", path));
        let git_dir = ("GIT_DIR", call.git_dir.clone().into_os_string());
        let env = call.env.iter().cloned().chain(path).chain([git_dir]);
        let program = Program {
            program: self.program.clone(),
            args: call.args.clone(),
            env: env.map(|(name, value)| (name.into(), value)).collect(),
            cwd: call.git_dir.clone(),
        };
        let output = self.leash.run(&program, PATIENCE)?;
        Ok(GitOutput { exit: output.status.code(), stdout: output.stdout, stderr: output.stderr })
    }

    fn end(&self) {
        self.leash.end();
    }
}
