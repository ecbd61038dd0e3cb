//! The vocabulary: every type that a message, a decision or a port speaks of.
//!
//! Level 0: imports nothing of this crate. Holds no I/O, no clock, no policy.

pub mod access;
pub mod actor;
pub mod agent;
pub mod budget;
pub mod change;
pub mod control;
pub mod deceptive;
pub mod decided;
pub mod event;
pub mod evidence;
pub mod fact;
pub mod goal;
pub mod ids;
pub mod listing;
pub mod metering;
pub mod order;
pub mod question;
pub mod redact;
pub mod refusal;
pub mod review;
pub mod settlement;
pub mod shortage;
pub mod spending;
pub mod supervision;
pub mod task;
pub mod view;
pub mod vitals;
pub mod why;
