//! Claude Code's tools: what sort of call each is, and what it touches.

use std::path::PathBuf;

use serde_json::Value;

use crate::agents::heard::Asked;

/// Where its tools name a file.
const PATHS: &[&str] = &["file_path", "notebook_path", "path"];

/// A call, as far as it can be judged. Whatever has a command runs it.
pub(super) fn asked(request: &str, tool: &str, input: &Value, cwd: Option<PathBuf>) -> Asked {
    let command = input["command"].as_str().map(str::to_owned);
    let kind = match tool {
        _ if command.is_some() => "execute",
        "Write" | "Edit" | "MultiEdit" | "NotebookEdit" => "edit",
        "Read" | "NotebookRead" => "read",
        "Glob" | "Grep" | "LS" => "search",
        "WebFetch" | "WebSearch" => "fetch",
        _ => "other",
    };
    let paths = PATHS.iter().filter_map(|name| input[*name].as_str()).map(PathBuf::from).collect();
    Asked { request: request.to_owned(), tool: tool.to_owned(), kind, command, cwd, paths }
}

/// What a person is asked, where the tool asks one.
pub(super) fn question(tool: &str, input: &Value) -> Option<String> {
    if tool != "AskUserQuestion" {
        return None;
    }
    let questions = input["questions"].as_array().into_iter().flatten().map(|question| {
        let choices = question["options"].as_array().into_iter().flatten().filter_map(|it| it["label"].as_str());
        let choices = choices.collect::<Vec<_>>().join(", ");
        let text = question["question"].as_str().unwrap_or_default();
        if choices.is_empty() { text.to_owned() } else { format!("{text} ({choices})") }
    });
    Some(questions.collect::<Vec<_>>().join("\n"))
}

/// A call in one line.
pub(super) fn title(tool: &str, input: &Value) -> String {
    let about = ["command", "file_path", "notebook_path", "path", "pattern", "url", "query", "description"];
    match about.iter().find_map(|name| input[*name].as_str()) {
        Some(about) => format!("{tool}: {about}"),
        None => tool.to_owned(),
    }
}
