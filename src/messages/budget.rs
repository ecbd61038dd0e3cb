//! Worker -> budget: what was used.

use actix::Message;

use crate::domain::budget::Usage;
use crate::domain::ids::{AttemptRef, Seq};

/// An agent reported use; adds to what it reported before.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct UsageSeen {
    /// By whom.
    pub attempt: AttemptRef,
    /// The increment.
    pub usage: Usage,
    /// The record that led to this.
    pub cause: Option<Seq>,
}
