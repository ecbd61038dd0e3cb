//! What several capabilities' tests build on: sample values and places on disk.

pub(crate) mod facts;
pub(crate) mod journals;
pub(crate) mod places;
//! What the tests build on: real repositories, real goals.

pub(crate) mod git_goal;
pub(crate) mod git_repo;
//! What several tests share.

pub(crate) mod omk;
pub(crate) mod views;
