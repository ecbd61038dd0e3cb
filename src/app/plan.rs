//! Planning without a run: the plan of a new goal is frozen and written down, and nothing is executed.

use crate::app::Omk;
use crate::app::control::Held;
use crate::app::create::{infra, usage};
use crate::app::error::AppError;
use crate::app::projection::Projector;
use crate::domain::event::ActorName;
use crate::domain::fact::{Fact, GoalFact, PlanFact};
use crate::domain::goal::{GoalStatus, Verb};
use crate::domain::ids::GoalId;
use crate::workflow::planner::accept;

impl Omk {
    /// Freezes the plan of a goal that has none yet and writes its planning artifacts; executes nothing.
    pub fn plan(&self, id: &GoalId) -> Result<(), AppError> {
        let mut held = self.hold(id, Verb::Resume)?;
        if held.state.goal.plan.is_none() {
            freeze(&mut held, id)?;
        }
        let mut projector = Projector::new(self.state.goal(id), held.state);
        projector.write_documents()?;
        Ok(projector.write()?)
    }
}

fn freeze(held: &mut Held, id: &GoalId) -> Result<(), AppError> {
    let Some(charter) = held.state.goal.charter.clone() else {
        return Err(infra(format!("goal {id} has no first record")));
    };
    let proposal = charter.proposal.clone();
    let plan = accept(proposal.slices, proposal.gates, &proposal.source)
        .map_err(|refusal| usage(format!("the plan cannot be used: {refusal}"), &[]))?;
    let reason = format!("planned {} slice(s); nothing was executed", plan.slices.len());
    let next = ["resume", "execute"].map(|verb| format!("omk goal {verb} {id}")).to_vec();
    held.record(vec![Fact::Plan(PlanFact::PlanAccepted(Box::new(plan)))], ActorName::Planner)?;
    let settled = Fact::Goal(GoalFact::GoalSettled { status: GoalStatus::Planned, reason, next });
    held.record(vec![settled], ActorName::Controller)?;
    Ok(())
}
