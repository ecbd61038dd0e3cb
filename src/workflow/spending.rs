//! The record of what was spent when and by whom, and the read model made of it.
//!
//! Durable state only, for show: nothing is decided by it.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::agent::{AgentReport, SCRIPT};
use crate::domain::budget::{Account, BudgetKind, Limits, Price, Spender, Usage};
use crate::domain::event::Event;
use crate::domain::fact::{AttemptFact, BudgetFact, Fact, GoalFact};
use crate::domain::goal::GoalStatus;
use crate::domain::ids::{AttemptRef, Timestamp};
use crate::domain::spending::{AccountView, AttemptCost, BudgetReport, CheckpointView};
use crate::domain::view::BudgetView;
use crate::workflow::budget::{Ledger, Standing};
use crate::workflow::settling::died_with_its_run;
use crate::workflow::state::GoalState;

/// The schema of [`BudgetReport`].
pub const BUDGET_SCHEMA: &str = "omk.budget/v1";

/// The fold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpendingRecord {
    attempts: Vec<AttemptCost>,
    index: BTreeMap<AttemptRef, usize>,
    unpriced: BTreeSet<usize>,
    /// Attempts whose agent worked and did not say what it used.
    unreported: BTreeSet<usize>,
    /// Attempts whose agent began, and has not ended by the journal.
    working: BTreeSet<usize>,
    /// What was spent at which time.
    pub checkpoints: Vec<CheckpointView>,
}

impl SpendingRecord {
    /// Takes in the next record, after the ledger has.
    pub fn follow(&mut self, event: &Event, ledger: &Ledger) {
        match &event.fact {
            Fact::Goal(fact) => self.follow_goal(fact, event.ts, ledger),
            Fact::Attempt(fact) => self.follow_attempt(fact, event.attempt.as_ref()),
            Fact::Budget(BudgetFact::UsageRecorded { usage, model, role, .. }) => {
                self.add(event.attempt.as_ref(), *role, usage, model);
            }
            Fact::Budget(BudgetFact::BudgetCheckpointed(_)) => self.mark(event.ts, ledger),
            Fact::Budget(
                BudgetFact::LimitsSet { .. }
                | BudgetFact::BudgetReserved(_)
                | BudgetFact::BudgetSettled { .. }
                | BudgetFact::ClockMoved(_)
                | BudgetFact::BudgetNoticed { .. }
                | BudgetFact::BudgetExhausted { .. },
            )
            | Fact::Plan(_)
            | Fact::Slice(_)
            | Fact::Gate(_)
            | Fact::Merge(_)
            | Fact::Review(_)
            | Fact::Supervision(_) => {}
        }
    }

    fn follow_goal(&mut self, fact: &GoalFact, at: Timestamp, ledger: &Ledger) {
        match fact {
            GoalFact::RunStarted { .. } => self.die_all(),
            GoalFact::GoalSettled { .. } => {
                self.die_all();
                if ledger.time_ms() > 0 {
                    self.mark(at, ledger);
                }
            }
            GoalFact::GoalCreated(_)
            | GoalFact::PhaseEntered { .. }
            | GoalFact::StopRequested { .. }
            | GoalFact::Delivered { .. } => {}
        }
    }

    fn follow_attempt(&mut self, fact: &AttemptFact, of: Option<&AttemptRef>) {
        match fact {
            AttemptFact::AttemptOffered { attempt, agent, .. } => self.offer(attempt, agent),
            AttemptFact::WorktreePrepared { .. } => self.working.extend(self.place(of)),
            AttemptFact::AgentReported { report } => self.end(of, report),
            AttemptFact::AttemptFinished { attempt, outcome } => {
                let place = self.place(Some(attempt)).filter(|place| self.working.remove(place));
                self.die(place.filter(|_| died_with_its_run(outcome)));
            }
            AttemptFact::AttemptClaimed { .. }
            | AttemptFact::LateResultDropped { .. }
            | AttemptFact::AttemptQuiet(_)
            | AttemptFact::SessionOpened { .. }
            | AttemptFact::SliceCaptured { .. }
            | AttemptFact::CheckoutChanged { .. } => {}
        }
    }

    fn offer(&mut self, attempt: &AttemptRef, agent: &str) {
        self.index.insert(attempt.clone(), self.attempts.len());
        self.attempts.push(AttemptCost {
            slice: attempt.slice.clone(),
            attempt: attempt.attempt,
            role: Spender::Executor,
            agent: agent.to_owned(),
            models: Vec::new(),
            usage: Usage::default(),
            usd_micros: None,
            time_ms: 0,
        });
    }

    fn end(&mut self, attempt: Option<&AttemptRef>, report: &AgentReport) {
        let Some(place) = self.place(attempt) else { return };
        self.working.remove(&place);
        let Some(cost) = self.attempts.get_mut(place) else { return };
        cost.time_ms = cost.time_ms.saturating_add(report.duration_ms);
        if cost.usage.is_nothing() && report.withholds_use(&cost.agent) {
            self.unreported.insert(place);
        }
    }

    fn place(&self, attempt: Option<&AttemptRef>) -> Option<usize> {
        self.index.get(attempt?).copied()
    }

    /// The run of these attempts is over, and what their agents used beyond their reports is not known.
    fn die(&mut self, places: impl IntoIterator<Item = usize>) {
        for place in places {
            let silent = |cost: &AttemptCost| cost.usage.is_nothing() && cost.agent != SCRIPT;
            if self.attempts.get(place).is_some_and(silent) {
                self.unreported.insert(place);
            }
        }
    }

    fn die_all(&mut self) {
        let dead = std::mem::take(&mut self.working);
        self.die(dead);
    }

