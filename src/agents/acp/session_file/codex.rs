//! Codex: `<home>/sessions/<year>/<month>/<day>/rollout-<time>-<session>.jsonl`.
//!
//! A line for each call of its model, with what it used, before the tool that it calls begins. Its model is in the line
//! that begins each turn. Not in it: its subagents, whose sessions have names of their own.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Found, children, noted, of_kind, tokens};

/// The files of a session. `known` are those that were found before.
pub(super) fn files(home: &Path, session: &str, known: &[&PathBuf]) -> Vec<PathBuf> {
    let ending = format!("-{session}.jsonl");
    let is_ours = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("rollout-") && name.ends_with(&ending)
    };
    let found: Vec<PathBuf> = known.iter().filter(|file| is_ours(file)).map(|file| file.to_path_buf()).collect();
    if !found.is_empty() {
        return found;
    }
    let below = |dirs: Vec<PathBuf>| -> Vec<PathBuf> { dirs.iter().flat_map(|dir| children(dir)).collect() };
    let days = below(below(children(&home.join("sessions"))));
    below(days).into_iter().filter(is_ours).collect()
}

/// The call of the model that a line tells of, or the model of those that follow.
pub(super) fn line(line: &[u8]) -> Option<Found> {
    if let Some(turn) = of_kind(line, "turn_context") {
        return turn.pointer("/payload/model").and_then(Value::as_str).map(|model| Found::Model(model.to_owned()));
    }
    let record = of_kind(line, "token_usage_record")?;
    let payload = record.get("payload")?;
    let usage = tokens(payload.get("usage")?, &["input_tokens"], "cached_input_tokens", &["output_tokens"]);
    noted(usage, payload, "response_id", record.get("timestamp").unwrap_or(&Value::Null))
}
