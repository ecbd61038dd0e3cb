//! A place for an actor that has an address before it exists, so that actors can be wired to each other.

use actix::fut::wrap_future;
use actix::{Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context};
use tokio_util::sync::CancellationToken;

/// How many messages a mailbox takes. Permits bound what is in flight; a full mailbox is a defect.
const MAILBOX: usize = 8192;

/// A place for an actor that has an address before it exists.
pub(super) struct Seat<A: Actor<Context = Context<A>>>(Context<A>);

/// An empty place with a mailbox.
pub(super) fn seat<A: Actor<Context = Context<A>>>() -> Seat<A> {
    let mut context = Context::new();
    context.set_mailbox_capacity(MAILBOX);
    Seat(context)
}

impl<A: Actor<Context = Context<A>>> Seat<A> {
    /// The address that the actor will have.
    pub(super) fn address(&self) -> Addr<A> {
        self.0.address()
    }

    /// Lets the actor begin; what was sent meanwhile waits in its mailbox.
    pub(super) fn run(self, actor: A) {
        self.0.run(actor);
    }

    /// The same for an actor that ends, whatever it does then, when `retired` is cancelled.
    pub(super) fn run_until(mut self, retired: CancellationToken, actor: A) {
        let over = wrap_future::<_, A>(retired.cancelled_owned());
        self.0.spawn(over.map(|(), _actor, ctx| ctx.stop()));
        self.0.run(actor);
    }
}