    /// How many attempts of those that `wanted` names did not say what they used.
    fn unreported(&self, wanted: impl Fn(&AttemptCost) -> bool) -> u32 {
        let costs = self.unreported.iter().filter_map(|place| self.attempts.get(*place));
        u32::try_from(costs.filter(|cost| wanted(cost)).count()).unwrap_or(u32::MAX)
    }

    fn add(&mut self, attempt: Option<&AttemptRef>, role: Spender, usage: &Usage, model: &Option<String>) {
        let Some(place) = self.place(attempt) else { return };
        if usage.is_unpriced() {
            self.unpriced.insert(place);
        }
        self.unreported.remove(&place);
        let priced = !self.unpriced.contains(&place);
        let Some(cost) = self.attempts.get_mut(place) else { return };
        cost.role = role;
        cost.usage = cost.usage.plus(usage);
        cost.usd_micros = cost.usage.usd_micros.filter(|_| priced);
        cost.models.extend(model.iter().filter(|model| !cost.models.contains(model)).cloned().collect::<Vec<_>>());
    }

    fn mark(&mut self, at: Timestamp, ledger: &Ledger) {
        let (time_ms, usage) = (ledger.time_ms(), ledger.usage());
        let usd_complete = ledger.is_priced() && self.unreported.is_empty();
        self.checkpoints.push(CheckpointView { at, time_ms, usage, usd_complete });
    }

    /// What each attempt whose agent said something, or worked, cost.
    pub fn costs(&self) -> impl Iterator<Item = &AttemptCost> {
        self.attempts.iter().filter(|cost| cost.time_ms > 0 || !cost.usage.is_nothing())
    }

    fn models(&self) -> BTreeSet<&str> {
        self.attempts.iter().flat_map(|cost| cost.models.iter().map(String::as_str)).collect()
    }
}

/// What commands show of a goal's budget; `None` before the first record.
pub fn budget_report(state: &GoalState) -> Option<BudgetReport> {
    let charter = state.goal.charter.as_deref()?;
    let ledger = &state.budget;
    let models = state.spending.models();
    let priced = |price: &&Price| models.contains(price.model.as_str());
    let is_unpriced = |model: &&&str| !ledger.prices().iter().any(|price| price.model == **model);
    let mut slices: Vec<_> = views(state, |account| matches!(account, Account::Slice(_)));
    slices.sort_by_key(|view| state.slices.iter().position(|record| record.spec.id.as_str() == view.name));
    Some(BudgetReport {
        schema: BUDGET_SCHEMA.to_owned(),
        id: charter.id.clone(),
        status: state.goal.status.unwrap_or(GoalStatus::Planned),
        goal: account_view(state, &Account::Goal, &Standing::default()),
        slices,
        roles: views(state, |account| matches!(account, Account::Role(_))),
        reservations: ledger.reservations().collect(),
        checkpoints: state.spending.checkpoints.clone(),
        attempts: state.spending.costs().cloned().collect(),
        prices: ledger.prices().iter().filter(priced).cloned().collect(),
        unpriced_models: models.iter().filter(is_unpriced).map(|model| (*model).to_owned()).collect(),
    })
}

/// The goal's account in short.
pub fn budget_view(state: &GoalState) -> BudgetView {
    let goal = account_view(state, &Account::Goal, &Standing::default());
    BudgetView {
        limits: goal.limits,
        time_ms: goal.time_ms,
        usage: goal.usage,
        usd_complete: goal.usd_complete,
        unreported: goal.unreported,
        lost: goal.lost,
        exhausted: goal.exhausted,
    }
}

fn views(state: &GoalState, wanted: fn(&Account) -> bool) -> Vec<AccountView> {
    let standings = state.budget.standings().filter(|(account, _)| wanted(account));
    standings.map(|(account, standing)| account_view(state, account, standing)).collect()
}

fn account_view(state: &GoalState, account: &Account, fallback: &Standing) -> AccountView {
    let ledger = &state.budget;
    let unreported = state.spending.unreported(|cost| match account {
        Account::Goal => true,
        Account::Slice(slice) => cost.slice == *slice,
        Account::Role(role) => cost.role == *role,
    });
    let standing = ledger.standings().find(|(of, _)| *of == account).map_or(fallback, |(_, standing)| standing);
    let name = match account {
        Account::Goal => "goal".to_owned(),
        Account::Slice(slice) => slice.to_string(),
        Account::Role(role) => role.as_str().to_owned(),
    };
    let limits = ledger.limits_of(account);
    let some = |amount: u64| Some(amount).filter(|amount| *amount > 0);
    let held = |budget: BudgetKind| ledger.set_aside(account, budget);
    let left = |budget: BudgetKind| {
        let gone = ledger.spent(account, budget).saturating_add(held(budget));
        budget.of(&limits).map(|limit| limit.saturating_sub(gone))
    };
    AccountView {
        name,
        time_ms: ledger.spent(account, BudgetKind::Time),
        usage: standing.usage,
        usd_complete: !standing.unpriced && unreported == 0,
        unreported,
        lost: Limits { time_ms: None, tokens: some(standing.lost_tokens), usd_micros: some(standing.lost_usd_micros) },
        reserved: Limits {
            time_ms: None,
            tokens: some(held(BudgetKind::Tokens)),
            usd_micros: some(held(BudgetKind::Usd)),
        },
        left: Limits {
            time_ms: left(BudgetKind::Time),
            tokens: left(BudgetKind::Tokens),
            usd_micros: left(BudgetKind::Usd),
        },
        limits,
        exhausted: ledger.exhausted(account),
    }
}
