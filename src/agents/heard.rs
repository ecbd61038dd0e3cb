//! What a reader of an agent's lines makes of one: what is to be shown, sent, judged, or the end of the turn.
//!
//! Readers are pure: lines in, these out. Text in them is harmless already; a path is as the agent named it.

use std::path::PathBuf;

use crate::domain::agent::{AgentEnd, AgentEvent};

/// One consequence of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// To be passed on.
    Event(AgentEvent),
    /// The session has this id, by which another process can go on with it.
    Session(String),
    /// To be written to the agent now, a line without its end.
    Send(String),
    /// To be judged; the agent waits for the answer.
    Judge(Asked),
    /// What was said to it is taken up: a turn runs.
    Begun,
    /// The turn is over.
    Ended(AgentEnd),
}

/// A tool call that waits for a ruling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// What the ruling must name.
    pub request: String,
    /// The tool, in the agent's words.
    pub tool: String,
    /// What sort of call: `edit`, `execute`, `read`, `search`, `fetch` or `other`.
    pub kind: &'static str,
    /// The command line that it runs.
    pub command: Option<String>,
    /// The directory that it runs in, where that is known.
    pub cwd: Option<PathBuf>,
    /// The paths that it names, absolute or relative to the worktree.
    pub paths: Vec<PathBuf>,
}

/// What is said about a tool call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// Go on.
    Allow,
    /// No.
    Refuse {
        /// Why, for the model.
        reason: String,
    },
}
