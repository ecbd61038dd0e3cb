//! The integration tests: one binary, one file per capability.

mod graph;
