//! Acting on a goal from outside of its run: through the process that runs it, or on its journal where none does.

use std::sync::Arc;
use std::time::Duration;

use crate::app::Omk;
use crate::app::create::{block_on, infra, usage};
use crate::app::error::AppError;
use crate::app::live::Asked;
use crate::app::recovery::{self, unfindable};
use crate::app::request::{RetryRequest, TakenBy};
use crate::app::scope::Scope;
use crate::app::surplus;
use crate::app::surroundings::require_own_proc;
use crate::app::system::record;
use crate::domain::budget::Account;
use crate::domain::control::{ControlReply, ControlRequest, Refusal, Stop};
use crate::domain::event::{ActorName, Event};
use crate::domain::fact::{Fact, GoalFact, SliceFact, SupervisionFact};
use crate::domain::goal::{GoalStatus, Verb};
use crate::domain::ids::{GoalId, SliceId};
use crate::domain::supervision::Leftovers;
use crate::domain::view::{Liveness, Settled};
use crate::ports::Journal;
use crate::process::sweep::{Swept, kill_leftovers, still_running};
use crate::store::journal::{FileJournal, Opened};
use crate::store::lock::{GoalLock, this_process};
use crate::workflow::scheduler::operator::{Again, retry_at_rest};
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

/// How long a command that stops a goal takes to remove what nobody wants; `gc` removes the rest.
const TIDIES: Duration = Duration::from_millis(200);

impl Omk {
    /// Pauses or cancels a goal: through the process that runs it, or on its journal where none does.
    pub fn stop(&self, id: &GoalId, stop: Stop) -> Result<Settled, AppError> {
        if self.liveness(id)? == Liveness::NoProcess {
            return self.stop_resting(id, stop, "");
        }
        match self.ask_to_stop(id, stop)? {
            // It was about to come to rest otherwise when it was told; a pause is content with any rest.
            Asked::Obeyed if stop == Stop::Cancel && !self.settled(id)?.status.is_final() => self.stop(id, stop),
            Asked::Obeyed => self.settled_and_gone(id),
            Asked::Gone => self.stop_left(id, stop, ""),
            Asked::Deaf(why) => {
                let ended = self.end_holder(id, why)?;
                self.stop_left(id, stop, &ended)
            }
        }
    }

    /// Stops a goal whose process has just ended, where that left anything to stop.
    fn stop_left(&self, id: &GoalId, stop: Stop, ended: &str) -> Result<Settled, AppError> {
        let mut settled = self.settled(id)?;
        if !settled.status.allows(verb_of(stop)) {
            // It had come to rest already, or its work was no matter of the status: a look at a `ready` goal, say.
            settled.reason = with_ending(&settled.reason, ended);
            return Ok(settled);
        }
        self.stop_resting(id, stop, ended)
    }

    /// Stops a goal on its journal, and ends what still runs of it. `ended` says of which process it was taken, where it was.
    fn stop_resting(&self, id: &GoalId, stop: Stop, ended: &str) -> Result<Settled, AppError> {
        let before = self.settled(id)?;
        if stop == Stop::Cancel && before.status == GoalStatus::Cancelled {
            return Ok(before);
        }
        let mut held = self.hold(id, verb_of(stop))?;
        let status = held.state.goal.status.unwrap_or(GoalStatus::Planned);
        if status == GoalStatus::Running {
            require_own_proc()?;
        }
        let (to, by, next) = match stop {
            Stop::Pause if status == GoalStatus::Paused => return self.settled(id),
            Stop::Pause => (GoalStatus::Paused, "paused by the operator", "resume"),
            Stop::Cancel => (GoalStatus::Cancelled, "cancelled by the operator", "show"),
        };
        let (reason, next) = (with_ending(by, ended), vec![format!("omk goal {next} {id}")]);
        let settled = Fact::Goal(GoalFact::GoalSettled { status: to, reason, next });
        let dir = self.state.goal(id);
        let unfindable = if status == GoalStatus::Running { unfindable() } else { None };
        let Swept { killed, resisting } = kill_leftovers(&dir.owner());
        if let Some(problem) = recovery::resisting(&resisting) {
            return Err(resists(format!("{problem}; goal {id} stays {status}"), &resisting));
        }
        let left =
            Leftovers { processes: killed, left_alone: unfindable.into_iter().collect(), ..Leftovers::default() };
        let cleared = (!left.is_empty()).then(|| Fact::Supervision(SupervisionFact::LeftoversCleared(left)));
        held.record(cleared.into_iter().chain([settled]).collect(), ActorName::Operator)?;
        surplus::set_aside(&dir, to);
        drop(held);
        self.refresh(id);
        surplus::remove_within(&dir, TIDIES);
        self.settled(id)
    }

