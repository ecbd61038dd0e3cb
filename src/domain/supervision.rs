//! Who is kept from working, and what an earlier run left behind.

use serde::{Deserialize, Serialize};

use crate::domain::ids::{SliceId, Timestamp};

/// A slice and an agent that do not go together: the agent's attempts at it went stale too often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    /// The slice.
    pub slice: SliceId,
    /// The agent, as the goal names it.
    pub agent: String,
    /// How many of its attempts went stale.
    pub ends: u32,
    /// How the last one ended, one phrase.
    pub reason: String,
    /// The agent that takes over; without one the slice is given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<String>,
}

/// An agent that failed on several slices in a row: the goal does not use it any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileQuarantine {
    /// The agent, as the goal names it.
    pub agent: String,
    /// The slices, in the order of their failures.
    pub slices: Vec<SliceId>,
    /// How the last attempt ended, one phrase.
    pub reason: String,
    /// The agent that takes over; without one its slices are given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<String>,
}

/// A provider that takes no requests for now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// The provider, in the agent's words, or else the agent.
    pub provider: String,
    /// The agent that ran into it, as the goal names it.
    pub agent: String,
    /// When the next try is made.
    pub until: Timestamp,
    /// Whether the provider stated that time; else it is a back-off.
    pub stated: bool,
    /// How often in a row it was found shut.
    pub trips: u32,
    /// Its words.
    pub detail: String,
}

/// What a run that took a goal up found of the one before, and cleared away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leftovers {
    /// Processes that still ran and were killed, as `pid name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub processes: Vec<String>,
    /// Worktrees of dead attempts that were removed, relative to the goal's directory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub worktrees: Vec<String>,
    /// Lock files of our own dead processes that were removed, as paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<String>,
    /// Refs that were made again from the journal, and other repairs, a phrase each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repairs: Vec<String>,
    /// Things that are not ours, seen and left alone, a phrase each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_alone: Vec<String>,
}

impl Leftovers {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
