//! Git, in process where it can be: the user's repository as it is found, the goal's private repository, worktrees,
//! captures, merges, delivery.
//!
//! The user's repository is never at risk. Two kinds of thing are ever written there: the ref that keeps the base
//! reachable, and at the end the delivered branches with their objects. No hook, filter, fsmonitor or merge driver is
//! ever run, and nothing that a tree, a worktree or an agent's configuration says is obeyed.

#![expect(clippy::disallowed_methods, reason = "this is the room that opens repositories")]

pub mod deliver;
pub mod inspect;
pub mod leftovers;
pub mod look;
pub mod private;
pub mod program;
pub mod refusal;
pub mod seed;
pub mod workspace;

mod abandon;
mod alternates;
mod bare_shape;
mod capture;
mod change;
mod checkout;
mod checkout_watch;
mod contents;
mod durable;
mod edit;
mod fingerprint;
mod handles;
mod harvest;
mod history;
mod identity;
mod ignore_rules;
mod intake;
mod leaf;
mod lines;
mod listing;
mod merge;
mod merge_program;
mod names;
mod notes;
mod objects;
mod open;
mod overlap;
mod pack;
mod packed_refs;
mod power;
mod recent;
mod refresh;
mod refs;
mod regular;
mod shared;
mod sharing;
mod snapshot;
mod submodules;
mod tree_diff;
mod user_git;
mod walk;
mod worktree;
