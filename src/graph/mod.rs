//! The DAG of slices: whether a plan is one, which orders it lacks, and what can start now.
//!
//! Level 1: imports `domain` only, and is the only room that knows petgraph. Pure: no clock, no I/O, no randomness,
//! no iteration over hash maps, so that one plan always gives one graph.

mod ancestry;
pub mod delta;
pub mod error;
pub mod frontier;
mod index;
mod keys;
mod orders;
pub mod overlap;
mod shape;
mod sweep;
pub mod task_graph;
mod trie;
pub mod validate;
