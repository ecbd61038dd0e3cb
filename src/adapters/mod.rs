//! The real effects behind the ports: git, the wall clock, gates, confinement.
//!
//! Each file owns one effect. None of them decides anything: what is done and when comes in as a request, what came of
//! it goes out by value.

pub mod clock;
pub mod gate;
pub mod git;
pub mod machine;
pub mod removal;
pub mod remover;
mod room;
pub mod sandbox;
