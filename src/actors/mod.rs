//! The actix shells: concurrency and supervision.
//!
//! A handler calls a decision, commits its facts, and starts its effects once they are durable. Only `supervisor`
//! knows the other actors; they know recipients of messages.

pub mod budget;
pub mod controller;
pub mod coordinator;
pub mod exit_guard;
mod gating;
pub mod integrator;
pub mod journal;
pub mod planner;
pub mod reviewer;
pub mod scheduler;
mod seat;
pub mod supervisor;
pub mod worker;
