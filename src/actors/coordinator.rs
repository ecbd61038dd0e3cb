//! The shell that every coordinator shares: commit what was decided, start it once it is durable, report a defect.
//!
//! An actor's file shows what it receives, what it decides and what it starts; the order in between is here.
//! Invariant: an intent starts only after the facts that were committed before it are durable.

use actix::{Actor, Context, Recipient};

use crate::actors::exit_guard::ExitGuard;
use crate::domain::decided::Decided;
use crate::domain::event::ActorName;
use crate::domain::ids::{AttemptRef, Seq, Timestamp};
use crate::messages::journal::{Committed, Outbox, Released};
use crate::messages::lifecycle::Defect;
use crate::messages::{Undelivered, tell};

/// The part of a coordinator that is the same in all of them.
pub struct Shell<I> {
    /// Holds intents until their facts are durable.
    pub outbox: Outbox<I>,
    /// Receives defects.
    pub supervisor: Recipient<Defect>,
    /// Reports the actor's end to the supervisor when it is dropped.
    pub guard: ExitGuard,
}

/// The record after which an intent starts.
#[derive(Clone, Copy, Debug)]
pub(super) struct After {
    /// The record; `None` if nothing was committed with the intent.
    pub(super) cause: Option<Seq>,
    /// The time of that record, if the intent waited for it.
    pub(super) at: Option<Timestamp>,
}

/// An actor that lives as long as the run and changes the goal only through committed facts.
pub(super) trait Coordinator: Actor<Context = Context<Self>> {
    /// The name under which its facts are recorded.
    const NAME: ActorName;

    /// What it starts once the facts of a decision are durable.
    type Intent;

    /// Returns its shell.
    fn shell(&mut self) -> &mut Shell<Self::Intent>;

    /// Starts one intent. Fails if a mailbox does not take the message, which is a defect.
    fn start(&mut self, intent: Self::Intent, after: After, ctx: &mut Context<Self>) -> Result<(), Undelivered>;

    /// Commits a decision of its own and starts what may start already.
    fn commit(
        &mut self,
        decided: Decided<Self::Intent>,
        cause: Option<Seq>,
        attempt: Option<&AttemptRef>,
        ctx: &mut Context<Self>,
    ) {
        let committed = self.shell().outbox.commit(decided, cause, attempt);
        self.start_all(committed, ctx);
    }

    /// Commits facts that the operator decided, and starts what may start already.
    fn commit_for_operator(&mut self, decided: Decided<Self::Intent>, ctx: &mut Context<Self>) {
        let committed = self.shell().outbox.commit_as(ActorName::Operator, decided, None, None);
        self.start_all(committed, ctx);
    }

    /// Starts what the journal's acknowledgement releases.
    fn acknowledge(&mut self, committed: Committed, ctx: &mut Context<Self>) {
        let released = self.shell().outbox.acknowledge(committed);
        self.start_all(Ok(released), ctx);
    }

    /// Starts released intents in order; stops at the first that cannot start.
    fn start_all(&mut self, released: Result<Released<Self::Intent>, Undelivered>, ctx: &mut Context<Self>) {
        let started = released.and_then(|Released { intents, cause, at }| {
            intents.into_iter().try_for_each(|intent| self.start(intent, After { cause, at }, ctx))
        });
        self.report(started);
    }

    /// Reports a message that could not be delivered as a defect of this actor.
    fn report(&mut self, result: Result<(), Undelivered>) {
        if let Err(error) = result {
            self.defect(error.to_string());
        }
    }

    /// Reports a defect, which ends this actor and its generation like a crash.
    fn defect(&mut self, detail: String) {
        let defect = Defect { actor: Self::NAME, detail };
        tell(&self.shell().supervisor, defect).unwrap_or_else(|error| tracing::error!(%error, "no supervisor"));
    }
}
