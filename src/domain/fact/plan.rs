//! Facts about the plan.
//!
//! Decided by: planner. Released names and fields keep their meaning; a new field is optional.

use serde::{Deserialize, Serialize};
use strum::VariantNames;

use crate::domain::task::AcceptedPlan;

/// Facts about the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum PlanFact {
    /// The plan is frozen.
    PlanAccepted(Box<AcceptedPlan>),
}
