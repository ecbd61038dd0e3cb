//! Coding agents: one host, one file per dialect.
//!
//! Owns how an agent's program is started, heard and ended. Never judges what it did: its words are narrative, its
//! edits are captured and checked by others.

mod acp;
pub mod claude;
mod cmd;
pub mod codex;
mod conversation;
mod conversing;
pub mod environment;
mod errand;
pub mod greeting;
pub mod heard;
pub mod host;
pub mod jsonrpc;
pub mod name;
mod narrative;
pub mod policy;
pub mod profile;
pub mod prompt;
pub mod script;
pub mod settings;
mod talk;
mod task_document;
