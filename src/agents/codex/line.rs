//! One line of `codex exec --json`, read tolerantly: what is missing is empty, what is unknown is nothing.

use serde::Deserialize;

/// A line, as far as it matters.
#[derive(Debug, Deserialize)]
#[serde(from = "Wire")]
pub(super) enum Line {
    Thread { id: String },
    ItemBegun(Item),
    ItemEnded(Item),
    Trouble { message: String },
    TurnOver(Tokens),
    TurnFailed { message: String },
    Other,
}

/// What the thread has used, all turns together.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tokens {
    pub(super) input_tokens: u64,
    pub(super) cached_input_tokens: u64,
    pub(super) output_tokens: u64,
}

/// Something that it does or says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Item {
    pub(super) id: String,
    #[serde(rename = "type")]
    kind: String,
    text: String,
    message: String,
    command: String,
    changes: Vec<Change>,
    server: String,
    tool: String,
    query: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Change {
    path: String,
    kind: serde_json::Value,
}

impl Item {
    /// What it says.
    pub(super) fn words(&self) -> Option<&str> {
        match self.kind.as_str() {
            "agent_message" => Some(&self.text),
            // Not the end of anything: a model that it does not know, a notice.
            "error" => Some(&self.message),
            _ => None,
        }
    }

    /// What it does, as a line.
    pub(super) fn title(&self) -> Option<String> {
        match self.kind.as_str() {
            "command_execution" => Some(self.command.clone()),
            "file_change" => {
                let changes = self.changes.iter();
                let changes = changes.map(|one| format!("{} {}", one.kind.as_str().unwrap_or("change"), one.path));
                Some(changes.collect::<Vec<_>>().join(", "))
            }
            "mcp_tool_call" => Some(format!("{}.{}", self.server, self.tool)),
            "web_search" => Some(format!("search: {}", self.query)),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Wire {
    #[serde(rename = "type")]
    kind: String,
    thread_id: String,
    item: Item,
    message: String,
    usage: Tokens,
    error: Failure,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Failure {
    message: String,
}

impl From<Wire> for Line {
    fn from(wire: Wire) -> Self {
        match wire.kind.as_str() {
            "thread.started" => Self::Thread { id: wire.thread_id },
            "item.started" => Self::ItemBegun(wire.item),
            "item.completed" => Self::ItemEnded(wire.item),
            "error" => Self::Trouble { message: wire.message },
            "turn.completed" => Self::TurnOver(wire.usage),
            "turn.failed" => Self::TurnFailed { message: wire.error.message },
            _ => Self::Other,
        }
    }
}

impl Line {
    /// Reads a line.
    pub(super) fn read(line: &[u8]) -> Self {
        serde_json::from_slice(line).unwrap_or(Self::Other)
    }
}
