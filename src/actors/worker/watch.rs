//! What is seen and heard while a program works under an attempt: it keeps the lease, or ends the attempt.
//!
//! Owns the timers of lease and stall. What a sign means is decided in `workflow/{heartbeat,vigil}`.

use std::pin::Pin;
use std::task::{Context as Task, Poll, ready};
use std::time::Duration;

use actix::fut::ActorFuture;
use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use tokio::sync::mpsc::UnboundedReceiver;

use super::WorkerActor;
use crate::domain::agent::{AgentEvent, AgentSign};
use crate::domain::budget::Spender;
use crate::domain::decided::Decided;
use crate::domain::fact::{AttemptFact, Fact};
use crate::domain::vitals::{Sighting, Vitals};
use crate::messages::budget::UsageSeen;
use crate::messages::lifecycle::Sighted;
use crate::messages::tell;
use crate::workflow::vigil::{Finding, Vigil, Watch};

impl WorkerActor {
    /// Keeps the lease as long as what works under it shows signs of life. A lease that is over kills it.
    pub(super) fn renew_later(&self, ctx: &mut Context<Self>) {
        let period = Duration::from_millis((self.around.charter.settings.lease_ms / 3).max(10));
        ctx.run_later(period, |actor, ctx| {
            // What is being killed on our own word gives no signs any more; the kill has its own bound.
            let lives = actor.heartbeat.beat() || actor.agent_stop.is_cancelled();
            if !lives {
                return actor.renew_later(ctx);
            }
            let renewal = actor.around.plane.renew(actor.attempt.clone(), actor.answered);
            ctx.spawn(renewal.into_actor(actor).map(|renewed, actor, ctx| match renewed {
                Ok(()) => actor.renew_later(ctx),
                Err(_) => actor.stop.cancel(),
            }));
        });
    }

    /// Begins to watch over the agent that is being started.
    pub(super) fn watch(&mut self, signs: UnboundedReceiver<AgentSign>, ctx: &mut Context<Self>) {
        let (Some(worker), Some(worktree)) = (&self.worker, &self.worktree) else { return };
        let (agent, stall_ms) = (worker.assignment().agent.clone(), self.around.charter.settings.stall_ms);
        self.vigil = Some(Vigil::new(self.attempt.clone(), agent, stall_ms, self.around.effects.clock.moment()));
        self.heartbeat.program_begins();
        self.signs = Some(signs);
        ctx.spawn(Hearing { of: |actor| &mut actor.signs, take: Self::heard });
        let before = self.around.effects.workspace.fingerprint(worktree.clone());
        ctx.spawn(before.into_actor(self).map(|before, actor, _| {
            if let (Some(vigil), Ok(before)) = (&mut actor.vigil, before) {
                vigil.begins_with(before);
            }
        }));
        self.look_later(ctx);
    }

    /// The agent, or a gate, has ended; what it showed of itself until then is heard first.
    pub(super) fn unwatch(&mut self) {
        while let Some(sign) = self.signs.as_mut().and_then(|signs| signs.try_recv().ok()) {
            self.heard(sign);
        }
        (self.signs, self.pulse, self.vigil) = (None, None, None);
        self.heartbeat.program_ended();
    }

    /// Begins to listen to the keeper of a gate that is being started.
    pub(super) fn listen(&mut self, pulse: UnboundedReceiver<Vitals>, ctx: &mut Context<Self>) {
        self.heartbeat.program_begins();
        self.pulse = Some(pulse);
        ctx.spawn(Hearing { of: |actor| &mut actor.pulse, take: |actor, vitals| actor.heartbeat.heard(&vitals) });
    }

    fn heard(&mut self, sign: AgentSign) {
        let now = self.around.effects.clock.moment();
        let shown = match &sign {
            AgentSign::Event(AgentEvent::Tool { .. }) | AgentSign::Vitals(_) => true,
            AgentSign::Event(_) | AgentSign::Output => false,
        };
        if let AgentSign::Vitals(vitals) = &sign {
            self.heartbeat.heard(vitals);
        }
        if let Some(vigil) = &mut self.vigil {
            match &sign {
                AgentSign::Event(event) => vigil.event(event, now),
                AgentSign::Output => vigil.output(now),
                AgentSign::Vitals(vitals) => vigil.vitals(vitals.clone()),
            }
            let sighting = if shown { vigil.show(now) } else { None };
            sighting.into_iter().for_each(|sighting| self.show(sighting));
        }
        if let AgentSign::Event(event) = sign {
            self.pass_on(event);
        }
    }

