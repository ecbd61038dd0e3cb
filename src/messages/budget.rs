//! Worker <-> budget: what may be spent, and what was. Budget <-> scheduler: what the fold of each has to know of the
//! other, and that a slice has spent all that it may.

use actix::{Message, Recipient};
use tokio::sync::oneshot;

use crate::domain::agent::AgentReport;
use crate::domain::budget::{Spender, Usage};
use crate::domain::fact::Fact;
use crate::domain::ids::{AttemptRef, Seq, SliceId};

/// An agent reported use; adds to what it reported before, but for what it reported of the same message.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct UsageSeen {
    /// By whom.
    pub attempt: AttemptRef,
    /// In which role.
    pub role: Spender,
    /// The message of its model that it is about.
    pub id: Option<String>,
    /// The model, in the agent's words.
    pub model: Option<String>,
    /// How much.
    pub usage: Usage,
    /// The record that led to this.
    pub cause: Option<Seq>,
}

/// An agent is about to start: set something aside for it. Answered once that is durable.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Reserve {
    /// Whose agent.
    pub attempt: AttemptRef,
    /// In which role.
    pub role: Spender,
    /// Where the answer goes; `Err` has the reason, one phrase.
    pub reply_to: oneshot::Sender<Result<(), String>>,
}

/// An agent that was let start has ended, and all its processes with it.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Settle {
    /// Whose agent.
    pub attempt: AttemptRef,
    /// In which role.
    pub role: Spender,
    /// What came of it.
    pub report: AgentReport,
}

/// Budget -> scheduler: what a slice has used; handed to the journal just now.
#[derive(Clone, Debug, Message, PartialEq, Eq)]
#[rtype(result = "()")]
pub struct Booked {
    /// `UsageRecorded`.
    pub fact: Fact,
}

/// Scheduler -> budget: a slice gets attempts again; handed to the journal just now.
#[derive(Clone, Debug, Message, PartialEq, Eq)]
#[rtype(result = "()")]
pub struct Reopened {
    /// `SliceReopened`.
    pub fact: Fact,
}

/// Budget -> scheduler: stop the slice's attempt and give the slice up.
#[derive(Clone, Debug, Message, PartialEq, Eq)]
#[rtype(result = "()")]
pub struct SliceExhausted {
    /// The slice.
    pub slice: SliceId,
    /// `BudgetExhausted`, durable by now.
    pub fact: Fact,
    /// The record that says so.
    pub cause: Option<Seq>,
}

/// Where whoever runs agents asks for money and says what was spent.
#[derive(Clone)]
pub struct Purse {
    /// Before an agent.
    pub reserve: Recipient<Reserve>,
    /// While it works.
    pub used: Recipient<UsageSeen>,
    /// After it.
    pub settle: Recipient<Settle>,
}