    /// How a goal stands whose run has just ended; an error where something that it started has not.
    fn settled_and_gone(&self, id: &GoalId) -> Result<Settled, AppError> {
        let settled = self.settled(id)?;
        let left = still_running(&self.state.goal(id).owner());
        match recovery::resisting(&left) {
            // Another run may have begun already.
            Some(problem) if self.liveness(id)? == Liveness::NoProcess => {
                Err(resists(format!("goal {id} is {}, but {problem}", settled.status), &left))
            }
            Some(_) | None => Ok(settled),
        }
    }

    /// How the goal stands, as a command reports it.
    pub(super) fn settled(&self, id: &GoalId) -> Result<Settled, AppError> {
        let view = self.view(id, None)?;
        let (status, reason, next) = (view.status, view.reason, view.next);
        Ok(Settled { id: id.clone(), status, reason, next, signal: None, obstacle: None })
    }

    /// Takes the goal's lock and opens its journal, where `verb` may act on it.
    pub(super) fn hold(&self, id: &GoalId, verb: Verb) -> Result<Held, AppError> {
        let (opened, state) = self.open_journal(id, verb)?;
        let mut held = Held { journal: Arc::new(opened.journal), state };
        if let Some(torn) = opened.torn {
            held.record(vec![Fact::Supervision(SupervisionFact::TailCut { bytes: torn.bytes })], ActorName::Journal)?;
        }
        Ok(held)
    }

    /// The same, with the journal still closed to others and the torn tail not yet said.
    pub(super) fn open_journal(&self, id: &GoalId, verb: Verb) -> Result<(Opened, GoalState), AppError> {
        let lock = GoalLock::acquire(self.state.goal(id), &this_process()).map_err(|error| self.locked(id, error))?;
        let opened = FileJournal::open(lock)?;
        let state = GoalState::replay(&opened.events);
        let status = state.goal.status.unwrap_or(GoalStatus::Planned);
        if status.allows(verb) {
            return Ok((opened, state));
        }
        let of_slice = |verb: Verb| if verb == Verb::Retry { " --slice SLICE" } else { "" };
        let allowed: Vec<_> = [Verb::Verify, Verb::Review, Verb::Execute, Verb::Resume, Verb::Retry, Verb::Cancel]
            .into_iter()
            .filter(|other| status.allows(*other))
            .map(|verb| format!("omk goal {} {id}{}", verb.as_str(), of_slice(verb)))
            .collect();
        let help = match allowed.as_slice() {
            [] => format!("nothing can act on it any more; look at it with: omk goal show {id}"),
            commands => format!("what can act on it: {}", commands.join(", ")),
        };
        Err(usage(format!("goal {id} is {status} and cannot be taken up by `{}`", verb.as_str()), &[&help]))
    }

    /// Gives a slice attempts again: in the process that runs the goal, or on its journal (then `drive` goes on).
    pub fn retry(&self, id: &GoalId, request: RetryRequest) -> Result<TakenBy, AppError> {
        let RetryRequest { slice, fresh, hint } = request.clone();
        match self.ask_run(id, &ControlRequest::Retry { slice, fresh, hint })? {
            Some(ControlReply::Done) => return Ok(TakenBy::Run),
            Some(reply) => return Err(unforeseen(&reply)),
            None => {}
        }
        let mut held = self.hold(id, Verb::Retry)?;
        let RetryRequest { slice, fresh, hint } = request;
        let facts = retry_at_rest(&held.state.slices, &slice, Again { fresh, hint })
            .map_err(|Refusal { reason, help }| AppError::Usage { message: reason, help })?;
        held.record(facts, ActorName::Operator)?;
        Ok(TakenBy::Journal)
    }

