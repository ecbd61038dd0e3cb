//! What a goal has spent, and when that is too much.
//!
//! Time counts while a run is under way: from `RunStarted` to the run's last record. Pauses, and the time between a
//! crash and the next run, do not count.

use crate::domain::budget::{Account, BudgetKind, Limits, Usage};
use crate::domain::event::Fact;
use crate::domain::ids::Timestamp;

/// The fold of every fact about spending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// What may be spent.
    pub limits: Limits,
    /// Time of earlier runs.
    settled_ms: u64,
    /// When the run under way began, and its last record so far.
    running: Option<(Timestamp, Timestamp)>,
    /// What agents reported.
    pub usage: Usage,
    noticed: Vec<BudgetKind>,
    /// The limit that is used up.
    pub exhausted: Option<BudgetKind>,
}

impl Ledger {
    /// Applies a fact of time `at`. Every record counts: the last one of a crashed run is its end.
    pub fn apply(&mut self, fact: &Fact, at: Timestamp) {
        match fact {
            Fact::RunStarted { .. } => {
                self.settle();
                self.running = Some((at, at));
                self.exhausted = None;
            }
            Fact::GoalSettled { .. } => {
                self.touch(at);
                self.settle();
            }
            Fact::GoalCreated(charter) => self.limits = charter.limits,
            Fact::LimitsSet { limits } => {
                self.touch(at);
                self.limits = *limits;
                self.noticed.clear();
                self.exhausted = None;
            }
            Fact::UsageRecorded { usage, .. } => {
                self.touch(at);
                self.usage = self.usage.plus(usage);
            }
            Fact::BudgetNoticed { budget, .. } => self.noticed.push(*budget),
            Fact::BudgetExhausted { budget, .. } => {
                self.touch(at);
                self.exhausted = Some(*budget);
            }
            // Any other record only says that the run was alive then.
            _ => self.touch(at),
        }
    }

    /// A run begins at `now`, before its record is folded.
    pub fn begin_run(&mut self, now: Timestamp) {
        self.settle();
        self.running = Some((now, now));
        self.exhausted = None;
    }

    fn touch(&mut self, at: Timestamp) {
        if let Some((_, last)) = &mut self.running {
            *last = (*last).max(at);
        }
    }

    fn settle(&mut self) {
        if let Some((began, last)) = self.running.take() {
            self.settled_ms += last.since(began);
        }
    }

    /// Time spent up to the last record, in milliseconds.
    pub fn time_ms(&self) -> u64 {
        self.settled_ms + self.running.map_or(0, |(began, last)| last.since(began))
    }

    /// Milliseconds until the time is used up, at `now`; `None` without a limit.
    pub fn time_left_ms(&self, now: Timestamp) -> Option<u64> {
        let running = self.running.map_or(0, |(began, _)| now.since(began));
        Some(self.limits.time_ms?.saturating_sub(self.settled_ms + running))
    }

    /// How much of a limit is used at `now`, and the limit; `None` without one.
    fn spent(&self, budget: BudgetKind, now: Timestamp) -> Option<(u64, u64)> {
        match budget {
            BudgetKind::Time => {
                let running = self.running.map_or(0, |(began, _)| now.since(began));
                self.limits.time_ms.map(|limit| (self.settled_ms + running, limit))
            }
            BudgetKind::Tokens => self.limits.tokens.map(|limit| (self.usage.tokens(), limit)),
            BudgetKind::Usd => self.limits.usd_micros.map(|limit| (self.usage.usd_micros.unwrap_or(0), limit)),
        }
    }

    /// What is to be said at `now`: notices at two thirds, and the first limit that is used up. Each is said once.
    pub fn check(&self, now: Timestamp) -> Vec<Fact> {
        let mut facts = Vec::new();
        for budget in [BudgetKind::Time, BudgetKind::Tokens, BudgetKind::Usd] {
            let Some((spent, limit)) = self.spent(budget, now) else { continue };
            if spent >= limit && self.exhausted.is_none() {
                facts.push(Fact::BudgetExhausted { budget, spent, limit, account: Account::Goal });
                return facts;
            }
            if spent.saturating_mul(3) >= limit.saturating_mul(2) && !self.noticed.contains(&budget) {
                facts.push(Fact::BudgetNoticed { budget, spent, limit, account: Account::Goal });
            }
        }
        facts
    }
}
