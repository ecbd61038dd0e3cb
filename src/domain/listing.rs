//! What `goal list` has to show: the goals that can be read, and those that cannot.
//!
//! Invariant: a goal that somebody made is in one of the two; none is passed over without a word.

use serde::{Deserialize, Serialize};

use crate::domain::ids::GoalId;
use crate::domain::view::GoalSummary;

/// All goals of a state directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Those that can be shown, the newest first.
    pub goals: Vec<GoalSummary>,
    /// Those that cannot.
    pub left_out: Vec<LeftOut>,
}

/// A goal whose journal cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The goal.
    pub id: GoalId,
    /// What is wrong with it, one sentence.
    pub problem: String,
    /// What helps: a sentence or a command each.
    pub help: Vec<String>,
}
