//! The typed protocol between actors, one file per conversation.
//!
//! Commands are imperative, answers are past tense. Every message goes by value. A message that follows from a record
//! of the journal bears that record's number as `cause`.

pub mod budget;
pub mod goal;
pub mod journal;
pub mod lifecycle;
pub mod operator;
pub mod review;
pub mod slice;

use thiserror::Error;

/// A mailbox that should have taken a message did not: it is full, which is a defect, or its actor is gone, which the
/// supervisor learns from the actor's own exit guard.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("failed to send {message}: the mailbox is {state}")]
pub struct Undelivered {
    /// The type of the message.
    pub message: &'static str,
    /// `full` or `closed`.
    pub state: &'static str,
}

/// Puts a message into a mailbox without waiting.
pub fn tell<M>(to: &actix::Recipient<M>, message: M) -> Result<(), Undelivered>
where
    M: actix::Message + Send + 'static,
    M::Result: Send,
{
    to.try_send(message).map_err(|error| Undelivered {
        message: std::any::type_name::<M>(),
        state: match error {
            actix::prelude::SendError::Full(_) => "full",
            actix::prelude::SendError::Closed(_) => "closed",
        },
    })
}
