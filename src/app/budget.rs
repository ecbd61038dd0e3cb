//! What commands show of a goal's budget, and more for the goal, one of its slices or its roles.

use crate::app::Omk;
use crate::app::clock;
use crate::app::control::unforeseen;
use crate::app::create::usage;
use crate::app::error::AppError;
use crate::domain::budget::{Account, Limits};
use crate::domain::control::{ControlReply, ControlRequest};
use crate::domain::event::ActorName;
use crate::domain::fact::{BudgetFact, Fact};
use crate::domain::goal::Verb;
use crate::domain::ids::GoalId;
use crate::domain::spending::{BudgetReport, UsedUp};
use crate::domain::view::Liveness;
use crate::workflow::advice;
use crate::workflow::budget::Short;
use crate::workflow::spending::budget_report;

impl Omk {
    /// What a goal may spend and has spent, folded from its journal.
    pub fn budget(&self, id: &GoalId) -> Result<BudgetReport, AppError> {
        let (state, _) = self.state_now(id)?;
        budget_report(&state).ok_or_else(|| usage(format!("goal {id} has no record"), &[]))
    }

    /// Adds to what a goal, one of its slices or a role may spend, in the process that runs the goal or on its journal;
    /// returns the new limits.
    pub fn add_budget(&self, id: &GoalId, account: &Account, more: Limits) -> Result<Limits, AppError> {
        if let Account::Slice(slice) = account {
            self.refuse_unknown(id, slice)?;
        }
        let request = ControlRequest::AddBudget { more, account: account.clone() };
        match self.ask_run(id, &request)? {
            Some(ControlReply::Limits { limits }) => Ok(limits),
            Some(reply) => Err(unforeseen(&reply)),
            None => self.add_at_rest(id, account, &more),
        }
    }

    /// Adds to a limit on the goal's journal.
    fn add_at_rest(&self, id: &GoalId, account: &Account, more: &Limits) -> Result<Limits, AppError> {
        let mut held = self.hold(id, Verb::AddBudget)?;
        let look = format!("omk goal budget {id}");
        let extended = held.state.budget.limits_of(account).extended_by(more);
        let limits = extended.map_err(|refusal| usage(format!("{account} {refusal}"), &[&look]))?;
        held.record(
            vec![Fact::Budget(BudgetFact::LimitsSet { limits, account: account.clone() })],
            ActorName::Operator,
        )?;
        drop(held);
        self.refresh(id);
        Ok(limits)
    }

    /// The limits that stand in the way of a goal: used up, with what its dead attempts held. Those of slices that are
    /// done do not.
    pub fn used_up(&self, id: &GoalId) -> Result<Vec<UsedUp>, AppError> {
        let mut state = self.state_of(id, None)?;
        if self.liveness(id)? == Liveness::NoProcess {
            state.budget.begin_run(clock::now());
        }
        let used_up = |Short { account, budget, spent, limit }: Short| UsedUp { account, budget, spent, limit };
        Ok(advice::used_up(&state.budget, &state.slices).into_iter().map(used_up).collect())
    }
}
