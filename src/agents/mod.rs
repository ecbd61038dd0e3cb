//! Coding agents: one host, one file per dialect.
//!
//! Owns how an agent's program is started, heard and ended. Never judges what it did: its words are narrative, its
//! edits are captured and checked by others.

mod cmd;
mod conversation;
pub mod environment;
pub mod host;
pub mod jsonrpc;
pub mod name;
pub mod policy;
pub mod profile;
pub mod prompt;
pub mod script;
mod task_document;
