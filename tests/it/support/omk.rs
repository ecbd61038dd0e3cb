//! Runs the real program: with a clean environment, a state directory and a home of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A place where `omk` runs without touching anything of the user.
pub(crate) struct Place {
    root: TempDir,
}

impl Place {
    /// A new, empty place.
    pub(crate) fn new() -> Self {
        Self { root: tempfile::Builder::new().prefix("omk-test-").tempdir().expect("a temporary directory") }
    }

    /// A path below the place.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// The state directory that `omk` uses here.
    pub(crate) fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// The program, with `words` as its arguments, ready to run here.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_omk"));
        command.args(words).current_dir(self.root.path()).stdin(Stdio::null()).env_clear();
        // Toolchains are found through these; nothing else of the user's is passed on.
        for name in ["PATH", "RUSTUP_HOME", "CARGO_HOME", "RUSTUP_TOOLCHAIN", "TMPDIR"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        for (name, below) in [("RUSTUP_HOME", ".rustup"), ("CARGO_HOME", ".cargo")] {
            if std::env::var_os(name).is_none() {
                command.env(name, home.join(below));
            }
        }
        command.env("HOME", self.root.path()).env("OMK_STATE_DIR", self.state()).env("LC_ALL", "C.UTF-8");
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        Ran(self.command(words).output().expect("omk starts"))
    }
}

/// What a run of the program left.
pub(crate) struct Ran(pub(crate) Output);

impl Ran {
    /// The exit code; `None` where a signal ended it.
    pub(crate) fn code(&self) -> Option<i32> {
        self.0.status.code()
    }

    /// Its results.
    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    /// Its progress and errors.
    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    /// The last document on stdout.
    pub(crate) fn json(&self) -> serde_json::Value {
        let text = self.stdout();
        let last = text.lines().rfind(|line| !line.is_empty()).unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|cause| panic!("{cause}: {text}\n{}", self.stderr()))
    }
}

/// Runs git in a directory without the user's configuration and returns what it prints; panics where it fails.
pub(crate) fn git(dir: &Path, words: &[&str]) -> String {
    let output = Command::new("git")
        .args(words)
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .expect("git starts");
    assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
