//! Decisions: state and input go in, facts and intents come out.
//!
//! No clock, no I/O, no await: everything here is a function of its arguments.

pub mod gate_detection;
pub mod plan_documents;
pub mod plan_file;
pub mod planner;
