//! Outside -> scheduler and budget, through the supervisor: what the operator says while a run is under way.
//!
//! Each is answered once what it came to is durable; `Err` has the refusal as the end of "refused: …".

use actix::Message;
use tokio::sync::oneshot;

use crate::domain::budget::{Account, Limits};
use crate::domain::control::{Refusal, Told};
use crate::domain::ids::{AttemptRef, SliceId};
use crate::domain::vitals::Sighting;

/// Control socket -> scheduler: the answer to a question that a slice waits on.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct AnswerQuestion {
    /// The question's id.
    pub question: String,
    /// The answer.
    pub answer: String,
    /// Where the answer goes.
    pub reply_to: oneshot::Sender<Result<(), Refusal>>,
}

/// Control socket -> scheduler: give a slice attempts again.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct RetrySlice {
    /// The slice.
    pub slice: SliceId,
    /// Whether earlier work is left aside.
    pub fresh: bool,
    /// What the next attempt is told.
    pub hint: Option<String>,
    /// Where the answer goes.
    pub reply_to: oneshot::Sender<Result<(), Refusal>>,
}

/// Control socket -> scheduler: tell the agent at work on a slice something. Answered with who has it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct SteerSlice {
    /// The slice.
    pub slice: SliceId,
    /// The operator's words.
    pub text: String,
    /// Where the answer goes.
    pub reply_to: oneshot::Sender<Result<Told, Refusal>>,
}

/// Scheduler -> supervisor -> worker: the operator's words, durable by now, for the agent of an attempt.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct TellAgent {
    /// The attempt.
    pub attempt: AttemptRef,
    /// The operator's words.
    pub text: String,
    /// Where the answer goes.
    pub reply_to: oneshot::Sender<Result<Told, Refusal>>,
}

/// Control socket -> budget: more may be spent. Answered with the limits from now on.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct AddBudget {
    /// By whom.
    pub account: Account,
    /// How much more.
    pub more: Limits,
    /// Where the answer goes.
    pub reply_to: oneshot::Sender<Result<Limits, String>>,
}

/// Control socket -> supervisor: what do the agents do?
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Look {
    /// Where the answer goes: the newest sighting of every attempt under way.
    pub reply_to: oneshot::Sender<Vec<Sighting>>,
}
