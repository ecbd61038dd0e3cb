//! Answers in the protocols of four providers, whole and as streams of events.

mod chat;
mod gemini;
mod messages;
mod responses;

use serde_json::{Value, json};

use super::offer::Call;
use super::{Counted, Dialect};

/// What Gemini CLI wants to know of a model before it asks another.
pub(super) const JUDGEMENT: &str =
    r#"{"reasoning":"scripted","model_choice":"flash","complexity_reasoning":"scripted","complexity_score":1}"#;
/// How long the pieces of a streamed text are, in characters.
const PIECE: usize = 2000;

/// What a model answers.
pub(super) struct Reply {
    /// The number of the request; ids are made of it.
    pub(super) n: u64,
    pub(super) model: String,
    pub(super) text: String,
    pub(super) calls: Vec<Call>,
    pub(super) counted: Counted,
}

impl Reply {
    /// The id of a call.
    fn call_id(&self, index: usize) -> String {
        format!("call_{}_{index}", self.n)
    }

    /// The text in pieces; none of an empty one.
    fn pieces(&self) -> Vec<String> {
        let characters: Vec<char> = self.text.chars().collect();
        characters.chunks(PIECE).map(|piece| piece.iter().collect()).collect()
    }
}

/// An event of a stream.
pub(super) struct Event {
    pub(super) name: Option<&'static str>,
    pub(super) data: String,
}

impl Event {
    fn plain(data: &Value) -> Self {
        Self { name: None, data: data.to_string() }
    }

    fn named(name: &'static str, data: &Value) -> Self {
        Self { name: Some(name), data: data.to_string() }
    }
}

/// Whether a request wants a stream, and of which model.
pub(super) fn manner(dialect: Dialect, path: &str, body: &Value) -> (bool, String) {
    match dialect {
        Dialect::Chat | Dialect::Responses | Dialect::Messages => {
            (body["stream"] == true, body["model"].as_str().unwrap_or_default().to_owned())
        }
        Dialect::Gemini => {
            let last = path.rsplit('/').next().unwrap_or_default();
            let (model, verb) = last.split_once(':').unwrap_or((last, ""));
            (verb.starts_with("stream"), model.to_owned())
        }
    }
}

/// The answer as one document.
pub(super) fn whole(dialect: Dialect, reply: &Reply) -> Value {
    match dialect {
        Dialect::Chat => chat::whole(reply),
        Dialect::Responses => responses::whole(reply),
        Dialect::Messages => messages::whole(reply),
        Dialect::Gemini => gemini::whole(reply),
    }
}

/// The answer as a stream. The first event holds nothing of it where the stream is to be `disturbed` behind it.
pub(super) fn events(dialect: Dialect, reply: &Reply, disturbed: bool) -> Vec<Event> {
    match dialect {
        Dialect::Chat => chat::events(reply),
        Dialect::Responses => responses::events(reply),
        Dialect::Messages => messages::events(reply),
        Dialect::Gemini => gemini::events(reply, disturbed),
    }
}

/// A refusal in the provider's words.
pub(super) fn refusal(dialect: Dialect, status: u16, message: &str) -> Value {
    let kind = match status {
        401 => ("authentication_error", "invalid_api_key", "UNAUTHENTICATED"),
        429 => ("rate_limit_error", "rate_limit_exceeded", "RESOURCE_EXHAUSTED"),
        _ => ("api_error", "server_error", "INTERNAL"),
    };
    match dialect {
        Dialect::Messages => json!({"type": "error", "error": {"type": kind.0, "message": message}}),
        Dialect::Chat | Dialect::Responses => {
            json!({"error": {"message": message, "type": kind.1, "code": kind.1, "param": null}})
        }
        Dialect::Gemini => json!({"error": {"code": status, "message": message, "status": kind.2}}),
    }
}
