//! Facts about runs of gates.
//!
//! Decided by: worker, integrator and controller. Released names and fields keep their meaning; a new field is optional.

use serde::{Deserialize, Serialize};
use strum::VariantNames;

use crate::domain::evidence::{GateResult, GateScope};
use crate::domain::ids::{Batch, CommitId, GateName, TreeId};

/// Facts about runs of gates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum GateFact {
    /// A gate ended.
    GateFinished {
        /// What it was run on.
        scope: GateScope,
        /// The verdict.
        result: Box<GateResult>,
    },
    /// A gate was red and then green on one tree: said, not blamed on anybody.
    FlakeSeen {
        /// What the gate was run on.
        scope: GateScope,
        /// The gate.
        gate: GateName,
        /// The tree.
        tree: TreeId,
    },
    /// A gate was red on a batch and on what the batch was merged onto: nobody in the batch broke it.
    RedBefore {
        /// The batch.
        batch: Batch,
        /// The gate.
        gate: GateName,
        /// The tip on which it was red already.
        onto: CommitId,
    },
}
