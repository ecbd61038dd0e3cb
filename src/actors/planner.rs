//! The planner: turns the proposal of the charter into an accepted plan.

use std::sync::Arc;

use actix::{Actor, Context, Handler, Recipient};

use crate::actors::coordinator::{After, Coordinator, Shell};
use crate::domain::decided::Decided;
use crate::domain::event::ActorName;
use crate::domain::fact::{Fact, PlanFact};
use crate::domain::goal::Charter;
use crate::domain::task::AcceptedPlan;
use crate::messages::Undelivered;
use crate::messages::goal::{MakePlan, PlanMade};
use crate::messages::journal::Committed;
use crate::messages::tell;
use crate::workflow::planner::accept;

/// What the planner starts: its answer to the controller.
pub type Answer = Result<Arc<AcceptedPlan>, String>;

/// Turns the proposal of one goal into an accepted plan, or says why it cannot.
pub struct PlannerActor {
    /// The goal.
    pub charter: Arc<Charter>,
    /// Receives the answer.
    pub controller: Recipient<PlanMade>,
    /// What every coordinator has.
    pub shell: Shell<Answer>,
}

impl Coordinator for PlannerActor {
    const NAME: ActorName = ActorName::Planner;
    type Intent = Answer;

    fn shell(&mut self) -> &mut Shell<Answer> {
        &mut self.shell
    }

    fn start(&mut self, result: Answer, after: After, _ctx: &mut Context<Self>) -> Result<(), Undelivered> {
        tell(&self.controller, PlanMade { result, cause: after.cause })
    }
}

impl Actor for PlannerActor {
    type Context = Context<Self>;
}

impl Handler<MakePlan> for PlannerActor {
    type Result = ();
    fn handle(&mut self, order: MakePlan, ctx: &mut Context<Self>) {
        let proposal = self.charter.proposal.clone();
        let decided = match accept(proposal.slices, proposal.gates, &proposal.source) {
            Ok(plan) => {
                let fact = Fact::Plan(PlanFact::PlanAccepted(Box::new(plan.clone())));
                Decided::new(vec![fact], vec![Ok(Arc::new(plan))])
            }
            Err(refusal) => Decided::intent(Err(refusal.to_string())),
        };
        self.commit(decided, order.cause, None, ctx);
    }
}

impl Handler<Committed> for PlannerActor {
    type Result = ();
    fn handle(&mut self, committed: Committed, ctx: &mut Context<Self>) {
        self.acknowledge(committed, ctx);
    }
}