    /// Answers a question: in the process that runs the goal, or on its journal. `id` is the goal of the question.
    pub fn answer(&self, id: &GoalId, question: &str, answer: &str) -> Result<TakenBy, AppError> {
        let request = ControlRequest::Answer { question: question.to_owned(), answer: answer.to_owned() };
        match self.ask_run(id, &request)? {
            Some(ControlReply::Done) => return Ok(TakenBy::Run),
            Some(reply) => return Err(unforeseen(&reply)),
            None => {}
        }
        let mut held = self.hold(id, Verb::Answer)?;
        let asks = |stage: &Stage| matches!(stage, Stage::Asking { question: asked, .. } if asked == question);
        if !held.state.slices.iter().any(|record| asks(&record.stage)) {
            let help = format!("see what it asks: omk goal status {id}");
            return Err(usage(format!("goal {id} has no open question `{question}`"), &[&help]));
        }
        let answered = Fact::Slice(SliceFact::QuestionAnswered { id: question.to_owned(), answer: answer.to_owned() });
        held.record(vec![answered], ActorName::Operator)?;
        drop(held);
        self.refresh(id);
        Ok(TakenBy::Journal)
    }

    /// Every goal of a scope that says `running` and has no process, oldest first.
    pub fn orphans(&self, scope: &Scope) -> Result<Vec<GoalId>, AppError> {
        let goals = self.list(scope)?.goals;
        Ok(goals.into_iter().rev().filter(|goal| goal.orphaned).map(|goal| goal.id).collect())
    }
}

fn verb_of(stop: Stop) -> Verb {
    match stop {
        Stop::Pause => Verb::Pause,
        Stop::Cancel => Verb::Cancel,
    }
}

/// A reason, and which process had to be ended for it.
fn with_ending(reason: &str, ended: &str) -> String {
    if ended.is_empty() { reason.to_owned() } else { format!("{reason}; {ended}") }
}

/// What was to end does not.
fn resists(message: String, processes: &[String]) -> AppError {
    let pid = processes.first().and_then(|process| process.split(' ').next()).unwrap_or_default();
    AppError::Infra {
        message,
        help: vec![
            format!(
                "it waits for a disk or a network, is frozen, or is another user's: ps -o pid,user,stat,wchan {pid}"
            ),
            "when it is gone, try again".to_owned(),
        ],
    }
}

/// An answer that no request of that kind has.
pub(super) fn unforeseen(reply: &ControlReply) -> AppError {
    infra(format!("the process that runs the goal answered something else: {reply:?}"))
}

/// The facts by which a run takes up what an earlier one gave up: all of it, unless the operator chose slices with
/// `retry`; or what was given up for a budget that has been raised since.
pub(super) fn reopened(state: &GoalState) -> Vec<Fact> {
    let raised = |slice: &SliceId| {
        let account = Account::Slice(slice.clone());
        state.goal.over_budget.contains_key(slice) && state.budget.exhausted(&account).is_none()
    };
    let wanted = |slice: &SliceId| match state.goal.status {
        Some(GoalStatus::NotReady) => !state.goal.chosen,
        Some(GoalStatus::NeedsMoreBudget) => raised(slice),
        _ => false,
    };
    let given_up = state.slices.iter().filter(|record| matches!(record.stage, Stage::GivenUp { .. }));
    let slices = given_up.map(|record| record.spec.id.clone()).filter(wanted);
    slices.map(|slice| Fact::Slice(SliceFact::SliceReopened { slice, fresh: false, hint: None })).collect()
}
