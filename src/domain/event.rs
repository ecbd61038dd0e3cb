//! The envelope in which the journal keeps a fact.
//!
//! Owns the schema of the journal, version 3. Version 1 lacks the facts of supervision, of reservations and of
//! sessions; version 2 lacks those of lost history, of a changed checkout and of slices without a change. The facts
//! themselves are in `fact/`.

pub use crate::domain::actor::ActorName;
use crate::domain::fact::Fact;
use crate::domain::ids::{AttemptRef, ContentHash, Seq, Timestamp};

/// The version of the schema that this program writes.
pub const JOURNAL_VERSION: u32 = 3;

/// A fact before the journal has numbered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Who decided it.
    pub actor: ActorName,
    /// The record that led to it, where one did.
    pub cause: Option<Seq>,
    /// The attempt that it belongs to, where one does.
    pub attempt: Option<AttemptRef>,
    /// What happened.
    pub fact: Fact,
}

/// A record of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its place, from 1 without gaps.
    pub seq: Seq,
    /// When it was decided, by the wall clock.
    pub ts: Timestamp,
    /// Who decided it.
    pub actor: ActorName,
    /// The record that led to it.
    pub cause: Option<Seq>,
    /// The attempt that it belongs to.
    pub attempt: Option<AttemptRef>,
    /// What happened.
    pub fact: Fact,
    /// The hash of the record before; 64 zeros for the first.
    pub prev_hash: ContentHash,
    /// SHA-256 over the exact bytes of the line without `hash`.
    pub hash: ContentHash,
}
