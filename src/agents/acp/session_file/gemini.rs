//! Gemini CLI: `<home>/.gemini/tmp/<project>/chats/session-<minute>-<beginning of the session's id>.jsonl`, and its
//! subagents' `chats/<session>/<subagent>.jsonl`.
//!
//! A line for each message of its model, before the tools that it calls begin, and again when they have ended.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Found, children, has_ending, noted, of_kind, open, tokens};

/// How much of a session's id is in the name of its file.
const SHORT: usize = 8;
/// How much of a file is read to learn whose it is, in bytes.
const HEAD: u64 = 64 << 10;

/// The files of a session. `known` are those that were found before: the others are beside them.
pub(super) fn files(home: &Path, session: &str, known: &[&PathBuf]) -> Vec<PathBuf> {
    let short = session.get(..SHORT).unwrap_or(session);
    let ending = format!("-{short}.jsonl");
    let is_ours = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("session-") && name.ends_with(&ending) && (known.contains(&file) || belongs(file, session))
    };
    let found = known.iter().filter(|file| is_ours(file)).find_map(|file| Some(vec![file.parent()?.to_owned()]));
    let all = || children(&home.join(".gemini/tmp")).into_iter().map(|project| project.join("chats")).collect();
    let chats: Vec<PathBuf> = found.unwrap_or_else(all);
    let main = chats.iter().flat_map(|chats| children(chats)).filter(is_ours);
    let below = chats.iter().flat_map(|chats| children(&chats.join(session))).filter(|file| has_ending(file, "jsonl"));
    main.chain(below).collect()
}

/// Whether its first line names the session.
fn belongs(file: &Path, session: &str) -> bool {
    let mut first = Vec::new();
    let read = open(file).and_then(|file| BufReader::new(file.take(HEAD)).read_until(b'\n', &mut first));
    let head: Option<Value> = read.ok().and_then(|_| serde_json::from_slice(&first).ok());
    head.is_some_and(|head| head.get("sessionId").and_then(Value::as_str) == Some(session))
}

/// The call of the model that a line tells of.
pub(super) fn line(line: &[u8]) -> Option<Found> {
    let record = of_kind(line, "gemini")?;
    let usage = tokens(record.get("tokens")?, &["input", "tool"], "cached", &["output", "thoughts"]);
    noted(usage, &record, "id", record.get("timestamp").unwrap_or(&Value::Null))
}
