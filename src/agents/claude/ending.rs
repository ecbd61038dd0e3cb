//! What the result of a turn means. `is_error` decides: `subtype` says `success` of requests that failed as well.

use super::line::Outcome;
use crate::domain::agent::AgentEnd;
use crate::domain::ids::Timestamp;
use crate::process::sanitise::sanitise;

/// How the turn ended. `error` is the kind of the last error that the program named.
pub(super) fn ending(outcome: &Outcome, error: Option<&str>, until: Option<Timestamp>) -> AgentEnd {
    if !outcome.is_error {
        return AgentEnd::Finished;
    }
    let detail = sanitise(words(outcome).as_bytes());
    if is_limit(outcome.status, error) {
        return AgentEnd::Limited { provider: None, until, detail };
    }
    let refused = matches!(outcome.status, Some(401 | 403));
    let locked_out = matches!(error, Some("authentication_failed" | "billing_error" | "oauth_org_not_allowed"));
    if refused || locked_out { AgentEnd::Unavailable { detail } } else { AgentEnd::Failed { detail } }
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
