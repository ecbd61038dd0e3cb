//! Where it goes what is kept of a run: its log, and its raw lines.
//!
//! Of a task both go to the disk as they come; of a mere meeting they stay in memory and go with it. Whatever is given
//! here has no secrets any more.

use std::mem;

use crate::domain::evidence::ArtifactRef;
use crate::domain::ids::AttemptRef;
use crate::ports::{Artifacts, Growing};
use crate::process::output::Bounded;

/// What is kept of the beginning, and of the end, in bytes.
const ENDS: usize = 1 << 20;

/// Where one of them goes.
#[derive(Debug)]
pub enum Keeping {
    /// It stays here.
    Memory(Bounded),
    /// It becomes a file of the goal.
    File {
        /// What it is called there.
        name: String,
        /// The file.
        growing: Box<dyn Growing>,
    },
}

impl Default for Keeping {
    fn default() -> Self {
        Self::Memory(Bounded::new(ENDS, ENDS))
    }
}

impl Keeping {
    /// A file of this name.
    pub(super) fn file(artifacts: &dyn Artifacts, name: String) -> Self {
        Self::File { growing: artifacts.grow(&name, ENDS), name }
    }

    /// Takes the next bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Memory(kept) => kept.push(bytes),
            Self::File { growing, .. } => growing.push(bytes),
        }
    }

    /// What goes on where this does, which ends.
    pub(super) fn take(&mut self) -> Self {
        mem::take(self)
    }

    /// What stayed in memory.
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Memory(kept) => kept.finish(),
            Self::File { .. } => Vec::new(),
        }
    }

    /// The file, which is whole now; `None` where there is none, or it cannot be written, which no attempt fails for.
    pub(super) async fn finish(self) -> Option<ArtifactRef> {
        let Self::File { name, growing } = self else { return None };
        match growing.finish().await {
            Ok(kept) => Some(kept),
            Err(fault) => {
                tracing::warn!(name, %fault, "an agent's log is lost");
                None
            }
        }
    }
}

/// What is kept of one run.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// For people.
    pub(super) log: Keeping,
    /// The raw lines.
    pub(super) frames: Keeping,
}

impl Evidence {
    /// Files that are called after the attempt.
    pub(super) fn of(attempt: &AttemptRef, artifacts: &dyn Artifacts) -> Self {
        Self {
            log: log(attempt, artifacts),
            frames: Keeping::file(artifacts, format!("agent-runs/{attempt}.frames.jsonl")),
        }
    }
}

/// The log of an attempt.
pub(super) fn log(attempt: &AttemptRef, artifacts: &dyn Artifacts) -> Keeping {
    Keeping::file(artifacts, format!("agent-runs/{attempt}.log"))
}
