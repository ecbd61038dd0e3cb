//! Decisions, pure: state and input in, facts and intents out. No clock, no I/O, no await.
//!
//! The folds (`goal_record`, `slices`, `merge_queue`, `gates`, `budget`, `restart`) hold durable state only; the
//! decisions beside them carry what is ephemeral. `state` composes the folds, `view` and `proof` show them.

pub mod advice;
pub mod assignment;
pub mod breaker;
pub mod budget;
pub mod controller;
pub mod deciding;
pub mod evidence;
pub mod gate_detection;
pub mod gate_words;
pub mod gates;
pub mod goal_record;
pub mod heartbeat;
pub mod integrator;
pub mod judgement;
pub mod leases;
pub mod merge_queue;
pub mod plan_documents;
pub mod plan_file;
pub mod planner;
pub mod profiles;
pub mod proof;
pub mod proof_v1;
pub mod quarantine;
pub mod rest;
pub mod restart;
pub mod scheduler;
pub mod sessions;
pub mod settling;
pub mod shortage;
pub mod slices;
pub mod spending;
pub mod state;
pub mod surroundings;
pub mod verdict;
pub mod view;
pub mod vigil;
pub mod why;
pub mod worker;
