//! What goes on with a goal at rest, once part of what its run advised was done.
//!
//! Pure, and only of what is shown: the journal keeps what the run said when it settled. Advice that still stands is
//! shown as it was given; what the operator has done since is shown no more, and `resume` takes its place.

use crate::domain::budget::{Account, BudgetKind, SLICE_USED_UP};
use crate::domain::goal::GoalStatus;
use crate::domain::ids::{GoalId, SliceId};
use crate::domain::question::answer_command;
use crate::workflow::budget::{Ledger, Short};
use crate::workflow::slices::{SliceTable, Stage};
use crate::workflow::state::GoalState;

/// The command that adds to a limit, without the amount.
pub fn addition(id: &str, account: &Account, budget: BudgetKind) -> String {
    format!("omk goal budget-add {id}{} --{} …", account.options(), budget.as_str())
}

/// What takes a goal up again.
pub fn taken_up_by(id: &GoalId) -> String {
    format!("omk goal resume {id}")
}

/// The limits that stand in the way: used up, and not those of slices that are done.
pub fn used_up(budget: &Ledger, slices: &SliceTable) -> Vec<Short> {
    let done = |account: &Account| match account {
        Account::Goal | Account::Role(_) => false,
        Account::Slice(slice) => {
            let done = |stage: &Stage| matches!(stage, Stage::Integrated { .. } | Stage::Unchanged { .. });
            slices.slice(slice).is_some_and(|record| done(&record.stage))
        }
    };
    budget.used_up().into_iter().filter(|short| !done(&short.account)).collect()
}

/// Whether a slice that was given up for its budget may spend again.
pub fn is_raised(state: &GoalState, slice: &SliceId, reason: &str) -> bool {
    let account = Account::Slice(slice.clone());
    reason.starts_with(SLICE_USED_UP)
        && state.budget.exhausted(&account).is_none()
        && !state.budget.used_up().iter().any(|short| short.account == account)
}

/// Why a goal rests and what goes on with it, as it stands now.
pub fn standing(state: &GoalState) -> (String, Vec<String>) {
    let (reason, next) = (&state.goal.reason, &state.goal.next);
    let id = match &state.goal.charter {
        Some(charter) if state.goal.status != Some(GoalStatus::Running) => &charter.id,
        Some(_) | None => return (reason.clone(), next.clone()),
    };
    let case = Case { id, state, short: used_up(&state.budget, &state.slices) };
    let (answered, added) = (next.iter().any(|it| case.is_answered(it)), next.iter().any(|it| case.is_added(it)));
    match (answered, added) {
        (false, false) => (reason.clone(), next.clone()),
        (true, _) => (format!("answered since: {reason}"), case.instead(case.questions().next())),
        (false, true) => {
            let missing = case.short.first().map(|short| addition(id.as_str(), &short.account, short.budget));
            (format!("more was added since: {reason}"), case.instead(missing))
        }
    }
}

/// A goal at rest, and what is used up of it.
struct Case<'a> {
    id: &'a GoalId,
    state: &'a GoalState,
    short: Vec<Short>,
}

impl Case<'_> {
    /// How to answer each question that is open.
    fn questions(&self) -> impl Iterator<Item = String> {
        let asked = self.state.slices.iter().filter_map(|record| record.stage.asked());
        asked.map(|(question, text)| answer_command(self.id.as_str(), question, text))
    }

    /// Whether a command answers a question that is open no more.
    fn is_answered(&self, command: &str) -> bool {
        command.starts_with(&format!("omk goal answer {}.", self.id)) && !self.questions().any(|open| open == command)
    }

    /// Whether a command adds to a limit that is used up no more.
    fn is_added(&self, command: &str) -> bool {
        let known = self.state.budget.standings().map(|(account, _)| account);
        let limits = known.chain([&Account::Goal]).flat_map(|account| BudgetKind::ALL.map(|budget| (account, budget)));
        let named =
            |(account, budget): &(&Account, BudgetKind)| addition(self.id.as_str(), account, *budget) == command;
        limits.into_iter().find(named).is_some_and(|(account, budget)| {
            let short = |short: &Short| short.account == *account && short.budget == budget;
            self.state.budget.exhausted(account) != Some(budget) && !self.short.iter().any(short)
        })
    }

    /// What is still missing in the place of what was done, then the rest of the advice, then `resume`.
    fn instead(&self, missing: Option<String>) -> Vec<String> {
        let kept = self.state.goal.next.iter().filter(|it| !self.is_answered(it) && !self.is_added(it)).cloned();
        let mut next: Vec<String> = Vec::new();
        for command in missing.into_iter().chain(kept).chain([taken_up_by(self.id)]) {
            if !next.contains(&command) {
                next.push(command);
            }
        }
        next
    }
}
