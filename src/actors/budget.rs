//! The budget actor: lets agents start, counts time and use, and says when a limit is reached.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Recipient};
use tokio::sync::oneshot;

use crate::actors::coordinator::{After, Coordinator, Shell};
use crate::domain::budget::{Account, Limits};
use crate::domain::decided::Decided;
use crate::domain::event::ActorName;
use crate::domain::fact::{BudgetFact, Fact};
use crate::domain::ids::{AttemptRef, Seq};
use crate::messages::budget::{Booked, Reopened, Reserve, Settle, SliceExhausted, UsageSeen};
use crate::messages::goal::{BudgetOpened, Exhausted, Halt, OpenBudget};
use crate::messages::journal::Committed;
use crate::messages::operator::AddBudget;
use crate::messages::{Undelivered, tell};
use crate::ports::Clock;
use crate::workflow::budget::cashier::{Cashier, Intent, Reading, Reported};
use crate::workflow::budget::{Ledger, Short};

/// The mailboxes that the budget sends to.
pub struct Wires {
    /// Is told when a limit is used up.
    pub controller: Recipient<Exhausted>,
    /// Is told that the run may go on, once what was used up before it has been said.
    pub opened: Recipient<BudgetOpened>,
    /// Gives up a slice whose limit is used up.
    pub scheduler: Recipient<SliceExhausted>,
    /// Is told what slices have used.
    pub booked: Recipient<Booked>,
}

/// Counts what is spent, and lets agents start while there is something left.
pub struct BudgetActor {
    /// The ledger as folded from the journal, until the run begins.
    folded: Option<Ledger>,
    cashier: Option<Cashier>,
    clock: Arc<dyn Clock>,
    wires: Wires,
    shell: Shell<Intent>,
    asking: BTreeMap<AttemptRef, oneshot::Sender<Result<(), String>>>,
    extending: VecDeque<oneshot::Sender<Result<Limits, String>>>,
}

impl Coordinator for BudgetActor {
    const NAME: ActorName = ActorName::Budget;
    type Intent = Intent;

    fn shell(&mut self) -> &mut Shell<Intent> {
        &mut self.shell
    }

    fn start(&mut self, intent: Intent, after: After, _ctx: &mut Context<Self>) -> Result<(), Undelivered> {
        match intent {
            Intent::Grant(attempt) => self.answer(&attempt, Ok(())),
            Intent::Deny(attempt, reason) => self.answer(&attempt, Err(reason)),
            Intent::Stop(short) => return self.stop(&short, after.cause),
            Intent::Open => return tell(&self.wires.opened, BudgetOpened { cause: after.cause }),
            Intent::Answer(limits) => {
                if let Some(reply_to) = self.extending.pop_front() {
                    // Whoever asked may have gone away again.
                    drop(reply_to.send(Ok(limits)));
                }
            }
        }
        Ok(())
    }
}

impl BudgetActor {
    /// An actor over a ledger that was folded from the journal.
    pub fn new(folded: Ledger, clock: Arc<dyn Clock>, wires: Wires, shell: Shell<Intent>) -> Self {
        Self {
            folded: Some(folded),
            cashier: None,
            clock,
            wires,
            shell,
            asking: BTreeMap::new(),
            extending: VecDeque::new(),
        }
    }

    fn reading(&self) -> Reading {
        Reading { wall: self.clock.now(), moment: self.clock.moment(), slept_ms: self.clock.slept_ms() }
    }

    /// Lets the cashier decide and commits what it decided.
    fn decide(
        &mut self,
        cause: Option<Seq>,
        attempt: Option<&AttemptRef>,
        ctx: &mut Context<Self>,
        decision: impl FnOnce(&mut Cashier, Reading) -> Decided<Intent>,
    ) {
        let now = self.reading();
        let Some(cashier) = &mut self.cashier else { return };
        let decided = decision(cashier, now);
        let told = self.tell_booked(&decided.facts);
        self.report(told);
        self.commit(decided, cause, attempt, ctx);
    }

    /// Says to the scheduler what was used: its slices follow the journal.
    fn tell_booked(&self, facts: &[Fact]) -> Result<(), Undelivered> {
        let is_use = |fact: &&Fact| matches!(fact, Fact::Budget(BudgetFact::UsageRecorded { .. }));
        facts.iter().filter(is_use).try_for_each(|fact| tell(&self.wires.booked, Booked { fact: fact.clone() }))
    }

