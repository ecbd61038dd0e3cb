//! What several capabilities' tests build on: sample values and places on disk.

pub(crate) mod facts;
pub(crate) mod journals;
pub(crate) mod places;
