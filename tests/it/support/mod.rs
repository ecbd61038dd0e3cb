//! What several capabilities' tests build on: sample values and places on disk.

pub mod facts;
pub mod journals;
pub mod places;