    fn answer(&mut self, attempt: &AttemptRef, answer: Result<(), String>) {
        if let Some(reply_to) = self.asking.remove(attempt) {
            // A worker that is gone starts nothing.
            drop(reply_to.send(answer));
        }
    }

    fn stop(&self, short: &Short, cause: Option<Seq>) -> Result<(), Undelivered> {
        let Short { account, budget, .. } = short;
        if let Account::Slice(slice) = account {
            let (slice, fact) = (slice.clone(), short.clone().fact());
            tell(&self.wires.scheduler, SliceExhausted { slice, fact, cause })?;
        }
        tell(&self.wires.controller, Exhausted { budget: *budget, account: account.clone(), cause })
    }

    fn look_later(&self, ctx: &mut Context<Self>) {
        let Some(cashier) = &self.cashier else { return };
        ctx.run_later(Duration::from_millis(cashier.look_again_ms()), |actor, ctx| {
            actor.decide(None, None, ctx, Cashier::tick);
            actor.look_later(ctx);
        });
    }
}

impl Actor for BudgetActor {
    type Context = Context<Self>;
}

impl Handler<OpenBudget> for BudgetActor {
    type Result = ();
    fn handle(&mut self, open: OpenBudget, ctx: &mut Context<Self>) {
        let now = self.reading();
        let Some(ledger) = self.folded.take() else { return };
        self.cashier = Some(Cashier::new(ledger, open.begun, now));
        self.decide(None, None, ctx, Cashier::open);
        self.look_later(ctx);
    }
}

impl Handler<Reserve> for BudgetActor {
    type Result = ();
    fn handle(&mut self, reserve: Reserve, ctx: &mut Context<Self>) {
        let Reserve { attempt, role, reply_to } = reserve;
        self.asking.insert(attempt.clone(), reply_to);
        self.decide(None, Some(&attempt), ctx, |cashier, now| cashier.reserve(&attempt, role, now));
    }
}

impl Handler<UsageSeen> for BudgetActor {
    type Result = ();
    fn handle(&mut self, seen: UsageSeen, ctx: &mut Context<Self>) {
        let UsageSeen { attempt, role, id, model, usage, cause } = seen;
        let reported = Reported { attempt: attempt.clone(), role, id, model, usage };
        self.decide(cause, Some(&attempt), ctx, |cashier, now| cashier.used(reported, now));
    }
}

impl Handler<Settle> for BudgetActor {
    type Result = ();
    fn handle(&mut self, settle: Settle, ctx: &mut Context<Self>) {
        let Settle { attempt, role, report } = settle;
        self.decide(None, Some(&attempt), ctx, |cashier, now| cashier.settle(&attempt, role, &report, now));
    }
}

impl Handler<AddBudget> for BudgetActor {
    type Result = ();
    fn handle(&mut self, add: AddBudget, ctx: &mut Context<Self>) {
        let now = self.reading();
        let Some(cashier) = &mut self.cashier else {
            drop(add.reply_to.send(Err("the run has not begun yet".to_owned())));
            return;
        };
        let decided = match cashier.extend(&add.account, &add.more, now) {
            Ok(decided) => decided,
            Err(refusal) => {
                // Whoever asked may have gone away again.
                drop(add.reply_to.send(Err(format!("{} {refusal}", add.account))));
                return;
            }
        };
        self.extending.push_back(add.reply_to);
        self.commit_for_operator(decided, ctx);
        self.decide(None, None, ctx, Cashier::tick);
    }
}

impl Handler<Reopened> for BudgetActor {
    type Result = ();
    fn handle(&mut self, reopened: Reopened, _ctx: &mut Context<Self>) {
        let now = self.reading();
        if let Some(cashier) = &mut self.cashier {
            cashier.reopened(&reopened.fact, now);
        }
    }
}

impl Handler<Halt> for BudgetActor {
    type Result = ();
    fn handle(&mut self, halt: Halt, ctx: &mut Context<Self>) {
        self.decide(halt.cause, None, ctx, Cashier::close);
    }
}

impl Handler<Committed> for BudgetActor {
    type Result = ();
    fn handle(&mut self, committed: Committed, ctx: &mut Context<Self>) {
        self.acknowledge(committed, ctx);
    }
}
