//! What the result of a turn means. `is_error` decides: `subtype` says `success` of requests that failed as well.

use serde_json::json;

use super::line::Outcome;
use crate::agents::provider::{Refusal, refusal, refusal_in};
use crate::domain::agent::AgentEnd;
use crate::domain::ids::Timestamp;
use crate::process::sanitise::sanitise;

/// How the turn ended. `error` is the kind of the last error that the program named.
pub(super) fn ending(outcome: &Outcome, error: Option<&str>, until: Option<Timestamp>) -> AgentEnd {
    if !outcome.is_error {
        return AgentEnd::Finished;
    }
    let words = sanitise(words(outcome).as_bytes());
    let detail = match error.filter(|kind| !words.contains(kind) && refusal_in(&words).is_none()) {
        Some(kind) if refusal_in(kind).is_some() => format!("{kind}: {words}"),
        Some(_) | None => words,
    };
    match refusal(&detail, &json!({"status": outcome.status, "type": error})) {
        Some(Refusal::Limit) => AgentEnd::Limited { provider: None, until, detail },
        Some(Refusal::Billing | Refusal::Login | Refusal::Model) => AgentEnd::Unavailable { detail },
        None => AgentEnd::Failed { detail },
    }
}

/// Whether the provider takes no requests for now.
pub(super) fn is_limit(status: Option<u64>, error: Option<&str>) -> bool {
    matches!(status, Some(429 | 529)) || matches!(error, Some("rate_limit" | "overloaded"))
}

fn words(outcome: &Outcome) -> String {
    let errors = outcome.errors.iter().map(|error| match error.as_str() {
        Some(text) => text.to_owned(),
        None => error.to_string(),
    });
    let all: Vec<_> = outcome.result.iter().filter(|text| !text.is_empty()).cloned().chain(errors).collect();
    if all.is_empty() { outcome.subtype.clone() } else { all.join("\n") }
}
