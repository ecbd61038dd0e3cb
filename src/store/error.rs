//! Why something on disk could not be had.
//!
//! Owns the room's one error type. A text says what and where, and what helps where anything does; the system's own
//! words are the source, never repeated in the text.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::domain::control::Holder;
use crate::domain::ids::GoalId;
use crate::store::codec::BadRecord;

/// Everything that the store refuses or fails at.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The system refused.
    #[error("failed to {doing} {path}")]
    Io {
        /// What was tried, as a verb.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Nothing says where the state directory is.
    #[error("no home directory is known; name the state directory with --state-dir or $OMK_STATE_DIR")]
    NoHome,
    /// The state directory takes no files.
    #[error("the state directory {state} cannot be written; name another with --state-dir or $OMK_STATE_DIR")]
    NotWritable {
        /// The directory.
        state: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A goal's directory takes no writes, so nobody can act on the goal.
    #[error("the goal's directory {goal} cannot be written; nothing was changed, and the goal can still be looked at")]
    Unwritable {
        /// The directory.
        goal: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A goal of this id exists already; the next millisecond gives another id.
    #[error("a goal called {id} exists already")]
    Taken {
        /// The id.
        id: GoalId,
    },
    /// `latest` of nothing.
    #[error("there are no goals yet in {state}")]
    NoGoals {
        /// The state directory.
        state: PathBuf,
    },
    /// No goal is called so.
    #[error("no goal is called `{text}`{}", did_you_mean(.nearest))]
    UnknownGoal {
        /// What was asked for.
        text: String,
        /// Ids that look like it, the likeliest first; may be empty.
        nearest: Vec<GoalId>,
    },
    /// Several goals are called so.
    #[error("`{text}` names {} goals: {}; give more of the id", .candidates.len(), listed(.candidates))]
    AmbiguousGoal {
        /// What was asked for.
        text: String,
        /// The goals, newest first.
        candidates: Vec<GoalId>,
    },
    /// Another process runs the goal.
    #[error("{goal} is held by {}; stop that run first, or wait for its end", held_by(.holder.as_ref()))]
    Locked {
        /// The goal's directory.
        goal: PathBuf,
        /// The process; `None` where it has not said yet.
        holder: Option<Holder>,
    },
    /// The goal's directory has no journal: its creation was cut short.
    #[error("{path} does not exist: the goal was never recorded, and its directory can be removed")]
    NoJournal {
        /// The file.
        path: PathBuf,
    },
    /// A record is not what was written.
    #[error("{path} is damaged in line {line}; nothing was changed: restore the file from a copy, or keep its first {} lines", .line - 1)]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        source: BadRecord,
    },
    /// A newer program wrote the journal.
    #[error("{path} was written by a newer omk (version {version} of its schema, line {line}); use that one")]
    Newer {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The version of the schema.
        version: u32,
    },
    /// A path that would leave the goal's directory.
    #[error("the path `{path}` {problem}")]
    UnsafePath {
        /// The path, control characters escaped.
        path: String,
        /// What is wrong with it, as the end of a sentence.
        problem: &'static str,
    },
    /// A file of evidence is not the one that was recorded.
    #[error("{path} is not the file that the journal names: its content was changed")]
    Forged {
        /// The file.
        path: PathBuf,
    },
    /// No process listens for the goal.
    #[error("no process runs the goal in {goal}")]
    NotRunning {
        /// The goal's directory.
        goal: PathBuf,
    },
    /// The process that runs the goal gave no answer in time.
    #[error("the process that runs the goal in {goal} gave no answer in {seconds} s; it may still act on the request")]
    NoAnswer {
        /// The goal's directory.
        goal: PathBuf,
        /// How long was waited.
        seconds: u64,
    },
    /// The other side of the control socket speaks otherwise.
    #[error("the process that runs the goal in {goal} answered {problem}")]
    Protocol {
        /// The goal's directory.
        goal: PathBuf,
        /// What it answered.
        problem: String,
    },
}

impl StoreError {
    /// Says what was tried on what, for `map_err`.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }

    /// The error and its sources on one line.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            text = format!("{text}: {error}");
            source = error.source();
        }
        text
    }
}

fn listed(ids: &[GoalId]) -> String {
    const SHOWN: usize = 5;
    let names: Vec<&str> = ids.iter().take(SHOWN).map(GoalId::as_str).collect();
    let more = if ids.len() > SHOWN { ", …" } else { "" };
    format!("{}{more}", names.join(", "))
}

fn did_you_mean(nearest: &[GoalId]) -> String {
    if nearest.is_empty() { String::new() } else { format!("; there is {}", listed(nearest)) }
}

fn held_by(holder: Option<&Holder>) -> String {
    match holder {
        Some(holder) => format!("process {} on {}", holder.pid, holder.host),
        None => "another process".to_owned(),
    }
}
