//! The agent's tools: what sort of call each is, and what it touches.

use std::path::PathBuf;

use serde_json::Value;

use crate::agents::policy::ToolCall;

/// A call as far as it can be judged. A tool that is not known is judged by the command or the paths that it names.
pub(super) fn call(tool: &str, input: &Value) -> ToolCall {
    let text = |name: &str| input.get(name).and_then(Value::as_str);
    let kind = match tool {
        "WriteFile" | "StrReplaceFile" => "edit",
        "Shell" => "execute",
        "ReadFile" | "ReadMediaFile" => "read",
        "Glob" | "Grep" => "search",
        "FetchURL" | "SearchWeb" => "fetch",
        "Agent" | "SetTodoList" | "TaskList" | "TaskOutput" | "TaskStop" | "Think" => "think",
        _ => "other",
    };
    let command = text("command").filter(|_| matches!(kind, "execute" | "other")).map(str::to_owned);
    let paths = ["path", "file_path"].iter().filter_map(|name| text(name)).map(PathBuf::from).collect();
    // Its shell begins each command in the worktree.
    ToolCall { kind: kind.to_owned(), command, cwd: Some(PathBuf::new()), paths }
}

/// What a request for approval shows of a call: the files that it changes, or its command.
pub(super) fn shown(tool: &str, display: &Value) -> ToolCall {
    let blocks = || display.as_array().into_iter().flatten();
    let text = |name: &'static str| blocks().filter_map(move |block| block.get(name).and_then(Value::as_str));
    let mut paths: Vec<PathBuf> = text("path").map(PathBuf::from).collect();
    paths.dedup();
    let command = text("command").next().map(str::to_owned);
    ToolCall { command, paths, ..call(tool, &Value::Null) }
}

/// A call in one line.
pub(super) fn title(tool: &str, input: &Value) -> String {
    let about = ["command", "path", "pattern", "url", "query", "description"];
    match about.iter().find_map(|name| input.get(*name)?.as_str()) {
        Some(about) => format!("{tool}: {about}"),
        None => tool.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(kind: &str, command: Option<&str>, paths: &[&str]) -> ToolCall {
        let paths = paths.iter().map(PathBuf::from).collect();
        ToolCall { kind: kind.into(), command: command.map(str::to_owned), cwd: Some(PathBuf::new()), paths }
    }

    #[test]
    fn a_call_is_judged_by_what_its_tool_does() {
        assert_eq!(call("WriteFile", &json!({"path": "a", "content": "x"})), judged("edit", None, &["a"]));
        assert_eq!(call("Shell", &json!({"command": "make"})), judged("execute", Some("make"), &[]));
        assert_eq!(call("ReadFile", &json!({"path": "/etc/x"})), judged("read", None, &["/etc/x"]));
        assert_eq!(call("mcp", &json!({"command": "x", "file_path": "y"})), judged("other", Some("x"), &["y"]));
        assert_eq!(title("Shell", &json!({"command": "make"})), "Shell: make");
    }

    #[test]
    fn an_approval_shows_what_is_asked_for() {
        let diff = json!([{"type": "diff", "path": "/w/a"}, {"type": "diff", "path": "/w/a"}]);
        assert_eq!(shown("StrReplaceFile", &diff), judged("edit", None, &["/w/a"]));
        let shell = json!([{"type": "shell", "language": "bash", "command": "git push"}]);
        assert_eq!(shown("Shell", &shell), judged("execute", Some("git push"), &[]));
    }
}
