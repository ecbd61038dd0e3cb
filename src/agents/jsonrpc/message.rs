//! What one line says: a request, a notification, an answer, or something that is no JSON-RPC at all.
//!
//! Reads tolerantly (unknown fields, a missing `jsonrpc`, absent `params`), writes strictly.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Number, Value};
use thiserror::Error;

/// A request that is none.
const INVALID_REQUEST: i64 = -32600;
/// No such method: what every request gets that nobody answers.
pub const METHOD_NOT_FOUND: i64 = -32601;
/// The parameters are not what the method takes.
pub const INVALID_PARAMS: i64 = -32602;
/// Something failed on our side.
pub const INTERNAL: i64 = -32603;

/// What tells a request's answer from others. Numbers and texts are different ids.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Id {
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
    /// None that could be read. Only of our own answers.
    Null,
}

impl Id {
    /// The id without its type: some peers answer a number as a text.
    pub(super) fn key(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
            Self::Null => String::new(),
        }
    }
}

/// An answer that says no.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize)]
#[error("{message} (code {code})")]
pub struct RpcError {
    /// The code, as the protocol defines it; 0 where there is none.
    pub code: i64,
    /// What went wrong.
    pub message: String,
    /// More of it.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub data: Value,
}

impl RpcError {
    /// An error without further data.
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: Value::Null }
    }

    /// That there is no such method.
    pub fn unknown(method: &str) -> Self {
        Self::new(METHOD_NOT_FOUND, format!("method not found: {}", method.escape_debug()))
    }

    /// That a request cannot be answered.
    pub(super) fn unfit() -> Self {
        Self::new(INVALID_REQUEST, "the id of a request is a number or a text")
    }

    /// What somebody said no with, whatever its shape. A code that is no number is one of the words.
    fn heard(error: Value) -> Self {
        let Value::Object(mut fields) = error else { return Self::new(0, plain(error)) };
        let mut take = |name: &str| fields.remove(name).unwrap_or_default();
        let (code, message, data) = (plain(take("code")), plain(take("message")), take("data"));
        let number = code.trim_end_matches(".0").parse::<i64>();
        let rest = if message.is_empty() && !fields.is_empty() { Value::Object(fields).to_string() } else { message };
        let words = [if number.is_err() { code } else { String::new() }, rest];
        let words: Vec<_> = words.into_iter().filter(|part| !part.is_empty()).collect();
        Self { code: number.unwrap_or(0), message: words.join(": "), data }
    }
}

/// A text as it is, nothing as none, anything else as JSON.
fn plain(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// How a request was answered.
pub type Answer = Result<Value, RpcError>;

/// One line, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    Request {
        id: Id,
        method: String,
        params: Value,
    },
    /// A request with an id that is neither a number nor a text.
    Unanswerable,
    Notification {
        method: String,
        params: Value,
    },
    Response {
        id: Option<Id>,
        answer: Answer,
    },
}

/// The line as it is written.
#[derive(Deserialize)]
struct Wire {
    id: Option<Value>,
    method: Option<String>,
    #[serde(default)]
    params: Value,
    /// `null` is a result as well.
    #[serde(default, deserialize_with = "present")]
    result: Option<Value>,
    error: Option<Value>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Reads a line; `None` where it is none of the protocol's.
pub(super) fn read(line: &[u8]) -> Option<Message> {
    if !line.starts_with(b"{") {
        return None;
    }
    let wire: Wire = serde_json::from_slice(line).ok()?;
    let id = wire.id.map(Id::deserialize).transpose();
    match (wire.method, id, wire.error, wire.result) {
        (Some(method), Ok(Some(id)), _, _) => Some(Message::Request { id, method, params: wire.params }),
        (Some(method), Ok(None), _, _) => Some(Message::Notification { method, params: wire.params }),
        (Some(_), Err(_), _, _) => Some(Message::Unanswerable),
        (None, Ok(id), Some(error), _) => Some(Message::Response { id, answer: Err(RpcError::heard(error)) }),
        (None, Ok(id), None, Some(result)) => Some(Message::Response { id, answer: Ok(result) }),
        (None, Ok(_), None, None) | (None, Err(_), _, _) => None,
    }
}

#[derive(Serialize)]
struct Call<'a> {
    jsonrpc: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a Id>,
    method: &'a str,
    params: &'a Value,
}

#[derive(Serialize)]
struct Reply<'a> {
    jsonrpc: &'static str,
    id: &'a Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a RpcError>,
}

/// A request, or a notification where `id` is `None`, as a line without its end.
pub(super) fn call(id: Option<&Id>, method: &str, params: &Value) -> Vec<u8> {
    line(&Call { jsonrpc: "2.0", id, method, params })
}

/// An answer as a line without its end.
pub(super) fn reply(id: &Id, answer: &Answer) -> Vec<u8> {
    line(&Reply { jsonrpc: "2.0", id, result: answer.as_ref().ok(), error: answer.as_ref().err() })
}

#[expect(clippy::expect_used, reason = "values of JSON and texts: nothing in them can fail to be written")]
fn line<T: Serialize>(message: &T) -> Vec<u8> {
    serde_json::to_vec(message).expect("a message is plain JSON")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn number(id: u64) -> Id {
        Id::Number(id.into())
    }

    #[test]
    fn requests_notifications_and_answers_are_told_apart() {
        let read = |line: &str| read(line.as_bytes());
        let request = |id, params| Some(Message::Request { id, method: "m".into(), params });
        assert_eq!(read(r#"{"jsonrpc":"2.0","id":7,"method":"m","params":[1]}"#), request(number(7), json!([1])));
        assert_eq!(read(r#"{"id":"a-1","method":"m","more":1}"#), request(Id::Text("a-1".into()), Value::Null));
        let notification = Message::Notification { method: "m".into(), params: json!({}) };
        assert_eq!(read(r#"{"method":"m","params":{}}"#), Some(notification.clone()));
        assert_eq!(read(r#"{"id":null,"method":"m","params":{}}"#), Some(notification));
        let answer = |id, answer| Some(Message::Response { id, answer });
        assert_eq!(read(r#"{"id":1,"result":null}"#), answer(Some(number(1)), Ok(Value::Null)));
        assert_eq!(
            read(r#"{"id":null,"error":{"code":-32700,"message":"no","data":3}}"#),
            answer(None, Err(RpcError { code: -32700, message: "no".into(), data: json!(3) }))
        );
    }

    #[test]
    fn what_is_no_message_of_the_protocol_is_nothing() {
        for line in ["hello", "{", "[]", "{}", r#"{"id":1}"#, r#"{"method":1}"#, r#"{"id":{},"result":1}"#, "3"] {
            assert_eq!(read(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let text = Id::Text("x".into());
        let params = json!({"a": "b\n"});
        let line = call(Some(&text), "m", &params);
        assert!(!line.contains(&b'\n'));
        assert_eq!(read(&line), Some(Message::Request { id: text.clone(), method: "m".into(), params }));
        for answer in [Ok(Value::Null), Err(RpcError::unknown("m"))] {
            let response = Message::Response { id: Some(text.clone()), answer: answer.clone() };
            assert_eq!(read(&reply(&text, &answer)), Some(response));
        }
    }
}
