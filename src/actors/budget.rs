//! The budget actor: counts time and use, and says when a limit is reached.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Recipient};

use crate::actors::exit_guard::ExitGuard;
use crate::domain::budget::{BudgetKind, Spender};
use crate::domain::decided::Decided;
use crate::domain::event::{ActorName, Fact};
use crate::domain::ids::{AttemptRef, Seq};
use crate::messages::budget::UsageSeen;
use crate::messages::goal::{Begin, Exhausted};
use crate::messages::journal::{Committed, Outbox, Released};
use crate::messages::lifecycle::Defect;
use crate::messages::{Undelivered, tell};
use crate::ports::Clock;
use crate::workflow::budget::Ledger;

/// Whom the budget speaks to.
pub struct Wires {
    /// Is told when a limit is used up.
    pub controller: Recipient<Exhausted>,
    /// What cannot be goes here.
    pub supervisor: Recipient<Defect>,
}

/// The actor.
pub struct BudgetActor {
    ledger: Ledger,
    /// Whether this tree begins the run, so that the journal does not say so yet.
    begins_run: bool,
    clock: Arc<dyn Clock>,
    outbox: Outbox<BudgetKind>,
    wires: Wires,
    _guard: ExitGuard,
}

impl BudgetActor {
    /// An actor over a ledger that was folded from the journal.
    pub fn new(
        (ledger, begins_run): (Ledger, bool),
        clock: Arc<dyn Clock>,
        outbox: Outbox<BudgetKind>,
        wires: Wires,
        guard: ExitGuard,
    ) -> Self {
        Self { ledger, begins_run, clock, outbox, wires, _guard: guard }
    }

    /// Says what is to be said now.
    fn check(&mut self, mut facts: Vec<Fact>, cause: Option<Seq>, attempt: Option<&AttemptRef>) {
        let now = self.clock.now();
        facts.extend(self.ledger.check(now));
        let mut intents = Vec::new();
        for fact in &facts {
            if !matches!(fact, Fact::UsageRecorded { .. }) {
                self.ledger.apply(fact, now);
            }
            if let Fact::BudgetExhausted { budget, .. } = fact {
                intents.push(*budget);
            }
        }
        let committed = self.outbox.commit(Decided::new(facts, intents), cause, attempt);
        let performed = committed.and_then(|released| self.perform(released));
        self.report(performed);
    }

    fn perform(&self, released: Released<BudgetKind>) -> Result<(), Undelivered> {
        let cause = released.cause;
        released.intents.into_iter().try_for_each(|budget| tell(&self.wires.controller, Exhausted { budget, cause }))
    }

    fn report(&self, result: Result<(), Undelivered>) {
        if let Err(error) = result {
            let defect = Defect { actor: ActorName::Budget, detail: error.to_string() };
            tell(&self.wires.supervisor, defect).unwrap_or_else(|error| tracing::error!(%error, "no supervisor"));
        }
    }

    /// Looks again when the time left is used up, and now and then on the way there.
    fn check_later(&self, ctx: &mut Context<Self>) {
        let Some(left) = self.ledger.time_left_ms(self.clock.now()) else { return };
        let wait = if left < 200 { left.max(1) } else { (left / 3).clamp(100, 60_000) };
        ctx.run_later(Duration::from_millis(wait), |actor, ctx| {
            actor.check(Vec::new(), None, None);
            if actor.ledger.exhausted.is_none() {
                actor.check_later(ctx);
            }
        });
    }
}

impl Actor for BudgetActor {
    type Context = Context<Self>;
}

impl Handler<Begin> for BudgetActor {
    type Result = ();
    fn handle(&mut self, _: Begin, ctx: &mut Context<Self>) {
        if self.begins_run {
            self.ledger.begin_run(self.clock.now());
        }
        self.check(Vec::new(), None, None);
        self.check_later(ctx);
    }
}

impl Handler<UsageSeen> for BudgetActor {
    type Result = ();
    fn handle(&mut self, seen: UsageSeen, _ctx: &mut Context<Self>) {
        let UsageSeen { attempt, usage, cause } = seen;
        let recorded =
            Fact::UsageRecorded { slice: attempt.slice.clone(), usage, role: Spender::Executor, model: None };
        self.ledger.apply(&recorded, self.clock.now());
        self.check(vec![recorded], cause, Some(&attempt));
    }
}

impl Handler<Committed> for BudgetActor {
    type Result = ();
    fn handle(&mut self, committed: Committed, _ctx: &mut Context<Self>) {
        let released = self.outbox.acknowledge(committed);
        let performed = self.perform(released);
        self.report(performed);
    }
}
