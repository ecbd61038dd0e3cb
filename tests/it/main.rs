//! The integration tests: one binary, one file per capability.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has to fail")]

mod graph;
mod plan_file;
mod planner;
mod review;
mod simulation;
//! The tests of the program from outside: one binary, one file per capability.

mod golden_journal;
mod journal;
mod journal_failures;
mod store;
mod support;
