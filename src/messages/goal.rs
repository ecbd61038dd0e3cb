//! Controller <-> planner, scheduler and integrator: the phases of a run. Outside -> controller: stop.

use std::sync::Arc;

use actix::Message;

use crate::domain::budget::{Account, BudgetKind};
use crate::domain::control::Stop;
use crate::domain::evidence::GateResult;
use crate::domain::goal::Drive;
use crate::domain::ids::{CommitId, Seq, SliceId, Timestamp, TreeId};
use crate::domain::settlement::Settlement;
use crate::domain::task::AcceptedPlan;

/// Supervisor -> controller: everything is wired, go.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Begin;

/// Controller -> budget: the run is on record, open its account.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct OpenBudget {
    /// The time of the record that the run began; `None` where it had begun before.
    pub begun: Option<Timestamp>,
}

/// Budget -> controller: whatever was used up before this run has been said; the run may go on.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct BudgetOpened {
    /// The record that led to this.
    pub cause: Option<Seq>,
}

/// Controller -> planner: turn the proposal into an accepted plan.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct MakePlan {
    /// The record that led to this.
    pub cause: Option<Seq>,
}

/// Planner -> controller: how that went.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct PlanMade {
    /// The plan, or why there is none.
    pub result: Result<Arc<AcceptedPlan>, String>,
    /// The record that led to this.
    pub cause: Option<Seq>,
}

/// Controller -> integrator: run the gates on the base.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct MeasureBase {
    /// The plan whose gates they are.
    pub plan: Arc<AcceptedPlan>,
    /// The record that led to this.
    pub cause: Option<Seq>,
}

/// Integrator -> controller: every gate has been run on the base.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct BaseMeasured {
    /// The verdicts.
    pub results: Vec<GateResult>,
    /// The record that led to this.
    pub cause: Option<Seq>,
}

/// Controller -> scheduler: work on the slices.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Execute {
    /// The plan.
    pub plan: Arc<AcceptedPlan>,
    /// To the end, or one pass.
    pub drive: Drive,
    /// The record that led to this.
    pub cause: Option<Seq>,
}

/// Controller -> scheduler, integrator and budget: start nothing new; what runs is being stopped.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Halt {
    /// Why, as it goes into the journal: `pause`, `cancel`, `budget`.
    pub why: String,
    /// The record that led to this.
    pub cause: Option<Seq>,
}

/// Scheduler -> controller: nothing runs, and nothing can be started.
#[derive(Clone, Debug, Message, PartialEq, Eq)]
#[rtype(result = "()")]
pub struct ExecutionSettled {
    /// How the slices stand.
    pub settlement: Settlement,
    /// The record that led to this.
    pub cause: Option<Seq>,
}

/// Controller -> integrator: run every gate, cold, on the integrated tree.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct ProveTip {
    /// Whether the gates are run, or only what is known of them is told.
    pub run_gates: bool,
    /// The plan whose gates they are.
    pub plan: Arc<AcceptedPlan>,
    /// The record that led to this.
    pub cause: Option<Seq>,
}

/// Integrator -> controller: every gate has been run on the integrated tree.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct TipProven {
    /// The integrated commit.
    pub tip: CommitId,
    /// Its tree.
    pub tree: TreeId,
    /// The slices in it, and what each captured.
    pub slices: Vec<(SliceId, CommitId)>,
    /// The verdicts; fewer than the gates where a stop came between.
    pub results: Vec<GateResult>,
    /// The record that led to this.
    pub cause: Option<Seq>,
}

/// Control socket or signal -> controller: stop the run.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct StopRun {
    /// For now or for good.
    pub stop: Stop,
    /// Who asks, for the journal.
    pub by: String,
}

/// Budget -> controller: a limit is used up.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Exhausted {
    /// Which limit.
    pub budget: BudgetKind,
    /// Whose limit.
    pub account: Account,
    /// The record that says so.
    pub cause: Option<Seq>,
}
