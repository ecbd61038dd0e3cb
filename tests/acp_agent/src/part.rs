//! What an agent for tests is to do: `FAKE_AGENT`, `{"turns": [[<step>, …], …], …}`, one list of steps a prompt.

use serde::Deserialize;
use serde_json::Value;

/// What the agent is to do.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Part {
    pub(crate) turns: Vec<Vec<Step>>,
    /// It is not logged in.
    pub(crate) logged_out: bool,
    /// It counts tokens.
    pub(crate) usage: bool,
    /// It goes on with every session; `session/load` tells these updates of its past.
    pub(crate) past: Option<Vec<Value>>,
    /// A file that the prompts of its turns are written to.
    pub(crate) prompts: Option<std::path::PathBuf>,
}

/// One thing that it does.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    Say(String),
    Write(String, String),
    Read(String),
    /// A command with its arguments; its output and exit become a message.
    Run(Vec<String>),
    /// The same, left running.
    Leave(Vec<String>),
    /// Asks permission for a tool call; the outcome becomes a message.
    Ask(Value),
    /// An update as it is.
    Update(Value),
    /// Many small updates.
    Chatter(usize),
    /// Waits for words of the operator; they become a message.
    Heed,
    /// Waits until it is cancelled.
    Hang,
    /// Waits, and does not hear that it is cancelled.
    Deaf,
    Stop(String),
    Fail(i32, String),
    Die,
}

impl Part {
    /// The part that this process is to play, if it is to play one.
    pub(crate) fn given() -> Option<Self> {
        let part = std::env::var("FAKE_AGENT").ok()?;
        Some(serde_json::from_str(&part).expect("a part"))
    }

    /// The options that it offers with a request for permission.
    pub(crate) fn options() -> Value {
        serde_json::json!([
            {"optionId": "yes!", "name": "Always", "kind": "allow_always"},
            {"optionId": "yes", "name": "Yes", "kind": "allow_once"},
            {"optionId": "no", "name": "No", "kind": "reject_once"},
        ])
    }

    /// Notes a prompt's text.
    pub(crate) fn note(&self, prompt: &Value) {
        if let Some(file) = &self.prompts {
            let earlier = std::fs::read_to_string(file).unwrap_or_default();
            std::fs::write(file, format!("{earlier}{}\n", prompt[0]["text"])).expect("a file");
        }
    }
}
