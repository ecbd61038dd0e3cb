//! What a `ready` goal rests on: the gates and reviews of its last check that passed.
//!
//! Pure. Invariant: a check that is red, or is cut off, never replaces what made the goal `ready`; it stands beside it.

use crate::domain::evidence::GateResult;
use crate::domain::goal::GoalStatus;
use crate::domain::ids::TreeId;
use crate::domain::review::{Review, Verdict};
use crate::workflow::state::GoalState;

/// Gates and reviews on one integrated tree, all of which passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deciding {
    /// The integrated tree.
    pub tree: TreeId,
    /// The verdict of each gate on it.
    pub gates: Vec<GateResult>,
    /// The reviews of the whole change.
    pub reviews: Vec<Review>,
}

impl Deciding {
    /// What is known of the integrated tree now: the newest verdict of each gate, and the newest reviews.
    pub fn newest(state: &GoalState) -> Option<Self> {
        let (plan, queue) = (state.goal.plan.as_deref()?, state.queue.as_ref()?);
        let on_tip = plan.gates.iter().filter_map(|gate| state.gates.on_tip(&gate.name));
        let reviews = match &state.goal.wall {
            Some((reviewed, reviews)) if *reviewed == queue.tree => reviews.clone(),
            Some(_) | None => Vec::new(),
        };
        let gates = on_tip.filter(|result| result.tree == queue.tree).cloned().collect();
        Some(Self { tree: queue.tree.clone(), gates, reviews })
    }

    /// What the goal's status rests on: of a `ready` goal its last check that passed, else what is known now.
    pub fn of(state: &GoalState) -> Option<Self> {
        let newest = Self::newest(state)?;
        let kept = state.deciding.as_ref().filter(|_| state.goal.status == Some(GoalStatus::Ready));
        Some(kept.filter(|kept| kept.tree == newest.tree).cloned().unwrap_or(newest))
    }

    fn passes(&self) -> bool {
        let mut required = self.gates.iter().filter(|result| result.required);
        let blocked = self.reviews.iter().any(|review| review.verdict == Verdict::Blocked);
        required.all(GateResult::passes) && !self.gates.is_empty() && !blocked
    }
}

/// What is kept as the last check that passed, when the goal has just settled.
pub(super) fn after(state: &GoalState, status: GoalStatus) -> Option<Deciding> {
    match status {
        GoalStatus::Ready => Deciding::newest(state).filter(Deciding::passes).or_else(|| state.deciding.clone()),
        GoalStatus::Planned
        | GoalStatus::Running
        | GoalStatus::Paused
        | GoalStatus::BlockedOnHuman
        | GoalStatus::BlockedOnExternal
        | GoalStatus::NotReady
        | GoalStatus::NeedsMoreBudget
        | GoalStatus::FailedInfra
        | GoalStatus::Cancelled => None,
    }
}
