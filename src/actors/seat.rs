//! A place for an actor that has an address before it exists, so that actors can be wired to each other.

use actix::{Actor, Addr, AsyncContext, Context};

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
}
