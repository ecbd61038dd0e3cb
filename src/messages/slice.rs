//! Scheduler <-> worker (through the `WorkPlane`), and scheduler <-> integrator: one slice on its way.

use actix::Message;

use crate::domain::evidence::{ArtifactRef, GateResult};
use crate::domain::fact::Fact;
use crate::domain::ids::{Attempt, AttemptRef, GateName, Seq, SliceId};
use crate::domain::order::{AttemptEnd, LeaseOver};
use crate::domain::task::{Assignment, Capture};

/// Worker -> scheduler: I take this attempt. Answered with what is to be done, once the claim is durable.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Claim {
    /// The attempt.
    pub attempt: AttemptRef,
    /// Where the answer goes.
    pub reply_to: tokio::sync::oneshot::Sender<Result<Assignment, LeaseOver>>,
}

/// Worker -> scheduler: I still work on it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Renew {
    /// The attempt.
    pub attempt: AttemptRef,
    /// Whether the model of its agent has answered.
    pub answered: bool,
    /// Where the answer goes.
    pub reply_to: tokio::sync::oneshot::Sender<Result<(), LeaseOver>>,
}

/// Worker -> scheduler: what I have just handed to the journal.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Progressed {
    /// The attempt.
    pub attempt: AttemptRef,
    /// The fact.
    pub fact: Fact,
}

/// Worker -> scheduler: which tests did a gate name on the base?
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct AskBaseTests {
    /// The gate.
    pub gate: GateName,
    /// Where the answer goes: `None` where it named none, or has not run there yet.
    pub reply_to: tokio::sync::oneshot::Sender<Option<ArtifactRef>>,
}

/// Worker -> scheduler: it is over. Answered once that is durable.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Finish {
    /// The attempt.
    pub attempt: AttemptRef,
    /// What it came to.
    pub end: AttemptEnd,
    /// Where the answer goes.
    pub reply_to: tokio::sync::oneshot::Sender<Result<(), LeaseOver>>,
}

/// Scheduler -> integrator: this attempt may be merged.
#[derive(Clone, Debug, Message, PartialEq, Eq)]
#[rtype(result = "()")]
pub struct Enqueue {
    /// The slice.
    pub slice: SliceId,
    /// Which try.
    pub attempt: Attempt,
    /// What it captured.
    pub capture: Capture,
    /// The verdicts of its gates on the captured tree.
    pub gates: Vec<GateResult>,
    /// The record that led to this.
    pub cause: Option<Seq>,
}

/// Integrator -> scheduler: what became of an enqueued slice. The fact is the integrator's, already durable.
#[derive(Clone, Debug, Message, PartialEq, Eq)]
#[rtype(result = "()")]
pub struct Landed {
    /// `SliceIntegrated`, `MergeConflicted` or `SliceBlamed`; also `GateFinished` on the base or a batch.
    pub fact: Fact,
    /// The record that says so.
    pub cause: Option<Seq>,
}

/// Integrator -> scheduler: our own machinery failed while merging or gating; the queue stands still.
#[derive(Clone, Debug, Message, PartialEq, Eq)]
#[rtype(result = "()")]
pub struct QueueFailed {
    /// What failed.
    pub detail: String,
}
