//! The integration tests: one binary, one file per capability.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has to fail")]
#![allow(clippy::disallowed_methods, reason = "tests make processes and repositories of their own")]

mod agents;
mod architecture;
mod budget;
mod budget_actor;
mod cli;
mod cli_budget;
mod cli_screens;
mod config;
mod demo;
mod gate;
mod git_capture;
mod git_capture_policy;
mod git_deliver;
mod git_inspect;
mod git_merge;
mod git_worktree;
mod golden_journal;
mod graph;
mod journal;
mod journal_failures;
mod kept;
mod plan_file;
mod planner;
mod process;
mod process_fates;
mod review;
mod run_agents;
mod run_bad_input;
mod run_budget;
mod run_crash;
mod run_faults;
mod run_meanwhile;
mod run_ready;
mod run_red;
mod run_verbs;
mod simulation;
mod store;
mod support;
mod test_output;
