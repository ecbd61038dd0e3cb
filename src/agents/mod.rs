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
mod course;
mod ending;
pub mod environment;
mod errand;
pub mod greeting;
pub mod heard;
mod hints;
pub mod host;
mod inquiry;
pub mod jsonrpc;
pub mod keeping;
mod links;
mod login;
pub mod name;
mod narrative;
mod node;
mod open_calls;
pub mod policy;
mod private_home;
pub mod profile;
pub mod prompt;
mod provider;
mod refusals;
#[cfg(test)]
mod rehearsal;
mod scene;
pub mod script;
pub mod settings;
mod silence;
mod streams;
mod sums;
mod talk;
mod task_document;
mod version;
mod wait;
mod wire;
