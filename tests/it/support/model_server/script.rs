//! The script: a list of steps, each the answer to one request.
//!
//! It stands in a user's message as `<<script [...]>>`, or as `<<script @/path/of/a/file>>`. The newest message that
//! holds one counts, and in it the last one. The step is the number of the assistant's messages after that message.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

/// How a script begins, and ends.
const OPEN: &str = "<<script ";
const CLOSE: &str = ">>";

/// One answer: what is done (nothing: the text `Done.`), and how it is disturbed.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Step {
    /// Calls the agent's tool that writes a file.
    pub(super) write: Option<Write>,
    /// Calls its shell.
    pub(super) shell: Option<String>,
    /// Calls its tool that reads a file.
    pub(super) read: Option<String>,
    /// Calls a tool as it is.
    pub(super) tool: Option<Tool>,
    /// Says something, before the calls where there are any.
    pub(super) text: Option<String>,
    /// Several calls in one answer.
    pub(super) many: Vec<Step>,
    /// Further arguments of the call.
    pub(super) with: Map<String, Value>,
    /// Characters of filler before the text.
    pub(super) pad: usize,
    /// Seconds before the first byte.
    pub(super) delay: f64,
    /// A file that has to be there before the first byte: who tests decides how long the model takes.
    pub(super) hold: Option<PathBuf>,
    /// Seconds of silence after the first event of the stream.
    pub(super) hang: f64,
    /// Cuts the stream after its first event.
    pub(super) drop: bool,
    /// Refuses the request.
    pub(super) error: Option<Trouble>,
}

/// A file with its content.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Write {
    pub(super) path: String,
    pub(super) content: String,
}

/// A tool with its arguments.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tool {
    pub(super) name: String,
    #[serde(default)]
    pub(super) arguments: Value,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Trouble {
    pub(super) status: u16,
    /// How often; for ever where it is not said.
    pub(super) times: Option<u32>,
    /// Seconds, for the header.
    pub(super) retry_after: Option<u32>,
    pub(super) message: Option<String>,
}

/// A script, and what tells it from others.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Script {
    pub(super) source: String,
    pub(super) steps: Vec<Step>,
}

/// The last script of a text; `None` where there is none.
pub(super) fn last_in(text: &str) -> Option<Result<Script, String>> {
    let mut found = None;
    let mut rest = text;
    while let Some(at) = rest.find(OPEN) {
        rest = &rest[at + OPEN.len()..];
        let (read, length) = first(rest);
        rest = &rest[length..];
        found = Some(read);
    }
    found
}

/// The script that a text begins with, and its length.
fn first(text: &str) -> (Result<Script, String>, usize) {
    if let Some(rest) = text.strip_prefix('@') {
        let path = rest.split(CLOSE).next().unwrap_or_default();
        return (from_file(Path::new(path)), 1 + path.len());
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    match values.next() {
        Some(Ok(value)) => {
            let length = values.byte_offset();
            let closed = text[length..].trim_start().starts_with(CLOSE);
            let read = if closed { steps(value, &text[..length]) } else { Err(format!("no `{CLOSE}` behind it")) };
            (read, length)
        }
        Some(Err(error)) => (Err(error.to_string()), 0),
        None => (Err("it is empty".to_owned()), 0),
    }
}

fn from_file(path: &Path) -> Result<Script, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let value = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    steps(value, &text)
}

fn steps(value: Value, source: &str) -> Result<Script, String> {
    let steps = serde_json::from_value(value).map_err(|error| error.to_string())?;
    Ok(Script { source: source.to_owned(), steps })
}
