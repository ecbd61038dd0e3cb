//! What a second `omk` process may ask of one that runs a goal.

use serde::{Deserialize, Serialize};

use crate::domain::budget::{Account, Limits};
use crate::domain::ids::SliceId;
use crate::domain::vitals::Sighting;

/// A request over the control socket, one JSON object a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum ControlRequest {
    /// Is anybody there?
    Ping,
    /// Stop for now; answered when the goal is paused.
    Pause {
        /// Who asks, for the journal.
        by: String,
    },
    /// Give up; answered when the goal is cancelled.
    Cancel {
        /// Who asks, for the journal.
        by: String,
    },
    /// Answer a question that a slice waits on; answered once that is durable.
    Answer {
        /// The question's id.
        question: String,
        /// The answer.
        answer: String,
    },
    /// Give a slice attempts again; answered once that is durable.
    Retry {
        /// The slice.
        slice: SliceId,
        /// Whether earlier work is left aside.
        fresh: bool,
        /// What the operator tells the next attempt.
        hint: Option<String>,
    },
    /// Tell the agent at work on a slice something; answered once that is durable and passed on.
    Steer {
        /// The slice.
        slice: SliceId,
        /// The operator's words.
        text: String,
    },
    /// Add to what may be spent; answered once that is durable.
    AddBudget {
        /// How much more.
        more: Limits,
        /// By whom.
        #[serde(default, skip_serializing_if = "Account::is_goal")]
        account: Account,
    },
    /// What do the agents do?
    Look,
}

/// The answer, one JSON object a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum ControlReply {
    /// Here, in process `pid`.
    Pong {
        /// The process that runs the goal.
        pid: u32,
    },
    /// Done; the goal now has this status.
    Settled {
        /// The status as scripts read it.
        status: String,
    },
    /// Done, and durable.
    Done,
    /// What may be spent from now on.
    Limits {
        /// In all.
        limits: Limits,
    },
    /// What the agents do.
    Seen {
        /// By attempt.
        sightings: Vec<Sighting>,
    },
    /// The operator's words are durable.
    Steered {
        /// Who has them.
        told: Told,
    },
    /// Not done.
    Refused {
        /// Why, as the end of "refused: …".
        reason: String,
        /// What helps: a sentence or a command each.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        help: Vec<String>,
    },
}

/// Whom the operator's words to an agent at work have reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// The agent that works now.
    Agent,
    /// Nobody yet: it had just ended, and a further attempt is told, where one follows.
    NextAttempt,
}

/// Why a run does not do what the operator says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why, as the end of "refused: …".
    pub reason: String,
    /// What helps: a sentence or a command each.
    pub help: Vec<String>,
}

impl Refusal {
    /// A refusal with what helps.
    pub fn new(reason: impl Into<String>, help: impl IntoIterator<Item = String>) -> Self {
        Self { reason: reason.into(), help: help.into_iter().collect() }
    }
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self { reason, help: Vec::new() }
    }
}

/// The two ways to stop a run from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// For now.
    Pause,
    /// For good.
    Cancel,
}

/// How `by` begins of a stop that no command asked for: a signal's name, or the end of whoever read the output.
const UNASKED: [&str; 2] = ["SIG", CLOSED_PIPE];
/// `by` of a stop because nobody reads the run's output any more.
pub const CLOSED_PIPE: &str = "a closed pipe: nobody reads its output any more";

/// Who stopped a run, for its reason: the signal or the pipe of the record's `by`, else the operator.
pub fn stopper(by: &str) -> &str {
    if UNASKED.iter().any(|start| by.starts_with(start)) { by } else { "the operator" }
}

/// The process that holds a goal's lock, as written into the lock file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// Its host.
    pub host: String,
    /// The boot of that host (`/proc/sys/kernel/random/boot_id`), empty where unknown.
    pub boot_id: String,
    /// The version of `omk`.
    pub version: String,
}
