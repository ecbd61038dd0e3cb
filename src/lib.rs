//! omk
pub mod app;
pub mod domain;
pub mod messages;
pub mod graph;
pub mod ports;
pub mod review;
pub mod workflow;
