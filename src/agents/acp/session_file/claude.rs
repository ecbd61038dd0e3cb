//! Claude Code: `<home>/projects/<directory>/<session>.jsonl`, and its subagents' `<session>/subagents/<agent>.jsonl`.
//!
//! A line for each part of a message of its model, with what the whole message used, before the tool that it calls
//! begins. Not in it: calls that it makes for itself, as for the title of a session.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::usage::micros;
use super::{Found, children, has_ending, noted, of_kind, tokens};

/// The files of a session. `known` are those that were found before.
pub(super) fn files(home: &Path, session: &str, known: &[&PathBuf]) -> Vec<PathBuf> {
    let name = format!("{session}.jsonl");
    let found =
        known.iter().find(|file| file.file_name().is_some_and(|it| *it == *name)).map(|file| vec![file.to_path_buf()]);
    let all =
        || children(&home.join("projects")).into_iter().map(|dir| dir.join(&name)).filter(|it| it.is_file()).collect();
    let main: Vec<PathBuf> = found.unwrap_or_else(all);
    let below = |file: &PathBuf| children(&file.with_extension("").join("subagents"));
    let subagents: Vec<_> = main.iter().flat_map(below).filter(|file| has_ending(file, "jsonl")).collect();
    main.into_iter().chain(subagents).collect()
}

/// The call of the model that a line tells of, or what the session cost when a process of it ended: the next one goes
/// on from there.
pub(super) fn line(line: &[u8]) -> Option<Found> {
    if let Some(ended) = of_kind(line, "cost-state") {
        return ended.get("totalCostUSD").and_then(Value::as_f64).and_then(micros).map(Found::Cost);
    }
    let record = of_kind(line, "assistant")?;
    let message = record.get("message")?;
    let inputs = ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"];
    let usage = tokens(message.get("usage")?, &inputs, "cache_read_input_tokens", &["output_tokens"]);
    noted(usage, message, "id", record.get("timestamp").unwrap_or(&Value::Null))
}
