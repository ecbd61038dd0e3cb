//! Facts about batches and what was merged.
//!
//! Decided by: integrator. Released names and fields keep their meaning; a new field is optional.

use serde::{Deserialize, Serialize};
use strum::VariantNames;

use crate::domain::evidence::ArtifactRef;
use crate::domain::ids::{Attempt, Batch, CommitId, GateName, SliceId, TreeId};
use crate::domain::task::{Feedback, KeptLines};

/// Facts about batches and what was merged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum MergeFact {
    /// Accepted slices were taken from the queue together.
    BatchFormed {
        /// Which batch.
        batch: Batch,
        /// The tip that they are merged onto.
        onto: CommitId,
        /// The slices, in merge order.
        slices: Vec<SliceId>,
    },
    /// A slice could not be merged.
    MergeConflicted {
        /// The slice.
        slice: SliceId,
        /// Which try.
        attempt: Attempt,
        /// The batch.
        batch: Batch,
        /// What it was merged onto.
        onto: CommitId,
        /// The slices that changed the same paths before it.
        with: Vec<SliceId>,
        /// The paths.
        paths: Vec<String>,
        /// Both sides and their base, for each path.
        evidence: Vec<ArtifactRef>,
        /// Lines that the next attempt may not drop: what the others added to these paths.
        keep: Vec<KeptLines>,
        /// What the next attempt is told.
        feedback: Feedback,
    },
    /// Bisection found the slice that turns a batch red.
    SliceBlamed {
        /// The slice.
        slice: SliceId,
        /// Which try.
        attempt: Attempt,
        /// The batch.
        batch: Batch,
        /// The gate.
        gate: GateName,
        /// What the next attempt is told.
        feedback: Feedback,
    },
    /// The slice is in the integrated history.
    SliceIntegrated {
        /// The slice.
        slice: SliceId,
        /// Which try.
        attempt: Attempt,
        /// The batch.
        batch: Batch,
        /// The merge: its first parent is the tip before, its second the slice's commit.
        merge: CommitId,
        /// The tree after the merge.
        tree: TreeId,
    },
    /// The private repository has lost commits of the integrated history. The history ends before the first that is lost;
    /// what came later is merged again.
    IntegrationLost {
        /// The slices that are in the history no more, in the order of their merges.
        slices: Vec<SliceId>,
        /// Those among them whose captured work is lost as well: they begin again.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        begin_again: Vec<SliceId>,
        /// The commit that the history ends with now.
        tip: CommitId,
        /// Its tree.
        tree: TreeId,
    },
}
