//! Acting on a goal from outside of its run: through the process that runs it, or on its journal where none does.

use std::sync::Arc;

use crate::app::Omk;
use crate::app::config::patience;
use crate::app::create::{block_on, infra, usage};
use crate::app::error::AppError;
use crate::app::request::RetryRequest;
use crate::app::system::record;
use crate::domain::budget::{Account, Limits};
use crate::domain::control::{ControlReply, ControlRequest, Stop};
use crate::domain::event::{ActorName, Event, Fact};
use crate::domain::goal::{GoalStatus, Verb};
use crate::domain::ids::{GoalId, SliceId};
use crate::domain::view::{Liveness, Settled};
use crate::ports::Journal;
use crate::store::control::ask;
use crate::store::error::StoreError;
use crate::store::journal::{FileJournal, Opened};
use crate::store::lock::{GoalLock, Occupation, occupation, this_process};
use crate::workflow::slices::Stage;
use crate::workflow::state::GoalState;

/// A goal at rest, held by this process: its journal, and the state that it folds to.
pub(super) struct Held {
    pub(super) journal: Arc<dyn Journal>,
    pub(super) state: GoalState,
}

impl Held {
    /// Adds facts to the journal and to the state.
    pub(super) fn record(&mut self, facts: Vec<Fact>, actor: ActorName) -> Result<Vec<Event>, AppError> {
        let events = block_on(record(&self.journal, facts, actor))??;
        events.iter().for_each(|event| self.state.apply(event));
        Ok(events)
    }
}

impl Omk {
    /// Pauses or cancels a goal: through the process that runs it, or on its journal where none does.
    pub fn stop(&self, id: &GoalId, stop: Stop) -> Result<Settled, AppError> {
        let verb = match stop {
            Stop::Pause => Verb::Pause,
            Stop::Cancel => Verb::Cancel,
        };
        match self.liveness(id)? {
            Liveness::Held { .. } => self.stop_running(id, stop),
            Liveness::NoProcess => self.stop_resting(id, stop, verb),
        }
    }

    fn stop_running(&self, id: &GoalId, stop: Stop) -> Result<Settled, AppError> {
        let by = format!("omk goal, pid {}", std::process::id());
        let request = match stop {
            Stop::Pause => ControlRequest::Pause { by },
            Stop::Cancel => ControlRequest::Cancel { by },
        };
        match ask(&self.state.goal(id), &request, patience(&self.config.settings)) {
            Ok(
                ControlReply::Settled { .. }
                | ControlReply::Pong { .. }
                | ControlReply::Done
                | ControlReply::Limits { .. }
                | ControlReply::Seen { .. },
            ) => self.settled(id),
            Ok(ControlReply::Refused { reason }) => Err(infra(format!("the run refused: {reason}"))),
            // It ended between our look and our question.
            Err(StoreError::NotRunning { .. } | StoreError::Protocol { .. }) => self.settled(id),
            Err(error) => Err(error.into()),
        }
    }

    fn stop_resting(&self, id: &GoalId, stop: Stop, verb: Verb) -> Result<Settled, AppError> {
        let mut held = self.hold(id, verb)?;
        let status = held.state.goal.status.unwrap_or(GoalStatus::Planned);
        let settled = match stop {
            Stop::Pause if status == GoalStatus::Paused => return self.settled(id),
            Stop::Pause => Fact::GoalSettled {
                status: GoalStatus::Paused,
                reason: "paused by the operator".to_owned(),
                next: vec![format!("omk goal resume {id}")],
            },
            Stop::Cancel => Fact::GoalSettled {
                status: GoalStatus::Cancelled,
                reason: "cancelled by the operator".to_owned(),
                next: vec![format!("omk goal show {id}")],
            },
        };
        held.record(vec![settled], ActorName::Operator)?;
        drop(held);
        self.refresh(id);
        self.settled(id)
    }

    /// How the goal stands, as a command reports it.
    pub(super) fn settled(&self, id: &GoalId) -> Result<Settled, AppError> {
        let view = self.view(id, None)?;
        let (status, reason, next) = (view.status, view.reason, view.next);
        Ok(Settled { id: id.clone(), status, reason, next, signal: None })
    }

    /// Takes the goal's lock and opens its journal, where `verb` may act on it.
    pub(super) fn hold(&self, id: &GoalId, verb: Verb) -> Result<Held, AppError> {
        let (opened, state) = self.open_journal(id, verb)?;
        let mut held = Held { journal: Arc::new(opened.journal), state };
        if let Some(torn) = opened.torn {
            held.record(vec![Fact::TailCut { bytes: torn.bytes }], ActorName::Journal)?;
        }
        Ok(held)
    }

