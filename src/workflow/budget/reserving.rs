//! How much an attempt may spend before it asks again.
//!
//! Pure. Invariant: what is reserved beyond what is used never exceeds what is left of any limit that it falls under.

use super::{Ledger, Work, accounts};
use crate::domain::budget::{Account, BudgetKind, Reservation};
use crate::domain::fact::{BudgetFact, Fact};

/// A limit under which nothing more can be set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Short {
    /// Whose.
    pub account: Account,
    /// Which.
    pub budget: BudgetKind,
    /// How much is spent or set aside.
    pub spent: u64,
    /// Of how much.
    pub limit: u64,
}

impl Short {
    /// The fact that says so.
    pub fn fact(self) -> Fact {
        let Self { account, budget, spent, limit } = self;
        Fact::Budget(BudgetFact::BudgetExhausted { budget, spent, limit, account })
    }
}

impl Ledger {
    /// What is set aside for an attempt that is about to begin; `None` where nothing that can be set aside is limited.
    pub fn share(&self, work: &Work) -> Result<Option<Reservation>, Short> {
        for account in accounts(work) {
            self.refuse_used_up(account)?;
        }
        let tokens = self.part(work, BudgetKind::Tokens)?;
        let usd_micros = self.part(work, BudgetKind::Usd)?;
        Ok(reservation(work, tokens, usd_micros))
    }

    /// What an attempt gets on top, once it has used more than it holds.
    pub fn top_up(&self, work: &Work) -> Result<Option<Reservation>, Short> {
        let Some(held) = self.held.get(work) else { return Ok(None) };
        let more = |over: u64, budget: BudgetKind| match (over, self.part(work, budget)) {
            (0, _) | (_, Ok(None)) => Ok(None),
            (over, Ok(Some(part))) => Ok(Some(over.saturating_add(part))),
            (_, Err(short)) => Err(short),
        };
        let tokens = more(held.used.tokens().saturating_sub(held.tokens), BudgetKind::Tokens)?;
        let usd = held.used.usd_micros.unwrap_or(0).saturating_sub(held.usd_micros);
        Ok(reservation(work, tokens, more(usd, BudgetKind::Usd)?))
    }

    fn refuse_used_up(&self, account: Account) -> Result<(), Short> {
        let limits = self.limits_of(&account);
        for budget in BudgetKind::ALL {
            let Some(limit) = budget.of(&limits) else { continue };
            let spent = self.spent(&account, budget);
            if spent >= limit || self.exhausted(&account) == Some(budget) {
                return Err(Short { account, budget, spent, limit });
            }
        }
        Ok(())
    }

    /// A part of what is left: so much that every agent could come twice.
    fn part(&self, work: &Work, budget: BudgetKind) -> Result<Option<u64>, Short> {
        let mut part = None;
        for account in accounts(work) {
            let Some(limit) = budget.of(&self.limits_of(&account)) else { continue };
            let spent = self.spent(&account, budget).saturating_add(self.set_aside(&account, budget));
            match limit.saturating_sub(spent) {
                0 => return Err(Short { account, budget, spent, limit }),
                left => {
                    let mine = (left / (2 * self.max_agents.max(1))).max(1);
                    part = Some(part.map_or(mine, |least: u64| least.min(mine)));
                }
            }
        }
        Ok(part)
    }

    /// What attempts under way hold of an account and have not used.
    pub fn set_aside(&self, account: &Account, budget: BudgetKind) -> u64 {
        let on_it = self.held.iter().filter(|(work, _)| accounts(work).contains(account));
        let unused = on_it.map(|(_, held)| match budget {
            BudgetKind::Time => 0,
            BudgetKind::Tokens => held.unused_tokens(),
            BudgetKind::Usd => held.unused_usd(),
        });
        unused.fold(0, u64::saturating_add)
    }

    /// The attempts that hold something, with the tokens and the money of each.
    pub fn reservations(&self) -> impl Iterator<Item = Reservation> {
        self.held.iter().map(|((slice, role), held)| Reservation {
            slice: slice.clone(),
            role: *role,
            tokens: held.tokens,
            usd_micros: held.usd_micros,
        })
    }

    /// Whether an attempt holds something.
    pub(super) fn holds(&self, work: &Work) -> bool {
        self.held.contains_key(work)
    }
}

fn reservation(work: &Work, tokens: Option<u64>, usd_micros: Option<u64>) -> Option<Reservation> {
    let (slice, role) = work.clone();
    let found = Reservation { slice, role, tokens: tokens.unwrap_or(0), usd_micros: usd_micros.unwrap_or(0) };
    (tokens.is_some() || usd_micros.is_some()).then_some(found)
}
