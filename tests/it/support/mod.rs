//! What several capabilities' tests build on: sample values, places on disk, real repositories, the real program.

mod acp_agent;
pub(crate) mod acp_goal;
pub(crate) mod conversation;
pub(crate) mod facts;
pub(crate) mod facts_v2;
pub(crate) mod facts_v3;
pub(crate) mod git_goal;
pub(crate) mod git_repo;
pub(crate) mod golden;
pub(crate) mod journals;
pub(crate) mod model_server;
pub(crate) mod omk;
pub(crate) mod ordinary;
pub(crate) mod orphan;
pub(crate) mod places;
mod replay;
mod replay_lines;
pub(crate) mod scene;
mod stream_agent;
pub(crate) mod views;
mod wire_agent;
