//! A record of the journal as `--json` streams it, and which slices a record is about.

use serde::Serialize;
use serde_json::Value;

use crate::domain::budget::Account;
use crate::domain::event::{ActorName, Event, Fact};
use crate::domain::evidence::GateScope;
use crate::domain::ids::{AttemptRef, ContentHash, Seq, SliceId, Timestamp};
use crate::domain::review::Subject;

/// A record, one line of NDJSON.
#[derive(Debug, Serialize)]
pub struct EventDocument<'a> {
    schema: &'static str,
    seq: Seq,
    ts: Timestamp,
    #[serde(rename = "type")]
    kind: String,
    actor: ActorName,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Seq>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<&'a AttemptRef>,
    data: Value,
    prev_hash: &'a ContentHash,
    hash: &'a ContentHash,
}

/// The document of a record, schema `omk.event/v1`.
pub fn document(event: &Event) -> EventDocument<'_> {
    let (kind, data) = split(&event.fact);
    EventDocument {
        schema: "omk.event/v1",
        seq: event.seq,
        ts: event.ts,
        kind,
        actor: event.actor,
        cause: event.cause,
        attempt: event.attempt.as_ref(),
        data,
        prev_hash: &event.prev_hash,
        hash: &event.hash,
    }
}

/// A fact's name and its fields, as they stand in the journal.
fn split(fact: &Fact) -> (String, Value) {
    match serde_json::to_value(fact) {
        Ok(Value::Object(fields)) => fields.into_iter().next().unwrap_or_default(),
        Ok(other) => (other.as_str().unwrap_or_default().to_owned(), Value::Null),
        Err(cause) => ("unreadable".to_owned(), Value::String(cause.to_string())),
    }
}

/// The name of a fact's kind, as the journal writes it.
pub fn kind(fact: &Fact) -> String {
    split(fact).0
}

/// The slices that a record is about. What a worker records without naming a slice is about its own; any other record
/// has the attempt that it was caused by, which it is not about.
pub fn slices(event: &Event) -> Vec<&SliceId> {
    let named = of_fact(&event.fact);
    match (&event.attempt, event.actor) {
        (Some(attempt), ActorName::Worker) if named.is_empty() => vec![&attempt.slice],
        (Some(_) | None, _) => named,
    }
}

fn of_fact(fact: &Fact) -> Vec<&SliceId> {
    match fact {
        Fact::AttemptOffered { attempt, .. }
        | Fact::AttemptClaimed { attempt, .. }
        | Fact::AttemptFinished { attempt, .. }
        | Fact::LateResultDropped { attempt, .. } => vec![&attempt.slice],
        Fact::SliceAccepted { slice, .. }
        | Fact::SliceReturned { slice, .. }
        | Fact::SliceGivenUp { slice, .. }
        | Fact::SliceUnchanged { slice, .. }
        | Fact::SliceReopened { slice, .. }
        | Fact::SliceSteered { slice, .. }
        | Fact::QuestionAsked { slice, .. }
        | Fact::SliceBlamed { slice, .. }
        | Fact::SliceIntegrated { slice, .. }
        | Fact::UsageRecorded { slice, .. }
        | Fact::BudgetSettled { slice, .. }
        | Fact::GateFinished { scope: GateScope::Attempt { slice, .. }, .. }
        | Fact::ReviewFinished { subject: Subject::Slice { slice, .. }, .. } => vec![slice],
        Fact::BudgetReserved(reservation) => vec![&reservation.slice],
        Fact::BudgetNoticed { account: Account::Slice(slice), .. }
        | Fact::BudgetExhausted { account: Account::Slice(slice), .. }
        | Fact::LimitsSet { account: Account::Slice(slice), .. }
        | Fact::FlakeSeen { scope: GateScope::Attempt { slice, .. }, .. } => vec![slice],
        Fact::WorkerQuarantined(quarantine) => vec![&quarantine.slice],
        Fact::AttemptQuiet(sighting) => vec![&sighting.attempt.slice],
        Fact::BatchFormed { slices, .. } | Fact::IntegrationLost { slices, .. } => slices.iter().collect(),
        Fact::MergeConflicted { slice, with, .. } => std::iter::once(slice).chain(with).collect(),
        Fact::GoalCreated(_)
        | Fact::RunStarted { .. }
        | Fact::PhaseEntered { .. }
        | Fact::StopRequested { .. }
        | Fact::Delivered { .. }
        | Fact::GoalSettled { .. }
        | Fact::PlanAccepted(_)
        | Fact::QuestionAnswered { .. }
        | Fact::WorktreePrepared { .. }
        | Fact::SessionOpened { .. }
        | Fact::AgentReported { .. }
        | Fact::SliceCaptured { .. }
        | Fact::CheckoutChanged { .. }
        | Fact::GateFinished { scope: GateScope::Base | GateScope::Batch { .. } | GateScope::Tip, .. }
        | Fact::ReviewFinished { subject: Subject::Goal { .. }, .. }
        | Fact::FlakeSeen { .. }
        | Fact::RedBefore { .. }
        | Fact::LimitsSet { .. }
        | Fact::BudgetNoticed { .. }
        | Fact::BudgetExhausted { .. }
        | Fact::ActorRestarted { .. }
        | Fact::RestartsExceeded { .. }
        | Fact::ProfileQuarantined(_)
        | Fact::BreakerOpened(_)
        | Fact::BreakerClosed { .. }
        | Fact::BudgetCheckpointed(_)
        | Fact::ClockMoved(_)
        | Fact::LeftoversCleared(_)
        | Fact::TailCut { .. } => Vec::new(),
    }
}
