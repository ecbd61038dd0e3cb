//! `goal steer`: words for the agent at work on a slice, through the process that runs the goal.
//!
//! Writes nothing itself: without such a process no agent is at work, and what helps instead is said.

use crate::app::Omk;
use crate::app::control::unforeseen;
use crate::app::create::usage;
use crate::app::error::AppError;
use crate::domain::control::{ControlReply, ControlRequest, Refusal, Told};
use crate::domain::goal::{GoalStatus, Verb};
use crate::domain::ids::{GoalId, SliceId};
use crate::workflow::scheduler::operator::{no_such_slice, nobody_at_work};

impl Omk {
    /// Tells the agent at work on a slice something; returns who has it once that is durable.
    pub fn steer(&self, id: &GoalId, slice: &SliceId, text: &str) -> Result<Told, AppError> {
        let request = ControlRequest::Steer { slice: slice.clone(), text: text.to_owned() };
        match self.ask_run(id, &request)? {
            Some(ControlReply::Steered { told }) => Ok(told),
            Some(reply) => Err(unforeseen(&reply)),
            None => Err(self.nobody_to_steer(id, slice)?),
        }
    }

    /// Why nobody can be told anything of a goal that no process runs.
    fn nobody_to_steer(&self, id: &GoalId, slice: &SliceId) -> Result<AppError, AppError> {
        let state = self.state_of(id, None)?;
        let status = state.goal.status.unwrap_or(GoalStatus::Planned);
        if status.is_final() {
            let help = format!("nothing is done on it any more; look at it with: omk goal show {id}");
            return Ok(usage(format!("goal {id} is {status}: no agent works on it"), &[&help]));
        }
        let Some(record) = state.slices.slice(slice) else {
            let Refusal { reason, help } = match state.slices.is_empty() {
                true => Refusal::new(format!("goal {id} has not begun"), [format!("begin it: omk goal resume {id}")]),
                false => no_such_slice(&state.slices, slice),
            };
            return Ok(AppError::Usage { message: reason, help });
        };
        let Refusal { reason, mut help } = nobody_at_work(id, record);
        if !status.allows(Verb::Retry) {
            help.clear();
        }
        help.push(format!("go on with the goal: omk goal resume {id}"));
        Ok(AppError::Usage { message: format!("no process runs goal {id}: {reason}"), help })
    }
}
