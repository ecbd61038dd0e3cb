//! The budget's decisions while a run is under way: who may start, what is recorded, who has to stop.
//!
//! Pure: inputs and readings of the clocks go in, facts and intents come out. Invariants: an agent starts only with
//! something left on every account that it is charged to; from the moment at which the run is told to stop, no more time
//! is taken and nothing is called used up: what its agents still report counts, and the next run says what that comes to.

use std::collections::BTreeMap;

pub use super::clock_watch::Reading;

use super::clock_watch::ClockWatch;
use super::meter::Meter;
use super::{Ledger, Short, Work};
use crate::domain::agent::AgentReport;
use crate::domain::budget::{Account, BudgetKind, Checkpoint, Limits, SLICE_USED_UP, Spender, Unextendable, Usage};
use crate::domain::decided::Decided;
use crate::domain::fact::{BudgetFact, Fact};
use crate::domain::ids::{AttemptRef, Moment, Timestamp};

/// The longest time between two looks at the clocks.
const LOOK_MS: u64 = 5_000;
/// A run that ends so soon after a checkpoint needs no other.
const SOON_MS: u64 = 1_000;

/// What the budget wants to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Let the run go on: what was used up before it has been said.
    Open,
    /// Let the agent of this attempt start.
    Grant(AttemptRef),
    /// Do not; why, one phrase.
    Deny(AttemptRef, String),
    /// Stop what is charged to this account.
    Stop(Short),
    /// Tell the operator what may be spent from now on.
    Answer(Limits),
}

/// A report of use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// By whom.
    pub attempt: AttemptRef,
    /// In which role.
    pub role: Spender,
    /// Which message of its model it is about.
    pub id: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// How much.
    pub usage: Usage,
}

/// The state of the budget while a run is under way.
#[derive(Debug)]
pub struct Cashier {
    // durable: folded from the journal
    ledger: Ledger,
    // ephemeral
    meters: BTreeMap<(AttemptRef, Spender), Meter>,
    watch: ClockWatch,
    /// The time of runs at `began`.
    base_ms: u64,
    began: Moment,
    checkpointed_ms: u64,
    /// When it is to be written down again, in milliseconds after that.
    gap_ms: u64,
    /// What a run that died may have taken is counted, and the journal does not say so yet.
    owes_checkpoint: bool,
    /// The journal has no checkpoint yet.
    unwritten: bool,
    halted: bool,
}

impl Cashier {
    /// Over a ledger that was folded from the journal. `begun`: the time of the record that a run began, where the fold
    /// goes up to before that.
    pub fn new(mut ledger: Ledger, begun: Option<Timestamp>, now: Reading) -> Self {
        let owes_checkpoint = begun.is_some() && ledger.time.is_open();
        if let Some(begun) = begun {
            ledger.begin_run(begun);
        }
        let unwritten = ledger.time.is_unwritten();
        ledger.time.measured_from(now.wall);
        let (base_ms, gap_ms) = (ledger.time_ms(), ledger.time.longest_gap_ms());
        Self {
            ledger,
            meters: BTreeMap::new(),
            watch: ClockWatch::new(now),
            base_ms,
            began: now.moment,
            checkpointed_ms: base_ms,
            gap_ms,
            owes_checkpoint,
            unwritten,
            halted: false,
        }
    }

    /// The run is on record: says what is used up, before anything of it starts.
    pub fn open(&mut self, now: Reading) -> Decided<Intent> {
        let said_before: Vec<_> = self.ledger.stopped_by().collect();
        let mut decided = self.tick(now);
        decided.intents.extend(said_before.into_iter().map(Intent::Stop));
        decided.intents.push(Intent::Open);
        decided
    }

