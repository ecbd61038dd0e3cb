//! A reviewer: one role, one change, one report.

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Recipient, WrapFuture};
use std::sync::Arc;

use crate::actors::exit_guard::ExitGuard;
use crate::domain::change::Change;
use crate::domain::decided::Decided;
use crate::domain::fact::{Fact, ReviewFact};
use crate::domain::ids::Seq;
use crate::domain::order::Fault;
use crate::domain::review::{Review, Role};
use crate::messages::journal::{Committed, Outbox};
use crate::messages::review::{ReviewOrder, Reviewed};
use crate::messages::tell;
use crate::ports::Workspace;
use crate::review::{self, Brief};

/// The actor. It lives for one review.
pub struct ReviewerActor {
    role: Role,
    order: ReviewOrder,
    workspace: Arc<dyn Workspace>,
    outbox: Outbox<Review>,
    reply_to: Recipient<Reviewed>,
    cause: Option<Seq>,
    _guard: ExitGuard,
}

impl ReviewerActor {
    /// A reviewer of one role for one change.
    pub fn new(
        (role, order): (Role, ReviewOrder),
        workspace: Arc<dyn Workspace>,
        outbox: Outbox<Review>,
        (reply_to, cause): (Recipient<Reviewed>, Option<Seq>),
        guard: ExitGuard,
    ) -> Self {
        Self { role, order, workspace, outbox, reply_to, cause, _guard: guard }
    }

    fn look(&mut self, change: Result<Arc<Change>, Fault>, ctx: &mut Context<Self>) {
        let change = match change {
            Ok(change) => change,
            Err(fault) => return self.reply(Err(fault.to_string()), None, ctx),
        };
        let review = review::review(
            self.role,
            &Brief {
                change: &change,
                access: self.order.access.as_ref(),
                gates: &self.order.gates,
                gate_results: &self.order.results,
            },
        );
        let fact =
            Fact::Review(ReviewFact::ReviewFinished { subject: self.order.subject.clone(), review: review.clone() });
        let decided = Decided::new(vec![fact], vec![review]);
        if let Err(error) = self.outbox.commit(decided, self.cause, self.order.attempt.as_ref()) {
            self.reply(Err(error.to_string()), None, ctx);
        }
    }

    fn reply(&mut self, result: Result<Review, String>, cause: Option<Seq>, ctx: &mut Context<Self>) {
        let reviewed = Reviewed { subject: self.order.subject.clone(), result, cause };
        if let Err(error) = tell(&self.reply_to, reviewed) {
            tracing::debug!(%error, "nobody waits for this review any more");
        }
        ctx.stop();
    }
}

impl Actor for ReviewerActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let change = self.workspace.change(self.order.from.clone(), self.order.to.clone());
        ctx.spawn(change.into_actor(self).map(|change, actor, ctx| actor.look(change, ctx)));
    }
}

impl Handler<Committed> for ReviewerActor {
    type Result = ();
    fn handle(&mut self, committed: Committed, ctx: &mut Context<Self>) {
        let released = self.outbox.acknowledge(committed);
        for review in released.intents {
            self.reply(Ok(review), released.cause, ctx);
        }
    }
}
