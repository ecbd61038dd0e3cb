//! Kimi Code: `<home>/sessions/<directory>/<session>/agents/<agent>/wire.jsonl`, its subagents' too.
//!
//! It says nowhere else what it used, nor that its model takes no requests: it waits without a word, and ends its turn as
//! if all were well.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Found, children, of_kind, tokens};
use crate::agents::scene::Spent;
use crate::domain::ids::Timestamp;

/// The files of a session.
pub(super) fn files(home: &Path, session: &str) -> Vec<PathBuf> {
    let agents = children(&home.join("sessions")).into_iter().map(|dir| dir.join(session).join("agents"));
    agents.flat_map(|dir| children(&dir)).map(|agent| agent.join("wire.jsonl")).collect()
}

/// What a line at this place says.
pub(super) fn line(line: &[u8], file: &Path, at: u64) -> Vec<Found> {
    let agent = file.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    // A subagent's trouble is not the end of the work.
    let trouble = retry(line).filter(|_| agent == "main");
    record(line, &format!("{agent}:{at}")).into_iter().chain(trouble).collect()
}

/// That a model call failed and is tried again.
fn retry(line: &[u8]) -> Option<Found> {
    let record = of_kind(line, "turn.step.retrying")?;
    let number = |name: &str| record.get(name).and_then(Value::as_u64);
    let words = record.get("errorMessage").and_then(Value::as_str).unwrap_or("its model did not answer");
    let words = match number("statusCode").map(|status| status.to_string()) {
        Some(status) if !words.starts_with(&status) => format!("{status} {words}"),
        Some(_) | None => words.to_owned(),
    };
    let until = number("time").zip(number("delayMs")).map(|(at, wait)| Timestamp(at).plus(wait));
    Some(Found::Trouble(words, until))
}

fn record(line: &[u8], id: &str) -> Option<Found> {
    let record = of_kind(line, "usage.record")?;
    // A session's sums repeat what its turns said.
    if record.get("usageScope").and_then(Value::as_str).unwrap_or("turn") != "turn" {
        return None;
    }
    let counts = record.get("usage").unwrap_or(&record);
    let usage = tokens(counts, &["inputOther", "inputCacheRead", "inputCacheCreation"], "inputCacheRead", &["output"]);
    let model = record.get("model").and_then(Value::as_str).map(str::to_owned);
    Some(Found::Spent(Spent { usage, id: Some(id.to_owned()), model }, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_for_the_model_is_read_with_its_end() {
        let line = |status| {
            format!(
                r#"{{"type":"turn.step.retrying","failedAttempt":1,"delayMs":30000,"errorMessage":"429 slow down","statusCode":{status},"time":1000}}"#
            )
        };
        let until = Some(Timestamp(31_000));
        assert_eq!(retry(line(429).as_bytes()), Some(Found::Trouble("429 slow down".to_owned(), until)));
        assert_eq!(retry(line(500).as_bytes()), Some(Found::Trouble("500 429 slow down".to_owned(), until)));
        assert_eq!(retry(br#"{"type":"other","x":"turn.step.retrying"}"#), None);
    }

    #[test]
    fn sums_of_a_session_are_not_counted_again() {
        let sum = br#"{"type":"usage.record","usageScope":"session","usage":{"inputOther":5}}"#;
        assert_eq!(record(sum, "x"), None);
    }
}
