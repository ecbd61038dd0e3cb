//! Facts about one attempt at a slice: its lease, its work, its end.
//!
//! Decided by: scheduler and worker. Released names and fields keep their meaning; a new field is optional.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use strum::VariantNames;

use crate::domain::agent::AgentReport;
use crate::domain::ids::{AttemptRef, CommitId, Timestamp, TreeId};
use crate::domain::task::{AttemptOutcome, Capture};
use crate::domain::vitals::Sighting;

/// Facts about one attempt at a slice: its lease, its work, its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum AttemptFact {
    /// An attempt of a slice is up for a worker.
    AttemptOffered {
        /// Slice, attempt and lease.
        attempt: AttemptRef,
        /// The commit that it starts from.
        start: CommitId,
        /// The tree that its worktree holds at first, where that is not the start's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content: Option<TreeId>,
        /// The agent that does it.
        agent: String,
    },
    /// A worker took it.
    AttemptClaimed {
        /// Slice, attempt and lease.
        attempt: AttemptRef,
        /// When the lease ends unless it is renewed.
        lease_until: Timestamp,
    },
    /// It ended; the first end of an epoch is the only one.
    AttemptFinished {
        /// Slice, attempt and lease.
        attempt: AttemptRef,
        /// How.
        outcome: AttemptOutcome,
    },
    /// A result came for a lease that is over.
    LateResultDropped {
        /// Slice, attempt and lease.
        attempt: AttemptRef,
        /// What it said, one sentence.
        detail: String,
    },
    /// An attempt has been quiet for half of the time after which it is stale.
    AttemptQuiet(Box<Sighting>),
    /// The attempt has its worktree.
    WorktreePrepared {
        /// Where, relative to the goal's directory.
        path: PathBuf,
    },
    /// The agent has begun a session, by which a later attempt can go on.
    SessionOpened {
        /// Its name for it.
        id: String,
    },
    /// The agent's process ended.
    AgentReported {
        /// What came of it.
        report: AgentReport,
    },
    /// What the attempt changed is captured and committed.
    SliceCaptured {
        /// The capture.
        capture: Capture,
    },
    /// The user's own checkout changed while the attempt was under way, by its agent or by somebody else.
    CheckoutChanged {
        /// What changed: absolute paths, bounded.
        paths: Vec<String>,
    },
}
