//! Why a goal does not move: the read model of `goal why`. Folded from the journal; `process` and what is `live` are
//! what was seen of the run.
//!
//! The field names are the contract of `--json`, as those of `view`.

use serde::{Deserialize, Serialize};

use crate::domain::goal::{GoalStatus, Phase};
use crate::domain::ids::{Attempt, GoalId, SliceId, Timestamp};
use crate::domain::refusal::AttemptRefusals;
use crate::domain::supervision::{Breaker, ProfileQuarantine, Quarantine};
use crate::domain::task::{Feedback, WaitingFor};
use crate::domain::view::{Liveness, SliceState};
use crate::domain::vitals::Sighting;

/// Why a goal does not move, and what happens next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhyView {
    /// `omk.why/v1`.
    pub schema: String,
    /// The goal.
    pub id: GoalId,
    /// Where it stands, by its journal.
    pub status: GoalStatus,
    /// Whether it says `running` and no process does.
    pub orphaned: bool,
    /// The process that runs it.
    pub process: Liveness,
    /// What a `running` goal is doing.
    pub phase: Phase,
    /// Why it stands there, one sentence.
    pub reason: String,
    /// What happens next to the goal, one sentence.
    pub next: String,
    /// The commands that help, the best first.
    pub commands: Vec<String>,
    /// Providers that take no requests for now.
    pub breakers: Vec<Breaker>,
    /// Agents that the goal does not use any more.
    pub quarantined: Vec<ProfileQuarantine>,
    /// After how long of quiet it is said that an attempt may have stalled, in milliseconds.
    pub warning_ms: u64,
    /// After how long of quiet an attempt is ended, in milliseconds.
    pub stall_ms: u64,
    /// The longest that an attempt may take, in milliseconds.
    pub attempt_timeout_ms: u64,
    /// The slices that were asked for: all that are not integrated, or one.
    pub slices: Vec<WhySlice>,
}

/// Why a slice does not move, and what happens next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhySlice {
    /// The slice.
    pub id: SliceId,
    /// One line for people.
    pub title: String,
    /// Where it stands.
    pub state: SliceState,
    /// Since when.
    pub since: Timestamp,
    /// What a running attempt does.
    pub step: Option<String>,
    /// The newest attempt, 0 before the first.
    pub attempt: Attempt,
    /// The attempts that it may have.
    pub max_attempts: u32,
    /// Attempts that failed so far.
    pub failures: u32,
    /// Who works or worked on it; empty before the first attempt.
    pub agent: String,
    /// What it waits for.
    pub waiting_for: Vec<WaitingFor>,
    /// What was last seen of the attempt that runs.
    pub seen: Option<Sighting>,
    /// Whether that was seen just now; else it is what the journal has.
    pub live: bool,
    /// Whether its attempt has been quiet for so long that it may have stalled.
    pub suspicious: bool,
    /// Agents that are kept from it.
    pub quarantined: Vec<Quarantine>,
    /// What the newest attempt was told.
    pub feedback: Option<Feedback>,
    /// What was refused to the newest attempt of those that were refused anything.
    #[serde(default)]
    pub refused: Option<AttemptRefusals>,
    /// What happens next, one sentence.
    pub next: String,
    /// The commands that help, the best first.
    pub commands: Vec<String>,
}
