//! The integration tests: one binary, one file per capability.

mod graph;
//! All integration tests, in one binary: one file per capability.

mod plan_file;
mod planner;
