//! Scheduler or controller -> supervisor -> reviewers, and back.

use std::sync::Arc;

use actix::{Message, Recipient};

use crate::domain::access::AccessSet;
use crate::domain::evidence::GateResult;
use crate::domain::ids::{AttemptRef, CommitId, Seq};
use crate::domain::review::{Review, Role, Subject};
use crate::domain::task::GateSpec;

/// What is to be reviewed, by value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewOrder {
    /// On what the report is.
    pub subject: Subject,
    /// The attempt, where it is one.
    pub attempt: Option<AttemptRef>,
    /// The commit before the change.
    pub from: CommitId,
    /// The commit after it.
    pub to: CommitId,
    /// The rights that the change had; `None` for the whole goal.
    pub access: Option<AccessSet>,
    /// The gates of the plan.
    pub gates: Arc<Vec<GateSpec>>,
    /// Their verdicts on the change, where they were run.
    pub results: Arc<Vec<GateResult>>,
}

/// Scheduler or controller -> supervisor: start a reviewer for each role.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct StartReviewers {
    /// What they look at.
    pub order: ReviewOrder,
    /// Who looks.
    pub roles: Vec<Role>,
    /// Where their reports go.
    pub reply_to: Recipient<Reviewed>,
    /// The record that led to this.
    pub cause: Option<Seq>,
}

/// Reviewer -> whoever asked: the report, already durable.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Reviewed {
    /// On what.
    pub subject: Subject,
    /// The report, or why there is none.
    pub result: Result<Review, String>,
    /// The record that bears it.
    pub cause: Option<Seq>,
}
