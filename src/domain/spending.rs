//! The read model of what a goal spent: what `goal budget` shows, and what the derived files about it hold.
//!
//! The field names are the contract of `--json`. Money is in millionths of a US dollar; where `usd_complete` is false,
//! some of what was used has no price, and the sum is only a part of what it cost.

use serde::{Deserialize, Serialize};

use crate::domain::budget::{Account, BudgetKind, Limits, Price, Reservation, Spender, Usage};
use crate::domain::goal::GoalStatus;
use crate::domain::ids::{Attempt, GoalId, SliceId, Timestamp};

/// What a goal may spend and has spent (`goal budget --json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetReport {
    /// `omk.budget/v1`.
    pub schema: String,
    /// The goal.
    pub id: GoalId,
    /// Where it stands.
    pub status: GoalStatus,
    /// The whole goal.
    pub goal: AccountView,
    /// Slices on which something was spent or may be spent, in plan order.
    pub slices: Vec<AccountView>,
    /// The same by role.
    pub roles: Vec<AccountView>,
    /// What attempts under way hold.
    pub reservations: Vec<Reservation>,
    /// What was spent at which time, oldest first.
    pub checkpoints: Vec<CheckpointView>,
    /// What each attempt used, in the order of their offers.
    pub attempts: Vec<AttemptCost>,
    /// The prices of the models that were used.
    pub prices: Vec<Price>,
    /// Models that were used and have no price.
    pub unpriced_models: Vec<String>,
}

/// One account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// `goal`, or the slice's or the role's name.
    pub name: String,
    /// Of the goal: time of runs. Of a slice or a role: how long its agents worked, added up.
    pub time_ms: u64,
    /// What agents reported.
    pub usage: Usage,
    /// Whether `usage` has the price of every token, and every attempt reported its use.
    pub usd_complete: bool,
    /// Attempts whose agent worked and did not say what it used: no limit of tokens or money holds for them.
    #[serde(default)]
    pub unreported: u32,
    /// What attempts held that ended without a word: counted as spent. Time is never lost.
    pub lost: Limits,
    /// What attempts under way hold and have not used.
    pub reserved: Limits,
    /// What may be spent.
    pub limits: Limits,
    /// What is left of that.
    pub left: Limits,
    /// The limit that is used up.
    pub exhausted: Option<BudgetKind>,
}

/// A limit that is used up (in `goal budget-add --json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedUp {
    /// Whose.
    pub account: Account,
    /// Which.
    pub budget: BudgetKind,
    /// How much is spent.
    pub spent: u64,
    /// Of how much.
    pub limit: u64,
}

impl UsedUp {
    /// The least that has to be added for anything to be left.
    pub fn needs(&self) -> u64 {
        self.spent.saturating_sub(self.limit).saturating_add(1)
    }
}

/// What was spent at some time (a line of `budget-checkpoints.jsonl`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointView {
    /// When, by the wall clock.
    pub at: Timestamp,
    /// Time of runs.
    pub time_ms: u64,
    /// What agents reported.
    pub usage: Usage,
    /// Whether `usage` has the price of every token, and every attempt reported its use.
    pub usd_complete: bool,
}

/// What an attempt cost (a line of `cost.jsonl`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptCost {
    /// The slice.
    pub slice: SliceId,
    /// Which try.
    pub attempt: Attempt,
    /// In which role.
    pub role: Spender,
    /// The agent, as the goal names it.
    pub agent: String,
    /// The models that it used, in its words.
    pub models: Vec<String>,
    /// What it reported.
    pub usage: Usage,
    /// The price of that, `null` where it is not known whole.
    pub usd_micros: Option<u64>,
    /// How long it worked.
    pub time_ms: u64,
}
