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
//! The integration tests of `omk`: one binary, one file per capability.

mod support;

mod git_capture;
mod git_capture_policy;
mod git_deliver;
mod git_inspect;
mod git_merge;
mod git_worktree;
//! Integration tests: one binary, one file per capability.

mod agents;
mod gate;
mod kept;
mod process;
mod test_output;

mod graph;
//! The one binary of integration tests, a file per capability.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod cli;
mod cli_screens;
mod demo;
mod support;