    /// The same, with the journal still closed to others and the torn tail not yet said.
    pub(super) fn open_journal(&self, id: &GoalId, verb: Verb) -> Result<(Opened, GoalState), AppError> {
        let lock = GoalLock::acquire(self.state.goal(id), &this_process())?;
        let opened = FileJournal::open(lock)?;
        let state = GoalState::replay(&opened.events);
        let status = state.goal.status.unwrap_or(GoalStatus::Planned);
        if status.allows(verb) {
            return Ok((opened, state));
        }
        let allowed: Vec<_> = [Verb::Verify, Verb::Review, Verb::Execute, Verb::Resume, Verb::Retry, Verb::Cancel]
            .into_iter()
            .filter(|other| status.allows(*other))
            .map(Verb::as_str)
            .collect();
        let help = match allowed.as_slice() {
            [] => "nothing can act on it any more; look at it with: omk goal show".to_owned(),
            verbs => format!("what can act on it: {}", verbs.join(", ")),
        };
        Err(usage(format!("goal {id} is {status} and cannot be taken up by `{}`", verb.as_str()), &[&help]))
    }

    /// Gives a slice attempts again (then `drive` goes on).
    pub fn retry(&self, id: &GoalId, request: RetryRequest) -> Result<(), AppError> {
        let mut held = self.hold(id, Verb::Retry)?;
        let RetryRequest { slice, fresh, hint } = request;
        let Some(record) = held.state.slices.slice(&slice) else {
            let known: Vec<_> = held.state.slices.iter().map(|record| record.spec.id.to_string()).collect();
            return Err(usage(
                format!("goal {id} has no slice `{slice}`"),
                &[&format!("its slices: {}", known.join(", "))],
            ));
        };
        if let Stage::Integrated { .. } = record.stage {
            return Err(usage(format!("slice `{slice}` is integrated already"), &[]));
        }
        held.record(vec![Fact::SliceReopened { slice, fresh, hint }], ActorName::Operator)?;
        Ok(())
    }

    /// Answers a question; `id` is the goal of the question.
    pub fn answer(&self, id: &GoalId, question: &str, answer: &str) -> Result<(), AppError> {
        let mut held = self.hold(id, Verb::Resume)?;
        let asks = |stage: &Stage| matches!(stage, Stage::Asking { question: asked, .. } if asked == question);
        if !held.state.slices.iter().any(|record| asks(&record.stage)) {
            let help = format!("see what it asks: omk goal status {id}");
            return Err(usage(format!("goal {id} has no open question `{question}`"), &[&help]));
        }
        let answered = Fact::QuestionAnswered { id: question.to_owned(), answer: answer.to_owned() };
        held.record(vec![answered], ActorName::Operator)?;
        drop(held);
        self.refresh(id);
        Ok(())
    }

    /// Adds to what may be spent, and returns the new limits.
    pub fn add_budget(&self, id: &GoalId, more: Limits) -> Result<Limits, AppError> {
        let mut held = self.hold(id, Verb::Resume)?;
        let limits = held.state.budget.limits.extended_by(&more);
        held.record(vec![Fact::LimitsSet { limits, account: Account::Goal }], ActorName::Operator)?;
        drop(held);
        self.refresh(id);
        Ok(limits)
    }

    /// What is seen of the process that runs a goal.
    pub fn liveness(&self, id: &GoalId) -> Result<Liveness, AppError> {
        Ok(match occupation(&self.state.goal(id))? {
            Occupation::Free => Liveness::NoProcess,
            Occupation::Held(holder) => Liveness::Held { holder: holder.unwrap_or_else(unknown_holder) },
        })
    }

    /// Every goal of the state directory that says `running` and has no process, oldest first.
    pub fn orphans(&self) -> Result<Vec<GoalId>, AppError> {
        let goals = self.list()?;
        Ok(goals.into_iter().rev().filter(|goal| goal.orphaned).map(|goal| goal.id).collect())
    }
}

fn unknown_holder() -> crate::domain::control::Holder {
    crate::domain::control::Holder { pid: 0, host: String::new(), boot_id: String::new(), version: String::new() }
}

/// The facts by which `resume` takes up what an earlier run gave up: all of it, or what was given up for a budget that
/// has been raised since.
pub(super) fn reopened(state: &GoalState) -> Vec<Fact> {
    let raised = |slice: &SliceId| {
        let account = Account::Slice(slice.clone());
        state.goal.over_budget.contains_key(slice) && state.budget.exhausted(&account).is_none()
    };
    let wanted = |slice: &SliceId| match state.goal.status {
        Some(GoalStatus::NotReady) => true,
        Some(GoalStatus::NeedsMoreBudget) => raised(slice),
        _ => false,
    };
    let given_up = state.slices.iter().filter(|record| matches!(record.stage, Stage::GivenUp { .. }));
    let slices = given_up.map(|record| record.spec.id.clone()).filter(wanted);
    slices.map(|slice| Fact::SliceReopened { slice, fresh: false, hint: None }).collect()
}
