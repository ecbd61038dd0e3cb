//! What the scheduler hears of others: workers through the work plane, and the budget's bookings.
//!
//! Decides nothing. Invariant: what is heard was handed to the journal in the same breath, so that the scheduler's slices
//! are what the journal will fold to.

use actix::{Context, Handler, Recipient};
use tokio::sync::oneshot;

use super::SchedulerActor;
use crate::domain::evidence::ArtifactRef;
use crate::domain::fact::Fact;
use crate::domain::ids::{AttemptRef, GateName};
use crate::domain::order::{AttemptEnd, LeaseOver};
use crate::domain::task::Assignment;
use crate::messages::budget::Booked;
use crate::messages::slice::{AskBaseTests, Claim, Finish, Progressed, Renew};
use crate::messages::{Undelivered, tell};
use crate::ports::{Effect, WorkPlane};

/// The work plane within one process: messages to the scheduler.
pub struct LocalPlane {
    /// Takes claims.
    pub claim: Recipient<Claim>,
    /// Takes renewals.
    pub renew: Recipient<Renew>,
    /// Is told what workers record.
    pub progressed: Recipient<Progressed>,
    /// Takes questions about the tests of the base.
    pub base_tests: Recipient<AskBaseTests>,
    /// Takes ends.
    pub finish: Recipient<Finish>,
}

impl WorkPlane for LocalPlane {
    fn claim(&self, attempt: AttemptRef) -> Effect<Result<Assignment, LeaseOver>> {
        let (reply_to, answer) = oneshot::channel();
        let sent = tell(&self.claim, Claim { attempt: attempt.clone(), reply_to });
        Box::pin(awaited(sent, answer, attempt))
    }

    fn renew(&self, attempt: AttemptRef, answered: bool) -> Effect<Result<(), LeaseOver>> {
        let (reply_to, answer) = oneshot::channel();
        let sent = tell(&self.renew, Renew { attempt: attempt.clone(), answered, reply_to });
        Box::pin(awaited(sent, answer, attempt))
    }

    fn progressed(&self, attempt: AttemptRef, fact: Fact) {
        if let Err(error) = tell(&self.progressed, Progressed { attempt, fact }) {
            tracing::debug!(%error, "nobody hears what a worker records");
        }
    }

    fn base_tests(&self, gate: GateName) -> Effect<Option<ArtifactRef>> {
        let (reply_to, answer) = oneshot::channel();
        let sent = tell(&self.base_tests, AskBaseTests { gate, reply_to });
        Box::pin(async move {
            match sent {
                Ok(()) => answer.await.unwrap_or_default(),
                Err(_) => None,
            }
        })
    }

    fn finish(&self, attempt: AttemptRef, end: AttemptEnd) -> Effect<Result<(), LeaseOver>> {
        let (reply_to, answer) = oneshot::channel();
        let sent = tell(&self.finish, Finish { attempt: attempt.clone(), end, reply_to });
        Box::pin(awaited(sent, answer, attempt))
    }
}

/// A scheduler that is gone grants nothing.
async fn awaited<T>(
    sent: Result<(), Undelivered>,
    answer: oneshot::Receiver<Result<T, LeaseOver>>,
    attempt: AttemptRef,
) -> Result<T, LeaseOver> {
    match (sent, answer.await) {
        (Ok(()), Ok(result)) => result,
        (Err(_), _) | (_, Err(_)) => Err(LeaseOver { attempt }),
    }
}

impl Handler<Progressed> for SchedulerActor {
    type Result = ();
    fn handle(&mut self, progressed: Progressed, _ctx: &mut Context<Self>) {
        let (now, Progressed { attempt, fact }) = (self.now(), progressed);
        if let Some(scheduler) = &mut self.scheduler {
            scheduler.heard(&fact, Some(&attempt), now);
        }
    }
}

impl Handler<AskBaseTests> for SchedulerActor {
    type Result = ();
    fn handle(&mut self, asked: AskBaseTests, _ctx: &mut Context<Self>) {
        let AskBaseTests { gate, reply_to } = asked;
        let named = self.scheduler.as_ref().and_then(|scheduler| scheduler.table().gates.base_tests(&gate).cloned());
        // A worker that is gone does not wait for it.
        let _unheard = reply_to.send(named);
    }
}

impl Handler<Booked> for SchedulerActor {
    type Result = ();
    fn handle(&mut self, booked: Booked, _ctx: &mut Context<Self>) {
        let now = self.now();
        if let Some(scheduler) = &mut self.scheduler {
            scheduler.heard(&booked.fact, None, now);
        }
    }
}
