//! What a goal has spent, on whose account, and when that is too much.
//!
//! Pure. Time counts while a run is under way, until it is told to stop; pauses, the machine's sleep, and the time
//! between a crash and the next run do not. Invariants: what was spent is counted once on each account that it belongs to; a reservation that was
//! never settled counts as spent once its run is over; a limit's end is said once until the limit is raised.

pub mod cashier;
mod clock_watch;
mod meter;
mod reserving;
mod run_time;

use std::collections::BTreeMap;

use crate::domain::budget::{Account, BudgetKind, Limits, Price, Reservation, Spender, Usage};
use crate::domain::event::{ActorName, Event};
use crate::domain::fact::{AttemptFact, BudgetFact, Fact, GoalFact, SliceFact, SupervisionFact};
use crate::domain::goal::Charter;
use crate::domain::ids::{AttemptRef, SliceId, Timestamp};
use crate::workflow::budget::run_time::RunTime;
use crate::workflow::settling::died_with_its_run;

pub use reserving::Short;

/// The fold of every fact about spending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// What the goal may spend.
    pub limits: Limits,
    prices: Vec<Price>,
    max_agents: u64,
    time: RunTime,
    standings: BTreeMap<Account, Standing>,
    /// What attempts under way may spend before they ask again.
    held: BTreeMap<Work, Held>,
    /// Agents at work, and the time of runs at which each began.
    working: BTreeMap<Work, u64>,
}

/// Who spends: on which slice, in which role.
pub(crate) type Work = (SliceId, Spender);

/// One account: what was spent on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    limits: Limits,
    /// What agents reported.
    pub usage: Usage,
    /// Whether some of that has no price.
    pub unpriced: bool,
    /// How long agents worked, in milliseconds; added up where several did at once.
    pub worked_ms: u64,
    /// Tokens reserved by attempts that ended without a word: they count as spent.
    pub lost_tokens: u64,
    /// The same in millionths of a US dollar.
    pub lost_usd_micros: u64,
    noticed: Vec<BudgetKind>,
    exhausted: Option<BudgetKind>,
}

/// A reservation under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Held {
    attempt: Option<AttemptRef>,
    tokens: u64,
    usd_micros: u64,
    used: Usage,
}

impl Held {
    fn unused_tokens(&self) -> u64 {
        self.tokens.saturating_sub(self.used.tokens())
    }

    fn unused_usd(&self) -> u64 {
        self.usd_micros.saturating_sub(self.used.usd_micros.unwrap_or(0))
    }
}

/// The accounts that a piece of work is charged to.
fn accounts((slice, role): &Work) -> [Account; 3] {
    [Account::Goal, Account::Slice(slice.clone()), Account::Role(*role)]
}

impl Ledger {
    /// Takes in the next record of the journal.
    pub fn follow(&mut self, event: &Event) {
        // What is said between runs as well as within them is no sign that a run was alive.
        let outside = matches!(event.actor, ActorName::Operator | ActorName::Journal)
            || matches!(
                event.fact,
                Fact::Goal(GoalFact::RunStarted { .. }) | Fact::Supervision(SupervisionFact::LeftoversCleared(_))
            );
        if !outside {
            self.time.touch(event.ts);
        } else if let Fact::Goal(GoalFact::GoalSettled { .. }) = event.fact {
            // A command settles a goal whose run has died.
            self.time.died(event.ts);
        }
        self.apply(&event.fact, event.attempt.as_ref(), event.ts);
    }

    /// Applies a fact of time `at`, which `attempt` belongs to.
    pub fn apply(&mut self, fact: &Fact, attempt: Option<&AttemptRef>, at: Timestamp) {
        match fact {
            Fact::Goal(fact) => self.apply_goal(fact, at),
            Fact::Slice(fact) => {
                if let SliceFact::SliceReopened { slice, .. } = fact {
                    self.standing(&Account::Slice(slice.clone())).exhausted = None;
                }
            }
            Fact::Attempt(fact) => self.apply_attempt(fact, attempt, at),
            Fact::Budget(fact) => self.apply_budget(fact, attempt, at),
            Fact::Plan(_) | Fact::Gate(_) | Fact::Merge(_) | Fact::Review(_) | Fact::Supervision(_) => {}
        }
    }

