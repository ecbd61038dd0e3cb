//! What the operator says to a run under way, on its way to whoever decides it.
//!
//! Forwards, and refuses while there is nobody to forward to: between two generations of coordinators. A stop is kept
//! and said to every generation.

use actix::{Actor, Addr, Context, Handler, Message};

use crate::actors::supervisor::Supervisor;
use crate::actors::supervisor::children::Task;
use crate::domain::control::{Stop, Told};
use crate::domain::ids::Moment;
use crate::domain::vitals::Sighting;
use crate::messages::goal::StopRun;
use crate::messages::lifecycle::Child;
use crate::messages::operator::{AddBudget, AnswerQuestion, Look, RetrySlice, SteerSlice, TellAgent};
use crate::messages::tell;

/// Said while the coordinators are being rebuilt.
const REBUILDING: &str = "the run is being rebuilt after a fault; try again in a moment";

/// Puts a message into a coordinator's mailbox; gives it back where that cannot take it.
fn forward<A, M>(to: Option<&Addr<A>>, message: M) -> Result<(), M>
where
    A: Actor<Context = Context<A>> + Handler<M>,
    M: Message<Result = ()> + Send + 'static,
{
    match to {
        Some(address) => address.try_send(message).map_err(actix::prelude::SendError::into_inner),
        None => Err(message),
    }
}

impl Handler<AnswerQuestion> for Supervisor {
    type Result = ();
    fn handle(&mut self, answer: AnswerQuestion, _ctx: &mut Context<Self>) {
        if let Err(answer) = forward(self.generation().map(|generation| &generation.scheduler), answer) {
            // Whoever asked may have gone away again.
            drop(answer.reply_to.send(Err(REBUILDING.to_owned().into())));
        }
    }
}

impl Handler<RetrySlice> for Supervisor {
    type Result = ();
    fn handle(&mut self, retry: RetrySlice, _ctx: &mut Context<Self>) {
        if let Err(retry) = forward(self.generation().map(|generation| &generation.scheduler), retry) {
            drop(retry.reply_to.send(Err(REBUILDING.to_owned().into())));
        }
    }
}

impl Handler<SteerSlice> for Supervisor {
    type Result = ();
    fn handle(&mut self, steer: SteerSlice, _ctx: &mut Context<Self>) {
        if let Err(steer) = forward(self.generation().map(|generation| &generation.scheduler), steer) {
            drop(steer.reply_to.send(Err(REBUILDING.to_owned().into())));
        }
    }
}

impl Handler<TellAgent> for Supervisor {
    type Result = ();
    fn handle(&mut self, words: TellAgent, _ctx: &mut Context<Self>) {
        let worker = match self.task(Child::Worker(words.attempt.clone())) {
            Some(Task::Works { worker, .. }) => Some(&*worker),
            Some(Task::Coordinates | Task::Reviews { .. }) | None => None,
        };
        if let Err(words) = forward(worker, words) {
            // The attempt is over; the words are durable.
            drop(words.reply_to.send(Ok(Told::NextAttempt)));
        }
    }
}

impl Handler<AddBudget> for Supervisor {
    type Result = ();
    fn handle(&mut self, add: AddBudget, _ctx: &mut Context<Self>) {
        if let Err(add) = forward(self.generation().map(|generation| &generation.budget), add) {
            drop(add.reply_to.send(Err(REBUILDING.to_owned())));
        }
    }
}

impl Handler<Look> for Supervisor {
    type Result = ();
    fn handle(&mut self, look: Look, _ctx: &mut Context<Self>) {
        let now = self.effects.clock.moment();
        let sightings = self.children.values().filter_map(|child| match &child.task {
            Task::Works { sighting, .. } => sighting.as_deref(),
            Task::Coordinates | Task::Reviews { .. } => None,
        });
        let aged = |(at, seen): &(Moment, Sighting)| Sighting { seen_ms_ago: now.since(*at), ..seen.clone() };
        // Whoever asked may have gone away again.
        drop(look.reply_to.send(sightings.map(aged).collect()));
    }
}

impl Handler<StopRun> for Supervisor {
    type Result = ();
    fn handle(&mut self, stop: StopRun, _ctx: &mut Context<Self>) {
        if self.standing.stop.as_ref().is_none_or(|wanted| wanted.stop != Stop::Cancel) {
            self.standing.stop = Some(stop.clone());
        }
        let Some(generation) = self.generation() else { return };
        if let Err(error) = tell(&generation.controller.clone().recipient(), stop) {
            tracing::warn!(%error, "the controller is being rebuilt; it will hear of the stop then");
        }
    }
}
