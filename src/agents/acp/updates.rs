//! What an agent lets us see while it works: `session/update`.
//!
//! Reads tolerantly: an update of an unknown kind is a sign of life and nothing else; so is one of a session that was
//! given up. Those of sessions that nobody here has opened are subagents'.

use std::path::PathBuf;

use serde_json::Value;

use super::usage::{of_message, session_cost};
use crate::agents::claude::Quota;
use crate::agents::policy::ToolCall;
use crate::agents::scene::{Scene, State};
use crate::agents::wait::until;
use crate::domain::budget::Usage;

/// Takes one notification's parameters.
pub(super) fn take(scene: &Scene, params: &Value) {
    let Some(update) = params.get("update") else { return };
    let state = &mut *scene.lock();
    state.narrative.alive();
    let of_the_past =
        state.abandoned.is_some() && params.get("sessionId").and_then(Value::as_str) == state.abandoned.as_deref();
    if state.replaying || of_the_past {
        return;
    }
    match text(update, "sessionUpdate") {
        "agent_message_chunk" => {
            let piece = update.pointer("/content/text").and_then(Value::as_str).unwrap_or_default();
            state.says(piece);
            noted(scene, state, update);
        }
        "agent_thought_chunk" => {
            state.astir = true;
            noted(scene, state, update);
        }
        "plan" => state.astir = true,
        "tool_call" | "tool_call_update" => tool(state, update),
        "usage_update" => {
            cost(state, update);
            quota(state, update);
        }
        "session_info_update" => trouble(scene, state, update),
        _ => {}
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn tool(state: &mut State, update: &Value) {
    let id = text(update, "toolCallId");
    let begins = text(update, "sessionUpdate") == "tool_call";
    if begins {
        state.calls.begin(id, tool_call(update));
    } else if !state.calls.learn(id, tool_call(update)) {
        return;
    }
    state.acts();
    let title = text(update, "title");
    match text(update, "status") {
        status @ ("completed" | "failed") => {
            if !title.is_empty() && begins {
                state.narrative.tool(id, title);
            }
            state.narrative.tool_ended(id, status);
            state.calls.end(id);
        }
        _ if !title.is_empty() => state.narrative.tool(id, title),
        _ => {}
    }
}

/// What an update or a request for permission tells about a tool call.
pub(super) fn tool_call(call: &Value) -> ToolCall {
    let input = call.get("rawInput");
    let command = input.and_then(|input| input.get("command")).and_then(command_line);
    let each = |list: &str| call.get(list).and_then(Value::as_array).into_iter().flatten();
    let diffs = each("content").filter(|part| text(part, "type") == "diff").map(|part| text(part, "path"));
    let locations = each("locations").map(|location| text(location, "path"));
    let inputs =
        ["file_path", "filePath", "filepath", "path", "notebook_path"].map(|name| input.map_or("", |i| text(i, name)));
    let mut paths: Vec<PathBuf> =
        diffs.chain(locations).chain(inputs).filter(|path| !path.is_empty()).map(PathBuf::from).collect();
    paths.sort();
    paths.dedup();
    let cwd = ["cwd", "workdir"].iter().find_map(|name| input?.get(name)?.as_str()).map(PathBuf::from);
    ToolCall { kind: text(call, "kind").to_owned(), command, cwd, paths }
}

/// A command as one line: agents give a line, or words.
fn command_line(command: &Value) -> Option<String> {
    match command {
        Value::String(line) => Some(line.clone()),
        Value::Array(words) => {
            let words: Vec<_> = words.iter().filter_map(Value::as_str).map(quote).collect();
            Some(words.join(" "))
        }
        _ => None,
    }
}

/// A word as the shell reads it back.
pub(super) fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@%+,".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// Some say with a message what its call of the model used.
fn noted(scene: &Scene, state: &mut State, update: &Value) {
    if let Some((usage, model)) = of_message(update, &scene.profile.quirks) {
        state.notes(usage, model);
    }
}

/// The total of the session grows; what it grew by was used.
fn cost(state: &mut State, update: &Value) {
    let Some(total) = session_cost(update) else { return };
    // A process that does not go on with the sum of the one before begins with less.
    if !std::mem::replace(&mut state.cost_told, true) && total < state.cost_micros {
        state.cost_micros = 0;
    }
    let more = total.saturating_sub(state.cost_micros);
    state.cost_micros = state.cost_micros.max(total);
    if more > 0 {
        let model = update.pointer("/_meta/_claude~1model").and_then(Value::as_str).map(str::to_owned);
        state.narrative.used(Usage { usd_micros: Some(more), ..Usage::default() }, None, model);
    }
}

/// Claude tells of the account's quota when it changes.
fn quota(state: &mut State, update: &Value) {
    if let Some(info) = update.pointer("/_meta/_claude~1rateLimit") {
        state.refused_until = Quota::read(info).refused_until();
    }
}

/// Codex tells of trouble with its model, and that it tries again.
fn trouble(scene: &Scene, state: &mut State, update: &Value) {
    let Some(error) = update.pointer("/_meta/codex/error") else { return };
    let mut words = text(error, "message").to_owned();
    if let Some(details) = error.get("additionalDetails").and_then(Value::as_str) {
        words = format!("{words}: {details}");
    }
    let until = until(&words, &Value::Null, scene.here());
    state.trouble(&scene.profile, words, until);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_call_is_read_from_what_each_agent_shows_of_it() {
        let call = |value: Value| tool_call(&value);
        assert_eq!(
            call(json!({"kind": "edit", "rawInput": {"file_path": "/w/a", "content": "x"},
                "content": [{"type": "diff", "path": "/w/a", "newText": "x"}], "locations": [{"path": "/w/b"}]})),
            ToolCall { kind: "edit".into(), paths: vec!["/w/a".into(), "/w/b".into()], ..ToolCall::default() }
        );
        assert_eq!(
            call(json!({"kind": "execute", "rawInput": {"command": ["bash", "-lc", "git push"], "cwd": "/w"}})),
            ToolCall {
                kind: "execute".into(),
                command: Some("bash -lc 'git push'".into()),
                cwd: Some("/w".into()),
                paths: vec![]
            }
        );
        assert_eq!(call(json!({})), ToolCall::default());
    }
}