    fn apply_goal(&mut self, fact: &GoalFact, at: Timestamp) {
        match fact {
            GoalFact::GoalCreated(charter) => self.open(charter),
            GoalFact::RunStarted { .. } => self.begin_run(at),
            GoalFact::GoalSettled { .. } => self.time.end(),
            GoalFact::StopRequested { .. } => self.time.stop(),
            GoalFact::PhaseEntered { .. } | GoalFact::Delivered { .. } => {}
        }
    }

    fn apply_attempt(&mut self, fact: &AttemptFact, attempt: Option<&AttemptRef>, at: Timestamp) {
        match fact {
            AttemptFact::WorktreePrepared { .. } => {
                if let Some(attempt) = attempt {
                    self.start_work((attempt.slice.clone(), Spender::Executor));
                }
            }
            AttemptFact::AgentReported { report } => {
                if let Some(attempt) = attempt {
                    self.end_work(&(attempt.slice.clone(), Spender::Executor), report.duration_ms);
                }
            }
            AttemptFact::AttemptFinished { attempt, outcome } => {
                let work = (attempt.slice.clone(), Spender::Executor);
                let since = self.working.remove(&work).filter(|_| died_with_its_run(outcome));
                // Said before the next run begins: nothing else charges what it worked.
                if let Some(since) = since {
                    self.end_work(&work, self.time.at_death_ms(at).saturating_sub(since));
                }
            }
            AttemptFact::AttemptOffered { .. }
            | AttemptFact::AttemptClaimed { .. }
            | AttemptFact::LateResultDropped { .. }
            | AttemptFact::AttemptQuiet(_)
            | AttemptFact::SessionOpened { .. }
            | AttemptFact::SliceCaptured { .. }
            | AttemptFact::CheckoutChanged { .. } => {}
        }
    }

    fn apply_budget(&mut self, fact: &BudgetFact, attempt: Option<&AttemptRef>, at: Timestamp) {
        match fact {
            BudgetFact::LimitsSet { limits, account } => self.limit(account, *limits),
            BudgetFact::UsageRecorded { slice, usage, role, .. } => self.use_up(&(slice.clone(), *role), usage),
            BudgetFact::BudgetReserved(reservation) => self.hold(reservation, attempt),
            BudgetFact::BudgetSettled { slice, .. } => self.release(slice, attempt),
            BudgetFact::BudgetCheckpointed(checkpoint) => self.time.checkpoint(checkpoint.time_ms, at),
            BudgetFact::BudgetNoticed { budget, account, .. } => self.standing(account).noticed.push(*budget),
            BudgetFact::BudgetExhausted { budget, account, .. } => {
                self.standing(account).exhausted = Some(*budget);
                if account.stops_the_run() {
                    self.time.stop();
                }
            }
            BudgetFact::ClockMoved(_) => {}
        }
    }

    fn open(&mut self, charter: &Charter) {
        self.limits = charter.limits;
        self.prices.clone_from(&charter.prices);
        self.max_agents = u64::from(charter.max_agents).max(1);
        let slices = charter.proposal.slices.iter().map(|spec| (Account::Slice(spec.id.clone()), spec.budget));
        let roles = charter.role_limits.iter().map(|(role, limits)| (Account::Role(*role), *limits));
        for (account, limits) in slices.chain(roles).filter(|(_, limits)| !limits.is_unlimited()) {
            self.standing(&account).limits = limits;
        }
    }

    fn limit(&mut self, account: &Account, limits: Limits) {
        let standing = self.standing(account);
        standing.noticed.clear();
        standing.exhausted = None;
        standing.limits = limits;
        if account.is_goal() {
            self.limits = limits;
        }
    }

    fn standing(&mut self, account: &Account) -> &mut Standing {
        self.standings.entry(account.clone()).or_default()
    }

