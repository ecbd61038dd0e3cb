//! What commands show of a goal's budget, and more for one of its slices or roles.

use crate::app::Omk;
use crate::app::create::usage;
use crate::app::error::AppError;
use crate::domain::budget::{Account, Limits};
use crate::domain::event::{ActorName, Fact};
use crate::domain::goal::Verb;
use crate::domain::ids::GoalId;
use crate::domain::spending::BudgetReport;
use crate::workflow::spending::budget_report;

impl Omk {
    /// What a goal may spend and has spent, folded from its journal.
    pub fn budget(&self, id: &GoalId) -> Result<BudgetReport, AppError> {
        let state = self.state_of(id, None)?;
        budget_report(&state).ok_or_else(|| usage(format!("goal {id} has no record"), &[]))
    }

    /// Adds to what a slice or a role may spend while nobody runs the goal, and returns its new limits.
    pub fn add_budget_to(&self, id: &GoalId, account: &Account, more: Limits) -> Result<Limits, AppError> {
        let mut held = self.hold(id, Verb::Resume)?;
        if let Account::Slice(slice) = account
            && held.state.slices.slice(slice).is_none()
        {
            return Err(usage(format!("goal {id} has no slice `{slice}`"), &[&format!("omk goal budget {id}")]));
        }
        let limits = held.state.budget.limits_of(account).extended_by(&more);
        held.record(vec![Fact::LimitsSet { limits, account: account.clone() }], ActorName::Operator)?;
        drop(held);
        self.refresh(id);
        Ok(limits)
    }
}
