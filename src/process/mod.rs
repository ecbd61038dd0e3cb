//! Child processes: the only room that starts any.
//!
//! Every program that may leave children behind runs under a keeper (`keeper`), a small process of the same binary
//! that is the subreaper of its tree. `spawn` starts keepers from one immortal thread, `running` is the handle on one,
//! `drive` takes a program to its end under a timeout and a stop token. Trusted short tools go through `direct`, those that may
//! take a while through `leash`.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the room that starts processes, and its threads have no runtime to sleep on"
)]

mod ahead;
pub mod backlog;
pub mod binary;
mod contain;
pub mod containment;
pub mod detached;
pub mod direct;
pub mod drive;
pub mod error;
pub mod holder;
pub mod inherited;
pub mod keeper;
mod keeper_channel;
pub mod leash;
pub mod orphans;
pub mod output;
pub mod program;
mod reader;
pub mod running;
pub mod sanitise;
pub mod spawn;
pub mod sweep;
mod tree;
pub mod turn;
mod vital;