    /// A run begins at `at`: nothing of an earlier one is alive any more.
    pub fn begin_run(&mut self, at: Timestamp) {
        self.time.begin(at);
        let now = self.time.total_ms();
        for (work, held) in std::mem::take(&mut self.held) {
            self.lose(&work, &held);
        }
        for (work, since) in std::mem::take(&mut self.working) {
            self.end_work(&work, now.saturating_sub(since));
        }
        for (_, standing) in self.standings.iter_mut().filter(|(account, _)| account.stops_the_run()) {
            standing.exhausted = None;
        }
    }

    fn lose(&mut self, work: &Work, held: &Held) {
        for account in accounts(work) {
            let standing = self.standing(&account);
            standing.lost_tokens = standing.lost_tokens.saturating_add(held.unused_tokens());
            standing.lost_usd_micros = standing.lost_usd_micros.saturating_add(held.unused_usd());
        }
    }

    fn use_up(&mut self, work: &Work, usage: &Usage) {
        for account in accounts(work) {
            let standing = self.standing(&account);
            standing.usage = standing.usage.plus(usage);
            standing.unpriced |= usage.is_unpriced();
        }
        if let Some(held) = self.held.get_mut(work) {
            held.used = held.used.plus(usage);
        }
    }

    fn hold(&mut self, reservation: &Reservation, attempt: Option<&AttemptRef>) {
        let work = (reservation.slice.clone(), reservation.role);
        // An earlier attempt that was never settled is over: only one works on a slice.
        if let Some(stale) = self.held.get(&work).filter(|held| held.attempt.as_ref() != attempt).cloned() {
            self.held.remove(&work);
            self.lose(&work, &stale);
        }
        let held = self.held.entry(work).or_default();
        held.attempt = attempt.cloned();
        held.tokens = held.tokens.saturating_add(reservation.tokens);
        held.usd_micros = held.usd_micros.saturating_add(reservation.usd_micros);
    }

    fn release(&mut self, slice: &SliceId, attempt: Option<&AttemptRef>) {
        self.held.retain(|(of, _), held| of != slice || held.attempt.as_ref() != attempt);
    }

    fn start_work(&mut self, work: Work) {
        let now = self.time.total_ms();
        self.working.insert(work, now);
    }

    fn end_work(&mut self, work: &Work, ms: u64) {
        self.working.remove(work);
        for account in accounts(work) {
            let standing = self.standing(&account);
            standing.worked_ms = standing.worked_ms.saturating_add(ms);
        }
    }

    /// Time of runs up to the last record, in milliseconds.
    pub fn time_ms(&self) -> u64 {
        self.time.total_ms()
    }

    /// What agents reported on the whole goal.
    pub fn usage(&self) -> Usage {
        self.standings.get(&Account::Goal).map(|goal| goal.usage).unwrap_or_default()
    }

    /// Whether every token has a price.
    pub fn is_priced(&self) -> bool {
        self.standings.get(&Account::Goal).is_none_or(|goal| !goal.unpriced)
    }

    /// The accounts on which something was spent or may be spent, the goal's first.
    pub fn standings(&self) -> impl Iterator<Item = (&Account, &Standing)> {
        self.standings.iter()
    }

    /// What may be spent on an account.
    pub fn limits_of(&self, account: &Account) -> Limits {
        match account {
            Account::Goal => self.limits,
            Account::Slice(_) | Account::Role(_) => {
                self.standings.get(account).map(|standing| standing.limits).unwrap_or_default()
            }
        }
    }

    /// The limit of an account that is used up.
    pub fn exhausted(&self, account: &Account) -> Option<BudgetKind> {
        self.standings.get(account)?.exhausted
    }

    /// Every limit that is used up, whether that was said or not; the goal's first.
    pub fn used_up(&self) -> Vec<Short> {
        let others = self.standings.keys().filter(|account| !account.is_goal());
        let accounts = std::iter::once(&Account::Goal).chain(others);
        let kinds = accounts.flat_map(|account| BudgetKind::ALL.map(|budget| (account, budget)));
        let short = |(account, budget): (&Account, BudgetKind)| {
            let (spent, limit) = (self.spent(account, budget), budget.of(&self.limits_of(account))?);
            (spent >= limit).then(|| Short { account: account.clone(), budget, spent, limit })
        };
        kinds.filter_map(short).collect()
    }

