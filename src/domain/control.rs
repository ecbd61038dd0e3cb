//! What a second `omk` process may ask of one that runs a goal.

use serde::{Deserialize, Serialize};

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
    /// Not done.
    Refused {
        /// Why, as the end of "refused: …".
        reason: String,
    },
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
