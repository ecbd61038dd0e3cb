//! The planner actor: turns the proposal of the charter into an accepted plan.

use std::sync::Arc;

use actix::{Actor, Context, Handler, Recipient};

use crate::actors::exit_guard::ExitGuard;
use crate::domain::decided::Decided;
use crate::domain::event::Fact;
use crate::domain::goal::Charter;
use crate::domain::task::AcceptedPlan;
use crate::messages::goal::{MakePlan, PlanMade};
use crate::messages::journal::{Committed, Outbox, Released};
use crate::messages::lifecycle::Defect;
use crate::messages::{Undelivered, tell};
use crate::workflow::planner::accept;

/// Whom the planner speaks to.
pub struct Wires {
    /// The answer goes here.
    pub controller: Recipient<PlanMade>,
    /// What cannot be goes here.
    pub supervisor: Recipient<Defect>,
}

/// The actor.
pub struct PlannerActor {
    charter: Arc<Charter>,
    outbox: Outbox<Result<Arc<AcceptedPlan>, String>>,
    wires: Wires,
    _guard: ExitGuard,
}

impl PlannerActor {
    /// An actor for one goal.
    pub fn new(
        charter: Arc<Charter>,
        outbox: Outbox<Result<Arc<AcceptedPlan>, String>>,
        wires: Wires,
        guard: ExitGuard,
    ) -> Self {
        Self { charter, outbox, wires, _guard: guard }
    }

    fn perform(&self, released: Released<Result<Arc<AcceptedPlan>, String>>) -> Result<(), Undelivered> {
        let cause = released.cause;
        released.intents.into_iter().try_for_each(|result| tell(&self.wires.controller, PlanMade { result, cause }))
    }

    fn report(&self, result: Result<(), Undelivered>) {
        if let Err(error) = result {
            let defect = Defect { actor: crate::domain::event::ActorName::Planner, detail: error.to_string() };
            tell(&self.wires.supervisor, defect).unwrap_or_else(|error| tracing::error!(%error, "no supervisor"));
        }
    }
}

impl Actor for PlannerActor {
    type Context = Context<Self>;
}

impl Handler<MakePlan> for PlannerActor {
    type Result = ();
    fn handle(&mut self, order: MakePlan, _ctx: &mut Context<Self>) {
        let proposal = self.charter.proposal.clone();
        let decided = match accept(proposal.slices, proposal.gates, &proposal.source) {
            Ok(plan) => {
                let fact = Fact::PlanAccepted(Box::new(plan.clone()));
                Decided::new(vec![fact], vec![Ok(Arc::new(plan))])
            }
            Err(refusal) => Decided::intent(Err(refusal.to_string())),
        };
        let committed = self.outbox.commit(decided, order.cause, None);
        self.report(committed.and_then(|released| self.perform(released)));
    }
}

impl Handler<Committed> for PlannerActor {
    type Result = ();
    fn handle(&mut self, committed: Committed, _ctx: &mut Context<Self>) {
        let released = self.outbox.acknowledge(committed);
        self.report(self.perform(released));
    }
}
