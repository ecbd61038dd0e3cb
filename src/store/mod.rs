//! What is kept on disk: the state directory, a goal's journal, its evidence, and the socket to a running goal.
//!
//! Owns every path below the state directory and the bytes of the journal. Decides nothing about goals, prints
//! nothing, reads no clock. Imports `ports` and `domain` only.

pub mod artifacts;
pub mod atomic;
pub mod codec;
pub mod control;
mod displaced;
pub mod error;
mod growing;
pub mod journal;
pub mod layout;
pub mod lock;
pub mod opening;
pub mod origin;
mod parts;
mod pending;
pub mod reader;
pub mod replay;
pub mod resolve;
pub mod server;
pub mod tail;
pub mod writer;
