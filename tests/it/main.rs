//! The integration tests: one binary, one file per capability.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has to fail")]

#![allow(clippy::expect_used, reason = "a test that cannot be set up has failed")]

mod golden_journal;
mod graph;
mod journal;
mod journal_failures;
mod plan_file;
mod planner;
mod review;
mod simulation;
mod store;
mod support;