    fn show(&self, sighting: Sighting) {
        if let Err(error) = tell(&self.around.sighted, Sighted { sighting }) {
            tracing::debug!(%error, attempt = %self.attempt, "nobody looks");
        }
    }

    /// Passes on what the agent lets us see: use counts, words are kept in its log.
    fn pass_on(&mut self, event: AgentEvent) {
        let attempt = self.attempt.clone();
        match event {
            AgentEvent::Usage { usage, id, model } => {
                self.answered |= !usage.is_nothing();
                let role = Spender::Executor;
                let seen = UsageSeen { attempt: attempt.clone(), role, id, model, usage, cause: None };
                if let Err(error) = tell(&self.around.budget.used, seen) {
                    tracing::warn!(%error, %attempt, "use was not recorded");
                }
            }
            AgentEvent::Session { id } => {
                if let Some(worker) = &mut self.worker {
                    worker.session_opened();
                }
                self.note(Fact::Attempt(AttemptFact::SessionOpened { id }));
            }
            AgentEvent::Message { text } => tracing::debug!(%attempt, text, "agent"),
            AgentEvent::Propose { title, .. } => tracing::info!(%attempt, title, "the agent proposes a task"),
            AgentEvent::Ask { text } => tracing::info!(%attempt, text, "the agent asks"),
            AgentEvent::Tool { title, done, .. } => {
                self.answered = true;
                tracing::debug!(%attempt, title, done, "a tool call");
            }
            AgentEvent::Limited { detail, .. } => tracing::info!(%attempt, detail, "its provider refuses"),
            AgentEvent::Done { summary } => tracing::debug!(%attempt, summary, "the agent says it is done"),
        }
    }

    fn look_later(&self, ctx: &mut Context<Self>) {
        let Some(vigil) = &self.vigil else { return };
        match vigil.check(self.around.effects.clock.moment()) {
            Watch::Rest(ms) => {
                ctx.run_later(Duration::from_millis(ms), |actor, ctx| actor.look_later(ctx));
            }
            Watch::Look => self.look(ctx),
        }
    }

    fn look(&self, ctx: &mut Context<Self>) {
        let Some(worktree) = self.worktree.clone() else { return };
        let seen = self.around.effects.workspace.fingerprint(worktree);
        ctx.spawn(seen.into_actor(self).map(|seen, actor, ctx| {
            let seen = seen.inspect_err(|fault| tracing::warn!(%fault, "a worktree cannot be looked at")).ok();
            actor.looked(seen, ctx);
        }));
    }

    fn looked(&mut self, worktree: Option<u64>, ctx: &mut Context<Self>) {
        let now = self.around.effects.clock.moment();
        let Some(vigil) = &mut self.vigil else { return };
        match vigil.looked(worktree, now) {
            Finding::Nothing => {}
            Finding::Quiet(sighting) => self.note(Fact::Attempt(AttemptFact::AttemptQuiet(Box::new(sighting)))),
            Finding::Stale(how) => return self.end_agent(how),
        }
        self.look_later(ctx);
    }

    fn end_agent(&mut self, how: String) {
        self.vigil = None;
        if let Some(worker) = &mut self.worker {
            worker.went_stale(how);
        }
        self.agent_stop.cancel();
    }

    /// Records something that changes no step.
    fn note(&mut self, fact: Fact) {
        if let Err(error) = self.commit(Decided::new(vec![fact], Vec::new())) {
            tracing::error!(%error, attempt = %self.attempt, "the worker cannot record what it sees");
        }
    }
}

/// Gives the actor each sign as it comes, in order, as long as it listens. What comes in the same moment as the end is
/// heard by `unwatch`.
struct Hearing<T> {
    of: fn(&mut WorkerActor) -> &mut Option<UnboundedReceiver<T>>,
    take: fn(&mut WorkerActor, T),
}

impl<T> ActorFuture<WorkerActor> for Hearing<T> {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        actor: &mut WorkerActor,
        _ctx: &mut Context<WorkerActor>,
        task: &mut Task<'_>,
    ) -> Poll<()> {
        while let Some(received) = (self.of)(actor) {
            match ready!(received.poll_recv(task)) {
                Some(sign) => (self.take)(actor, sign),
                None => *(self.of)(actor) = None,
            }
        }
        Poll::Ready(())
    }
}