    /// The run under way is well at `at`: its time goes on after its last record.
    pub fn goes_on(&mut self, at: Timestamp) {
        self.time.touch(at);
    }

    /// The limits that have stopped the run.
    fn stopped_by(&self) -> impl Iterator<Item = Short> {
        let stops = |(account, standing): (&Account, &Standing)| {
            let budget = standing.exhausted.filter(|_| account.stops_the_run())?;
            let limit = budget.of(&self.limits_of(account))?;
            Some(Short { account: account.clone(), budget, spent: self.spent(account, budget), limit })
        };
        self.standings.iter().filter_map(stops)
    }

    /// What models cost.
    pub fn prices(&self) -> &[Price] {
        &self.prices
    }

    /// How much of a kind is spent on an account, reservations of dead attempts included.
    pub fn spent(&self, account: &Account, budget: BudgetKind) -> u64 {
        let standing = self.standings.get(account);
        let of = |read: fn(&Standing) -> u64| standing.map_or(0, read);
        match budget {
            BudgetKind::Time if account.is_goal() => self.time_ms(),
            BudgetKind::Time => of(|standing| standing.worked_ms).saturating_add(self.work_under_way(account)),
            BudgetKind::Tokens => of(|standing| standing.usage.tokens().saturating_add(standing.lost_tokens)),
            BudgetKind::Usd => {
                of(|standing| standing.usage.usd_micros.unwrap_or(0).saturating_add(standing.lost_usd_micros))
            }
        }
    }

    fn work_under_way(&self, account: &Account) -> u64 {
        let now = self.time_ms();
        let on_it = self.working.iter().filter(|(work, _)| accounts(work).contains(account));
        on_it.map(|(_, since)| now.saturating_sub(*since)).sum()
    }

    /// What is to be said now: notices at two thirds, and limits that are used up. Each is said once.
    pub fn check(&self) -> Vec<Fact> {
        let limited =
            |(account, standing): &(&Account, &Standing)| !account.is_goal() && !standing.limits.is_unlimited();
        let limited = self.standings.iter().filter(limited).map(|(account, _)| account);
        std::iter::once(&Account::Goal).chain(limited).flat_map(|account| self.check_account(account)).collect()
    }

    fn check_account(&self, account: &Account) -> Vec<Fact> {
        let mut facts = Vec::new();
        let limits = self.limits_of(account);
        if self.exhausted(account).is_some() {
            return facts;
        }
        for budget in BudgetKind::ALL {
            let Some(limit) = budget.of(&limits) else { continue };
            let (spent, account) = (self.spent(account, budget), account.clone());
            if spent >= limit {
                facts.push(Fact::Budget(BudgetFact::BudgetExhausted { budget, spent, limit, account }));
                return facts;
            }
            if spent.saturating_mul(3) >= limit.saturating_mul(2) && !self.is_noticed(&account, budget) {
                facts.push(Fact::Budget(BudgetFact::BudgetNoticed { budget, spent, limit, account }));
            }
        }
        facts
    }

    fn is_noticed(&self, account: &Account, budget: BudgetKind) -> bool {
        self.standings.get(account).is_some_and(|standing| standing.noticed.contains(&budget))
    }

    /// Milliseconds of a run until the first limit of time can be used up; `None` where none is open.
    fn time_left_ms(&self) -> Option<u64> {
        let left = |account: &Account| {
            let limit = self.limits_of(account).time_ms.filter(|_| self.exhausted(account).is_none())?;
            let left = limit.saturating_sub(self.spent(account, BudgetKind::Time));
            // Several agents use up an account together; one that is idle may be at work at once.
            let at_once = self.working.keys().filter(|work| accounts(work).contains(account)).count().max(1);
            Some(if account.is_goal() { left } else { left / at_once as u64 })
        };
        std::iter::once(&Account::Goal).chain(self.standings.keys()).filter_map(left).min()
    }
}
