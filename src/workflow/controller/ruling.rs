//! The status in which a run ends, for each thing that can end it. Pure; changes nothing.

use super::{Controller, Proof};
use crate::domain::budget::{Account, BudgetKind};
use crate::domain::control::{Stop, stopper};
use crate::domain::evidence::GateResult;
use crate::domain::goal::GoalStatus;
use crate::domain::ids::{GoalId, SliceId};
use crate::domain::question::answer_command;
use crate::domain::review::Verdict;
use crate::domain::settlement::{Obstruction, Settlement};
use crate::workflow::advice::addition;
use crate::workflow::verdict::{Evidence, Ruling, judge};

impl Controller {
    /// The status of a run that was told to stop, or ran out of disk or budget.
    pub(super) fn stopping(&self) -> Option<Ruling> {
        if let Some(stop) = self.record.stop {
            return Some(match stop {
                Stop::Cancel => {
                    Ruling::new(GoalStatus::Cancelled, "cancelled by the operator", vec![self.command("show")])
                }
                Stop::Pause => {
                    let reason = format!("paused by {}", stopper(&self.record.stop_by));
                    Ruling::new(GoalStatus::Paused, reason, vec![self.command("resume")])
                }
            });
        }
        if let Some(detail) = &self.distress {
            let reason = format!("{detail}; all that was journalled is safe: make room, then resume");
            return Some(Ruling::new(GoalStatus::FailedInfra, reason, vec![self.command("resume")]));
        }
        let (budget, account) = self.exhausted.as_ref()?;
        Some(self.over_budget(*budget, account))
    }

    fn over_budget(&self, budget: BudgetKind, account: &Account) -> Ruling {
        let name = budget.as_str();
        let whose = if account.is_goal() { String::new() } else { format!(" of {account}") };
        let reason = format!("the budget of {name}{whose} is used up");
        let add = addition(self.goal().map(GoalId::as_str).unwrap_or_default(), account, budget);
        Ruling::new(GoalStatus::NeedsMoreBudget, reason, vec![add, self.command("resume")])
    }

    pub(super) fn obstructed(&self, settlement: &Settlement) -> Option<Ruling> {
        let resume = vec![self.command("resume")];
        match settlement.obstacle.as_ref()? {
            Obstruction::AgentUnavailable(detail) => Some(Ruling::new(GoalStatus::BlockedOnExternal, detail, resume)),
            Obstruction::Fault(detail) => Some(Ruling::new(GoalStatus::FailedInfra, detail, resume)),
            Obstruction::Halted(why) => Some(Ruling::new(GoalStatus::Paused, format!("halted: {why}"), resume)),
        }
    }

    pub(super) fn asks(&self, settlement: &Settlement) -> Option<Ruling> {
        let (slice, question, text) = settlement.asking.first()?;
        let id = self.goal().map(GoalId::as_str).unwrap_or_default();
        let reason = format!("slice `{slice}` asks {question}: {text}");
        let answer = answer_command(id, question, text);
        Some(Ruling::new(GoalStatus::BlockedOnHuman, reason, vec![answer, self.command("resume")]))
    }

    pub(super) fn faulted(&self) -> Option<Ruling> {
        let detail = self.fault.as_ref()?;
        Some(Ruling::new(GoalStatus::FailedInfra, detail, vec![self.command("resume")]))
    }

    pub(super) fn scaffold_ruling(&self, results: &[GateResult]) -> Ruling {
        let slices = self.record.plan.as_ref().map_or(0, |plan| plan.slices.len());
        let green = results.iter().filter(|result| result.outcome.is_green()).count();
        let reason = format!("planned {slices} slice(s); {green} of {} gate(s) green on the base", results.len());
        Ruling::new(GoalStatus::Planned, reason, vec![self.command("resume"), self.command("execute")])
    }

    pub(super) fn pass_ruling(&self, settlement: &Settlement) -> Ruling {
        let done = settlement.integrated.len() + settlement.unchanged.len();
        let all = done + settlement.open.len() + settlement.given_up.len() + settlement.asking.len();
        let reason = format!("one pass done: {done} of {all} slice(s) done");
        Ruling::new(GoalStatus::Planned, reason, vec![self.command("execute"), self.command("resume")])
    }

    /// A run that only reviewed leaves the goal as it was, unless a review blocks.
    pub(super) fn review_ruling(&self, ruling: Ruling) -> Ruling {
        let reviews = self.record.wall.as_ref().map_or(&[][..], |(_, reviews)| reviews.as_slice());
        let blocked: Vec<_> =
            reviews.iter().filter(|r| r.verdict == Verdict::Blocked).map(|r| r.role.as_str()).collect();
        match (&self.record.before, blocked.as_slice()) {
            (Some((status, reason, next)), []) => Ruling::new(*status, reason.clone(), next.clone()),
            (None, []) => Ruling::new(GoalStatus::Planned, "reviewed", vec![self.command("resume")]),
            (_, roles) => Ruling { reason: format!("review {} blocks", roles.join(", ")), ..ruling },
        }
    }

    pub(super) fn rule(&self, settlement: &Settlement, proof: Option<&Proof>) -> Ruling {
        let (Some(charter), Some(plan)) = (&self.record.charter, &self.record.plan) else {
            return Ruling::new(GoalStatus::NotReady, "there is no plan", Vec::new());
        };
        let wall = self.record.wall.as_ref().filter(|(tree, _)| proof.is_some_and(|p| p.tree == *tree));
        let ruling = judge(&Evidence {
            goal: &charter.id,
            tree: proof.map_or(&charter.repository.base_tree, |p| &p.tree),
            base_tree: &charter.repository.base_tree,
            integrated: settlement.integrated.len(),
            unchanged: &settlement.unchanged,
            given_up: &settlement.given_up,
            open: &settlement.open,
            gates: &plan.gates,
            results: proof.map_or(&[], |p| p.results.as_slice()),
            reviews: wall.map_or(&[], |(_, reviews)| reviews.as_slice()),
        });
        self.or_over_budget(ruling, settlement)
    }

    /// What is missing may be only money: then more of it is what helps.
    fn or_over_budget(&self, ruling: Ruling, settlement: &Settlement) -> Ruling {
        let short = |slice: &SliceId| Some((slice.clone(), *self.record.over_budget.get(slice)?));
        let Some((slice, budget)) = settlement.given_up.iter().find_map(|(slice, _)| short(slice)) else {
            return ruling;
        };
        match ruling.status {
            GoalStatus::NotReady => {
                let next = self.over_budget(budget, &Account::Slice(slice)).next;
                Ruling::new(GoalStatus::NeedsMoreBudget, ruling.reason, next)
            }
            _ => ruling,
        }
    }
}
