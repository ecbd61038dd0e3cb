//! How the slices stand when nothing runs: what the scheduler tells the controller.

use crate::domain::ids::SliceId;

/// How things stand when nothing runs any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settlement {
    /// Slices in the integrated history.
    pub integrated: Vec<SliceId>,
    /// Slices done without a change.
    pub unchanged: Vec<SliceId>,
    /// Slices given up, with the reason.
    pub given_up: Vec<(SliceId, String)>,
    /// Slices that wait for an answer: id and text of the question.
    pub asking: Vec<(SliceId, String, String)>,
    /// Slices that could go on.
    pub open: Vec<SliceId>,
    /// Why the run cannot go on, where something outside of the slices stands in the way.
    pub obstacle: Option<Obstruction>,
}

/// What keeps the scheduler from starting anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstruction {
    /// The agent cannot be used.
    AgentUnavailable(String),
    /// Our own machinery failed.
    Fault(String),
    /// The run is being stopped.
    Halted(String),
}
