//! The fold of what the controller knows: charter, plan, phase, status.
//!
//! Durable state only: all of it is rebuilt by applying the journal from its first record.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::budget::{Account, BudgetKind};
use crate::domain::control::{Holder, Stop};
use crate::domain::fact::{
    AttemptFact, Branch, BudgetFact, Fact, GateFact, GoalFact, MergeFact, PlanFact, ReviewFact, SliceFact,
    SupervisionFact,
};
use crate::domain::goal::{Charter, Drive, GoalStatus, Phase};
use crate::domain::ids::{SliceId, TreeId};
use crate::domain::review::{Review, Subject};
use crate::domain::task::AcceptedPlan;

/// A goal as the controller sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoalRecord {
    /// What was asked for; `None` before the first record.
    pub charter: Option<Arc<Charter>>,
    /// The accepted plan.
    pub plan: Option<Arc<AcceptedPlan>>,
    /// Where the goal stands; `None` before its first rest or run.
    pub status: Option<GoalStatus>,
    /// Why.
    pub reason: String,
    /// What goes on.
    pub next: Vec<String>,
    /// Status and reason before the newest run.
    pub before: Option<(GoalStatus, String, Vec<String>)>,
    /// The newest phase.
    pub phase: Option<Phase>,
    /// Runs so far.
    pub runs: u32,
    /// The process of the newest run.
    pub holder: Option<Holder>,
    /// How far the newest run was to go.
    pub drive: Option<Drive>,
    /// A stop that was asked for and has not come about yet.
    pub stop: Option<Stop>,
    /// Who asked for it, as its record says.
    pub stop_by: String,
    /// The newest reviews of the whole change, and the tree that they are about.
    pub wall: Option<(TreeId, Vec<Review>)>,
    /// Branches in the user's repository.
    pub branches: Vec<Branch>,
    /// Slices whose own budget was used up, and of what; until they are reopened.
    pub over_budget: BTreeMap<SliceId, BudgetKind>,
    /// Whether the operator chose slices to be tried again since the goal came to rest: then no others are.
    pub chosen: bool,
    /// Things said that are no failure.
    pub notes: Vec<String>,
}

impl GoalRecord {
    /// Applies a fact.
    pub fn apply(&mut self, fact: &Fact) {
        match fact {
            Fact::Goal(fact) => self.apply_goal(fact),
            Fact::Plan(PlanFact::PlanAccepted(plan)) => self.plan = Some(Arc::new((**plan).clone())),
            Fact::Slice(fact) => {
                if let SliceFact::SliceReopened { slice, .. } = fact {
                    self.over_budget.remove(slice);
                    self.chosen = true;
                }
            }
            Fact::Gate(fact) => self.apply_gate(fact),
            Fact::Review(ReviewFact::ReviewFinished { subject, review }) => match subject {
                Subject::Goal { tree } => self.add_to_wall(tree, review),
                Subject::Slice { .. } => {}
            },
            Fact::Budget(fact) => {
                if let BudgetFact::BudgetExhausted { budget, account: Account::Slice(slice), .. } = fact {
                    self.over_budget.insert(slice.clone(), *budget);
                }
            }
            Fact::Supervision(fact) => self.apply_supervision(fact),
            Fact::Attempt(fact) => {
                if let AttemptFact::CheckoutChanged { paths } = fact {
                    self.note_once(format!("your checkout changed while an agent was at work: {}", paths.join(", ")));
                }
            }
            Fact::Merge(fact) => {
                if let MergeFact::IntegrationLost { slices, .. } = fact {
                    self.notes.push(format!(
                        "the private repository had lost the work of {} merged slice(s): it was merged or done again",
                        slices.len()
                    ));
                }
            }
        }
    }

    fn apply_goal(&mut self, fact: &GoalFact) {
        match fact {
            GoalFact::GoalCreated(charter) => self.charter = Some(Arc::new((**charter).clone())),
            GoalFact::RunStarted { holder, drive } => self.run_started(holder, *drive),
            GoalFact::PhaseEntered { phase } => self.phase = Some(*phase),
            GoalFact::StopRequested { stop, by } => {
                self.stop = Some(*stop);
                self.stop_by.clone_from(by);
            }
            GoalFact::Delivered { branches } => self.branches.clone_from(branches),
            GoalFact::GoalSettled { status, reason, next } => {
                self.status = Some(*status);
                self.reason.clone_from(reason);
                self.next.clone_from(next);
                self.stop = None;
                self.chosen = false;
            }
        }
    }

    fn run_started(&mut self, holder: &Holder, drive: Drive) {
        self.runs += 1;
        self.chosen = false;
        self.holder = Some(holder.clone());
        self.drive = Some(drive);
        self.stop = None;
        self.before = self.status.map(|status| (status, self.reason.clone(), self.next.clone()));
        if self.status != Some(GoalStatus::Ready) {
            self.status = Some(GoalStatus::Running);
            "a run is under way".clone_into(&mut self.reason);
            self.next.clear();
        }
    }

    fn apply_gate(&mut self, fact: &GateFact) {
        let note = match fact {
            GateFact::FlakeSeen { gate, .. } => format!("gate `{gate}` was red and then green on one tree: a flake"),
            GateFact::RedBefore { gate, onto, .. } => {
                format!("gate `{gate}` was red already at {}: no slice is blamed for it", onto.short())
            }
            GateFact::GateFinished { .. } => return,
        };
        self.notes.push(note);
    }

    fn apply_supervision(&mut self, fact: &SupervisionFact) {
        let note = match fact {
            SupervisionFact::ActorRestarted { child, cause } => format!("actor {child} was restarted: {cause}"),
            SupervisionFact::RestartsExceeded { child, cause } => format!("actor {child} ended too often: {cause}"),
            SupervisionFact::TailCut { bytes } => {
                format!("the journal's incomplete last line ({bytes} bytes) was cut")
            }
            SupervisionFact::WorkerQuarantined(_)
            | SupervisionFact::ProfileQuarantined(_)
            | SupervisionFact::BreakerOpened(_)
            | SupervisionFact::BreakerClosed { .. }
            | SupervisionFact::LeftoversCleared(_) => return,
        };
        self.notes.push(note);
    }

    fn note_once(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn add_to_wall(&mut self, tree: &TreeId, review: &Review) {
        let wall = match &mut self.wall {
            Some(wall) if wall.0 == *tree => wall,
            stale => stale.insert((tree.clone(), Vec::new())),
        };
        wall.1.retain(|known| known.role != review.role);
        wall.1.push(review.clone());
        wall.1.sort_by_key(|known| known.role);
    }
}
