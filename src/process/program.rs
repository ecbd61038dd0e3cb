//! What a keeper is told and what it reports: one JSON object a line over its channel.
//!
//! Both ends are the same binary, so the format has no versions. It carries any byte that a path or a variable may
//! hold.

use std::ffi::OsString;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::vitals::Vitals;

/// The longest line on the channel, in bytes: what the system allows for arguments and environment, as JSON.
pub(super) const MAX_LINE: usize = 16 * 1024 * 1024;

/// A program, all that it is given, and nothing else: its environment is exactly `env`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// A path, or a name to be found in the `PATH` of `env`.
    pub program: OsString,
    /// Its arguments, without its own name.
    pub args: Vec<OsString>,
    /// Its environment.
    pub env: Vec<(OsString, OsString)>,
    /// Its working directory, an absolute path.
    #[serde(with = "any_path")]
    pub cwd: PathBuf,
}

impl Program {
    /// The program's name as it is shown.
    pub fn name(&self) -> String {
        super::sanitise::one_line(self.program.as_encoded_bytes())
    }
}

/// Paths that need not be UTF-8.
mod any_path {
    use std::ffi::{OsStr, OsString};
    use std::path::{Path, PathBuf};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        let text: &OsStr = path.as_os_str();
        text.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        OsString::deserialize(deserializer).map(PathBuf::from)
    }
}

/// A path that need not be there.
mod maybe_path {
    use std::ffi::OsString;
    use std::path::PathBuf;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
        path.as_ref().map(|path| path.as_os_str()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
        Ok(Option::<OsString>::deserialize(deserializer)?.map(PathBuf::from))
    }
}

/// From `omk` to a keeper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    /// Start this; the first order, once.
    Start {
        /// The program.
        program: Program,
        /// How long its tree may live without any order, in milliseconds.
        lease_ms: u64,
        /// The control group that it belongs to, where there is one.
        #[serde(default, with = "maybe_path")]
        group: Option<PathBuf>,
    },
    /// Say how the tree is. Like every order it renews the lease.
    Ask,
    /// SIGTERM to the whole tree, then SIGKILL after the grace.
    Kill {
        /// The grace in milliseconds.
        grace_ms: u64,
    },
}

/// From a keeper to `omk`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Report {
    /// The program runs.
    Started {
        /// Its process id.
        pid: u32,
    },
    /// The program cannot be started; the keeper ends.
    Unstartable {
        /// The system's words.
        detail: String,
    },
    /// The machine has no process, memory or descriptor left for the program; the keeper ends.
    Exhausted {
        /// The system's words.
        detail: String,
    },
    /// How the tree is.
    Vitals(Vitals),
    /// The program has ended and nothing of its tree is left; the keeper ends.
    Exited(Ended),
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// It returned this status.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

impl Exit {
    /// The status as a shell has it: 128+n for signal n.
    pub fn status(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }
}

/// The end of a program and of all that it had started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// How the program itself ended.
    pub exit: Exit,
    /// Processor time of the whole tree outside the kernel, in milliseconds.
    pub cpu_user_ms: u64,
    /// Processor time of the whole tree inside the kernel, in milliseconds.
    pub cpu_system_ms: u64,
    /// The largest resident set of any one process of the tree, in KiB.
    pub max_rss_kb: u64,
    /// Other processes of the tree that had to be killed, as `pid name`, by pid; bounded.
    pub survivors: Vec<String>,
    /// Whether the keeper ended it because nobody had asked for it within its lease.
    #[serde(default)]
    pub lapsed: bool,
}
