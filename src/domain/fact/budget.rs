//! Facts about what may be spent and what was.
//!
//! Decided by: budget. Released names and fields keep their meaning; a new field is optional.

use serde::{Deserialize, Serialize};
use strum::VariantNames;

use crate::domain::budget::{Account, BudgetKind, Checkpoint, ClockMove, Limits, Reservation, Spender, Usage};
use crate::domain::ids::SliceId;

/// Facts about what may be spent and what was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum BudgetFact {
    /// The limits changed.
    LimitsSet {
        /// The limits from now on, in all.
        limits: Limits,
        /// Whose.
        #[serde(default, skip_serializing_if = "Account::is_goal")]
        account: Account,
    },
    /// An agent reported use.
    UsageRecorded {
        /// For which slice.
        slice: SliceId,
        /// The increment.
        usage: Usage,
        /// In which role.
        #[serde(default, skip_serializing_if = "Spender::is_executor")]
        role: Spender,
        /// With which model, in the agent's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
    },
    /// An attempt may spend this much; until it is settled, nobody else may.
    BudgetReserved(Reservation),
    /// The attempt is over: what it did not use is free again.
    BudgetSettled {
        /// The slice.
        slice: SliceId,
        /// What the attempt used in all.
        usage: Usage,
    },
    /// The time that runs have taken so far.
    BudgetCheckpointed(Checkpoint),
    /// The machine slept, or its clock was set.
    ClockMoved(ClockMove),
    /// A limit is two thirds used.
    BudgetNoticed {
        /// Which.
        budget: BudgetKind,
        /// How much is used.
        spent: u64,
        /// Of how much.
        limit: u64,
        /// Whose limit.
        #[serde(default, skip_serializing_if = "Account::is_goal")]
        account: Account,
    },
    /// A limit is used up.
    BudgetExhausted {
        /// Which.
        budget: BudgetKind,
        /// How much is used.
        spent: u64,
        /// Of how much.
        limit: u64,
        /// Whose limit.
        #[serde(default, skip_serializing_if = "Account::is_goal")]
        account: Account,
    },
}
