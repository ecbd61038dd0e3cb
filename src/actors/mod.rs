//! The actix shells: concurrency and supervision.
//!
//! A handler calls a decision, commits its facts, and starts its effects once they are durable. Only `supervisor`
//! knows the other actors; they know recipients of messages.

pub mod budget;
pub mod controller;
pub mod exit_guard;
pub mod integrator;
pub mod journal;
pub mod planner;
pub mod reviewer;
pub mod scheduler;
pub mod supervisor;
pub mod worker;

use std::sync::Arc;

use crate::ports::{Agents, Artifacts, Clock, Gates, Journal, Workspace};

/// Every effect, as the composition root or a simulation provides them.
#[derive(Clone)]
pub struct Effects {
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// The goal's journal.
    pub journal: Arc<dyn Journal>,
    /// The goal's evidence files.
    pub artifacts: Arc<dyn Artifacts>,
    /// Coding agents.
    pub agents: Arc<dyn Agents>,
    /// The goal's private repository.
    pub workspace: Arc<dyn Workspace>,
    /// Gates.
    pub gates: Arc<dyn Gates>,
}

/// How many messages a mailbox takes. Permits bound what is in flight; a full mailbox is a defect.
pub const MAILBOX: usize = 8192;