    /// What was spent so far.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn measure(&mut self, now: Reading) {
        if !self.halted {
            self.ledger.time.measured(self.base_ms + now.moment.since(self.began));
        }
    }

    /// How long until the time is to be written down again, in milliseconds.
    fn checkpoint_due_ms(&self) -> u64 {
        let unsaid = self.ledger.time_ms().saturating_sub(self.checkpointed_ms);
        self.gap_ms.saturating_sub(unsaid)
    }

    fn commit(&mut self, decided: &mut Decided<Intent>, fact: Fact, of: Option<&AttemptRef>, now: Reading) {
        self.ledger.apply(&fact, of, now.wall);
        if let Fact::Budget(BudgetFact::BudgetExhausted { budget, spent, limit, account }) = &fact {
            let (budget, spent, limit, account) = (*budget, *spent, *limit, account.clone());
            decided.intents.push(Intent::Stop(Short { account, budget, spent, limit }));
        }
        decided.facts.push(fact);
    }

    /// Looks at every limit, and writes the time down where that is due.
    fn check(&mut self, decided: &mut Decided<Intent>, of: Option<&AttemptRef>, now: Reading) {
        if self.halted {
            return;
        }
        let said = self.ledger.check();
        let told = !said.is_empty();
        said.into_iter().for_each(|fact| self.commit(decided, fact, of, now));
        if told || self.owes_checkpoint || self.checkpoint_due_ms() == 0 {
            self.checkpoint(decided, now);
        }
    }

    fn checkpoint(&mut self, decided: &mut Decided<Intent>, now: Reading) {
        let time_ms = self.ledger.time_ms();
        self.checkpointed_ms = time_ms;
        self.gap_ms = self.ledger.time.longest_gap_ms();
        (self.owes_checkpoint, self.unwritten) = (false, false);
        self.commit(decided, Fact::Budget(BudgetFact::BudgetCheckpointed(Checkpoint { time_ms })), None, now);
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Reading) -> Decided<Intent> {
        let mut decided = Decided::default();
        self.measure(now);
        if let Some(moved) = self.watch.look(now) {
            self.commit(&mut decided, Fact::Budget(BudgetFact::ClockMoved(moved)), None, now);
            self.checkpoint(&mut decided, now);
        }
        self.check(&mut decided, None, now);
        self.meters.retain(|_, meter| !meter.ended);
        decided
    }

    /// When to look again, in milliseconds.
    pub fn look_again_ms(&self) -> u64 {
        if self.halted {
            return LOOK_MS;
        }
        let soon = match self.ledger.time_left_ms() {
            Some(left @ 0..200) => left.max(1),
            Some(left) => (left / 3).clamp(100, LOOK_MS),
            None => LOOK_MS,
        };
        soon.min(self.checkpoint_due_ms().max(1))
    }

    /// An attempt wants to let its agent start.
    pub fn reserve(&mut self, attempt: &AttemptRef, role: Spender, now: Reading) -> Decided<Intent> {
        let mut decided = Decided::default();
        self.measure(now);
        let work: Work = (attempt.slice.clone(), role);
        match self.ledger.share(&work) {
            Ok(share) => {
                if let Some(reservation) = share {
                    self.commit(
                        &mut decided,
                        Fact::Budget(BudgetFact::BudgetReserved(reservation)),
                        Some(attempt),
                        now,
                    );
                }
                self.ledger.start_work(work);
                decided.intents.push(Intent::Grant(attempt.clone()));
            }
            Err(short) => {
                let reason = reason(short.budget, short.limit, &short.account);
                self.fall_short(short, Some(attempt), &mut decided, now);
                decided.intents.push(Intent::Deny(attempt.clone(), reason));
            }
        }
        decided
    }

    /// Says that an account is used up; where that was said before, only stops what is charged to it.
    fn fall_short(&mut self, short: Short, of: Option<&AttemptRef>, decided: &mut Decided<Intent>, now: Reading) {
        if self.halted {
            return;
        }
        if self.ledger.exhausted(&short.account).is_some() {
            decided.intents.push(Intent::Stop(short));
        } else {
            self.commit(decided, short.fact(), of, now);
            self.checkpoint(decided, now);
        }
    }

    /// An agent reported use.
    pub fn used(&mut self, reported: Reported, now: Reading) -> Decided<Intent> {
        let Reported { attempt, role, id, model, usage } = reported;
        let mut decided = Decided::default();
        self.measure(now);
        let meter = self.meters.entry((attempt.clone(), role)).or_default();
        meter.hear(id.as_deref(), model, &usage);
        self.record((&attempt, role), None, &mut decided, now);
        self.check(&mut decided, Some(&attempt), now);
        decided
    }

    fn record(
        &mut self,
        (attempt, role): (&AttemptRef, Spender),
        told: Option<&Usage>,
        decided: &mut Decided<Intent>,
        now: Reading,
    ) {
        let meter = self.meters.entry((attempt.clone(), role)).or_default();
        let Some(due) = meter.due(told, self.ledger.prices()) else { return };
        let slice = attempt.slice.clone();
        let recorded =
            Fact::Budget(BudgetFact::UsageRecorded { slice: slice.clone(), usage: due.usage, role, model: due.model });
        self.commit(decided, recorded, Some(attempt), now);
        match self.ledger.top_up(&(slice, role)) {
            Ok(Some(more)) => self.commit(decided, Fact::Budget(BudgetFact::BudgetReserved(more)), Some(attempt), now),
            Ok(None) => {}
            // What it used may be too much by itself: then the check says so, with that number.
            Err(short) if self.ledger.spent(&short.account, short.budget) >= short.limit => {}
            Err(short) => self.fall_short(short, Some(attempt), decided, now),
        }
    }

    /// The agent of an attempt ended, and with it everything that it started.
    pub fn settle(
        &mut self,
        attempt: &AttemptRef,
        role: Spender,
        report: &AgentReport,
        now: Reading,
    ) -> Decided<Intent> {
        let mut decided = Decided::default();
        self.measure(now);
        self.record((attempt, role), Some(&report.usage), &mut decided, now);
        let work = (attempt.slice.clone(), role);
        if self.ledger.holds(&work) {
            let settled = Fact::Budget(BudgetFact::BudgetSettled { slice: attempt.slice.clone(), usage: report.usage });
            self.commit(&mut decided, settled, Some(attempt), now);
        }
        self.ledger.end_work(&work, report.duration_ms);
        self.meters.entry((attempt.clone(), role)).or_default().ended = true;
        self.check(&mut decided, Some(attempt), now);
        decided
    }

    /// The operator lets more be spent on an account. The fact is the operator's; what follows from it is said apart.
    pub fn extend(&mut self, account: &Account, more: &Limits, now: Reading) -> Result<Decided<Intent>, Unextendable> {
        let mut decided = Decided::default();
        let limits = self.ledger.limits_of(account).extended_by(more)?;
        self.commit(&mut decided, Fact::Budget(BudgetFact::LimitsSet { limits, account: account.clone() }), None, now);
        decided.intents.push(Intent::Answer(limits));
        Ok(decided)
    }

    /// A slice gets attempts again. The fact is somebody else's: what is used up is said again when it matters.
    pub fn reopened(&mut self, fact: &Fact, now: Reading) {
        self.ledger.apply(fact, None, now.wall);
    }

    /// The run is being stopped: writes the time down once more, and takes no more of it.
    pub fn close(&mut self, now: Reading) -> Decided<Intent> {
        let mut decided = Decided::default();
        self.measure(now);
        let news = self.ledger.time_ms().saturating_sub(self.checkpointed_ms);
        if !self.halted && (self.unwritten || news >= SOON_MS) {
            self.checkpoint(&mut decided, now);
        }
        self.halted = true;
        decided
    }
}

/// Why something has to stop, one phrase.
pub fn reason(budget: BudgetKind, limit: u64, account: &Account) -> String {
    let amount = match budget {
        BudgetKind::Time => humantime::format_duration(std::time::Duration::from_millis(limit)).to_string(),
        BudgetKind::Tokens => format!("{limit} tokens"),
        BudgetKind::Usd => format!("${}.{:02}", limit / 1_000_000, limit % 1_000_000 / 10_000),
    };
    match account {
        Account::Goal => format!("the goal's budget of {amount} is used up"),
        Account::Slice(_) => format!("{SLICE_USED_UP}{amount} is used up"),
        Account::Role(role) => format!("the budget of {amount} of role {} is used up", role.as_str()),
    }
}
