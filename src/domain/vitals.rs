//! What is seen of an attempt while it works: its processes, its last sign, how long it has been quiet.
//!
//! Nothing here is evidence of work. A process that lives keeps a lease; only a message, output or a change in the
//! worktree is progress.

use serde::{Deserialize, Serialize};

use crate::domain::ids::AttemptRef;

/// One process, as its keeper sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessSeen {
    /// Its process id.
    pub pid: u32,
    /// Its name, made harmless.
    pub name: String,
    /// The state letter of `/proc/<pid>/stat`: `R`, `S`, `D`, `T`, `Z`, …
    pub state: char,
    /// The processor time that it has used, in milliseconds.
    pub cpu_ms: u64,
}

/// What a keeper answers when it is asked after its tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vitals {
    /// Whether the program lives, and neither it nor all that it waits for is stopped or traced.
    pub alive: bool,
    /// The processes of the tree, the program first; bounded.
    pub processes: Vec<ProcessSeen>,
}

/// What was last seen of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// The attempt.
    pub attempt: AttemptRef,
    /// Its agent.
    pub agent: String,
    /// How long there was no message, no output and no change in the worktree, in milliseconds.
    pub quiet_ms: u64,
    /// The last thing that it let us see, one line; empty before the first.
    pub last_event: String,
    /// The tool call that is open, one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call: Option<String>,
    /// Its processes when its keeper last answered.
    pub vitals: Vitals,
    /// How long ago all this was seen, in milliseconds: it may have been less quiet since.
    #[serde(default, skip_serializing_if = "is_now")]
    pub seen_ms_ago: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_now(ms: &u64) -> bool {
    *ms == 0
}
