//! Coding agents: one host, one file per dialect.
//!
//! Owns how an agent's program is started, heard and ended. Never judges what it did: its words are narrative, its
//! edits are captured and checked by others.

pub mod claude;
mod cmd;
pub mod codex;
mod conversation;
pub mod environment;
pub mod heard;
pub mod host;
pub mod name;
pub mod script;
mod task_document;
