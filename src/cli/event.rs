//! A record of the journal as `--json` streams it, and which slices a record is about.

use serde::Serialize;
use serde_json::Value;

use crate::domain::budget::Account;
use crate::domain::event::{ActorName, Event};
use crate::domain::evidence::GateScope;
use crate::domain::fact::{AttemptFact, BudgetFact, Fact, GateFact, MergeFact, ReviewFact, SliceFact, SupervisionFact};
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
        Fact::Slice(fact) => of_slice(fact).into_iter().collect(),
        Fact::Attempt(fact) => of_attempt(fact).into_iter().collect(),
        Fact::Gate(fact) => of_gate(fact).into_iter().collect(),
        Fact::Merge(fact) => of_merge(fact),
        Fact::Review(ReviewFact::ReviewFinished { subject, .. }) => match subject {
            Subject::Slice { slice, .. } => vec![slice],
            Subject::Goal { .. } => Vec::new(),
        },
        Fact::Budget(fact) => of_budget(fact).into_iter().collect(),
        Fact::Supervision(fact) => match fact {
            SupervisionFact::WorkerQuarantined(quarantine) => vec![&quarantine.slice],
            SupervisionFact::ProfileQuarantined(_)
            | SupervisionFact::BreakerOpened(_)
            | SupervisionFact::BreakerClosed { .. }
            | SupervisionFact::LeftoversCleared(_)
            | SupervisionFact::ActorRestarted { .. }
            | SupervisionFact::RestartsExceeded { .. }
            | SupervisionFact::TailCut { .. } => Vec::new(),
        },
        Fact::Goal(_) | Fact::Plan(_) => Vec::new(),
    }
}

fn of_slice(fact: &SliceFact) -> Option<&SliceId> {
    match fact {
        SliceFact::SliceAccepted { slice, .. }
        | SliceFact::SliceReturned { slice, .. }
        | SliceFact::SliceGivenUp { slice, .. }
        | SliceFact::SliceUnchanged { slice, .. }
        | SliceFact::SliceReopened { slice, .. }
        | SliceFact::SliceSteered { slice, .. }
        | SliceFact::QuestionAsked { slice, .. } => Some(slice),
        SliceFact::QuestionAnswered { .. } => None,
    }
}

fn of_attempt(fact: &AttemptFact) -> Option<&SliceId> {
    match fact {
        AttemptFact::AttemptOffered { attempt, .. }
        | AttemptFact::AttemptClaimed { attempt, .. }
        | AttemptFact::AttemptFinished { attempt, .. }
        | AttemptFact::LateResultDropped { attempt, .. } => Some(&attempt.slice),
        AttemptFact::AttemptQuiet(sighting) => Some(&sighting.attempt.slice),
        AttemptFact::WorktreePrepared { .. }
        | AttemptFact::SessionOpened { .. }
        | AttemptFact::AgentReported { .. }
        | AttemptFact::SliceCaptured { .. }
        | AttemptFact::CheckoutChanged { .. } => None,
    }
}

fn of_gate(fact: &GateFact) -> Option<&SliceId> {
    match fact {
        GateFact::GateFinished { scope, .. } | GateFact::FlakeSeen { scope, .. } => match scope {
            GateScope::Attempt { slice, .. } => Some(slice),
            GateScope::Base | GateScope::Batch { .. } | GateScope::Tip => None,
        },
        GateFact::RedBefore { .. } => None,
    }
}

fn of_merge(fact: &MergeFact) -> Vec<&SliceId> {
    match fact {
        MergeFact::SliceBlamed { slice, .. } | MergeFact::SliceIntegrated { slice, .. } => vec![slice],
        MergeFact::BatchFormed { slices, .. } | MergeFact::IntegrationLost { slices, .. } => slices.iter().collect(),
        MergeFact::MergeConflicted { slice, with, .. } => std::iter::once(slice).chain(with).collect(),
    }
}

fn of_budget(fact: &BudgetFact) -> Option<&SliceId> {
    match fact {
        BudgetFact::UsageRecorded { slice, .. } | BudgetFact::BudgetSettled { slice, .. } => Some(slice),
        BudgetFact::BudgetReserved(reservation) => Some(&reservation.slice),
        BudgetFact::BudgetNoticed { account, .. }
        | BudgetFact::BudgetExhausted { account, .. }
        | BudgetFact::LimitsSet { account, .. } => match account {
            Account::Slice(slice) => Some(slice),
            Account::Goal | Account::Role(_) => None,
        },
        BudgetFact::BudgetCheckpointed(_) | BudgetFact::ClockMoved(_) => None,
    }
}
