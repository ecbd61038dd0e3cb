//! Everybody -> journal: what was decided; journal -> everybody: it is durable.
//!
//! Invariant: an intent leaves an [`Outbox`] only after every fact that was committed before it is durable.

use std::collections::VecDeque;

use actix::{Message, Recipient};
use tokio_util::sync::CancellationToken;

use crate::domain::decided::Decided;
use crate::domain::event::{ActorName, Draft, Event};
use crate::domain::ids::{AttemptRef, Seq, Timestamp};
use crate::messages::{Undelivered, tell};

/// Make these facts durable, together and in this order.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Append {
    /// The facts.
    pub drafts: Vec<Draft>,
    /// Who is told, once they are durable.
    pub reply_to: Recipient<Committed>,
}

/// The oldest append that was not yet acknowledged to this actor is durable.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Committed {
    /// The number of its last record.
    pub last: Seq,
    /// The time of that record.
    pub at: Timestamp,
}

/// All records so far, once everything that was appended before this message is durable.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ReadAll {
    /// Where they go.
    pub reply_to: tokio::sync::oneshot::Sender<Vec<Event>>,
}

/// The journal could not be written: the run ends at once.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct JournalFailed {
    /// What failed.
    pub detail: String,
}

/// Journal -> supervisor -> controller: little more can be written. The run should end while its end still can be.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct JournalDistressed {
    /// Why, one sentence.
    pub detail: String,
}

/// Holds an actor's intents back until the facts that they follow from are durable.
///
/// The journal acknowledges one actor's appends in the order in which they were sent, so a queue is enough.
pub struct Outbox<I> {
    actor: ActorName,
    journal: Recipient<Append>,
    reply_to: Recipient<Committed>,
    waiting: VecDeque<Vec<I>>,
    /// Cancelled when its actor has been replaced: from then on nothing goes in or comes out.
    retired: CancellationToken,
}

/// Intents that may start now.
#[derive(Debug)]
pub struct Released<I> {
    /// In the order in which they were decided.
    pub intents: Vec<I>,
    /// The record that they follow from; `None` where nothing was committed with them.
    pub cause: Option<Seq>,
    /// The time of that record, where these waited for it.
    pub at: Option<Timestamp>,
}

impl<I> Outbox<I> {
    /// An empty outbox of `actor`, whose acknowledgements come to `reply_to`.
    pub fn new(actor: ActorName, journal: Recipient<Append>, reply_to: Recipient<Committed>) -> Self {
        Self { actor, journal, reply_to, waiting: VecDeque::new(), retired: CancellationToken::new() }
    }

    /// The same, shut for good once `retired` is cancelled: an actor that has been replaced decides nothing more.
    #[must_use]
    pub fn until(self, retired: CancellationToken) -> Self {
        Self { retired, ..self }
    }

    /// Commits facts and holds the intents that follow from them. Intents without facts are released at once when
    /// nothing is held before them.
    pub fn commit(
        &mut self,
        decided: Decided<I>,
        cause: Option<Seq>,
        attempt: Option<&AttemptRef>,
    ) -> Result<Released<I>, Undelivered> {
        self.commit_as(self.actor, decided, cause, attempt)
    }

    /// The same for facts that somebody else decided and this actor writes down.
    pub fn commit_as(
        &mut self,
        actor: ActorName,
        decided: Decided<I>,
        cause: Option<Seq>,
        attempt: Option<&AttemptRef>,
    ) -> Result<Released<I>, Undelivered> {
        let Decided { facts, intents } = decided;
        if self.retired.is_cancelled() {
            return Ok(Released { intents: Vec::new(), cause: None, at: None });
        }
        if facts.is_empty() {
            return Ok(self.hold_or_release(intents, cause));
        }
        let draft = |fact| Draft { actor, cause, attempt: attempt.cloned(), fact };
        let drafts = facts.into_iter().map(draft).collect();
        tell(&self.journal, Append { drafts, reply_to: self.reply_to.clone() })?;
        self.waiting.push_back(intents);
        Ok(Released { intents: Vec::new(), cause: None, at: None })
    }

    fn hold_or_release(&mut self, intents: Vec<I>, cause: Option<Seq>) -> Released<I> {
        match self.waiting.back_mut() {
            Some(last) => {
                last.extend(intents);
                Released { intents: Vec::new(), cause: None, at: None }
            }
            None => Released { intents, cause, at: None },
        }
    }

    /// Releases what the oldest append held back.
    pub fn acknowledge(&mut self, committed: Committed) -> Released<I> {
        let released = self.waiting.pop_front().filter(|_| !self.retired.is_cancelled());
        let Committed { last, at } = committed;
        Released { intents: released.unwrap_or_default(), cause: Some(last), at: Some(at) }
    }
}
