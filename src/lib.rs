//! `omk`: from one engineering goal to proven, integrated changes in a git repository.
//!
//! Rooms by level; a room imports only from levels below it, along the arrows of `docs/architecture.md`:
//!
//! | level | rooms | what lives there |
//! |---|---|---|
//! | 5 | `cli` | the user and the program; the only room that prints |
//! | 4 | `app` | composition, configuration, shutdown |
//! | 3 | `actors` | actix shells: concurrency and supervision |
//! | 2 | `messages`, `workflow`; `agents`, `adapters`, `store` | protocol and decisions; effects |
//! | 1 | `graph`, `review`, `ports`; `process` | task DAG, rubrics, effect traits; child processes |
//! | 0 | `domain` | the vocabulary |

pub mod domain;

pub mod graph;
pub mod ports;
pub mod process;
pub mod review;

pub mod adapters;
pub mod agents;
pub mod messages;
pub mod store;
pub mod workflow;

pub mod actors;

pub mod app;

pub mod cli;
