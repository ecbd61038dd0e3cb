//! One line of Claude Code, read tolerantly: what is missing is empty, what is unknown is nothing.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use super::quota::Quota;

/// A line, as far as it matters.
#[derive(Debug)]
pub(super) enum Line {
    Init {
        session: String,
    },
    Said(Said),
    /// An answer of the model begins; what its input costs is known.
    Begun {
        id: String,
        model: String,
        usage: Value,
    },
    /// It goes on; what its output costs is known better.
    Counted {
        id: String,
        usage: Value,
    },
    /// These tool calls have ended.
    Results(Vec<String>),
    Retry(Retry),
    Denied {
        tool: String,
        message: String,
    },
    Limit(Quota),
    Control {
        id: String,
        control: Control,
    },
    /// A question of its is taken back.
    Withdrawn {
        id: String,
    },
    /// The answer to a request of ours.
    Answered {
        id: String,
        error: Option<String>,
    },
    /// What became of a prompt that we gave an id.
    Prompt {
        id: String,
        queued: bool,
        begun: bool,
    },
    Result(Outcome),
    Other,
}

/// A message of the model's, or a part of one.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) id: String,
    pub(super) model: String,
    pub(super) usage: Value,
    pub(super) blocks: Vec<Block>,
    /// The kind of an error, where the program itself speaks in the model's place.
    pub(super) error: Option<String>,
}

#[derive(Debug)]
pub(super) enum Block {
    Text(String),
    Call { id: String, tool: String, input: Value },
}

#[derive(Debug)]
pub(super) enum Control {
    Hook { tool: String, input: Value, cwd: Option<PathBuf> },
    Permission { tool: String, input: Value },
    Unknown { subtype: String },
}

/// A request to its model failed, and it tries again.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Retry {
    pub(super) attempt: u64,
    #[serde(rename = "max_retries")]
    pub(super) most: u64,
    #[serde(rename = "retry_delay_ms", deserialize_with = "whole")]
    pub(super) delay_ms: u64,
    #[serde(rename = "error_status")]
    pub(super) status: Option<u64>,
    pub(super) error: String,
}

fn whole<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value.as_u64().or_else(|| value.as_f64().map(|ms| ms.max(0.0) as u64)).unwrap_or_default())
}

/// The end of a turn.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Outcome {
    pub(super) subtype: String,
    pub(super) is_error: bool,
    pub(super) result: Option<String>,
    pub(super) errors: Vec<Value>,
    #[serde(rename = "api_error_status")]
    pub(super) status: Option<u64>,
    /// Of the process so far, in US dollars; with what the session had cost when an earlier process of it ended.
    #[serde(rename = "total_cost_usd")]
    pub(super) usd: Option<f64>,
    /// Of the process so far, by model.
    #[serde(rename = "modelUsage")]
    pub(super) models: serde_json::Map<String, Value>,
    /// Of this process since its last result, by model; recent versions say it.
    #[serde(rename = "model_usage_since_last_result")]
    pub(super) since: Option<serde_json::Map<String, Value>>,
}

impl Line {
    /// Reads a line.
    pub(super) fn read(line: &[u8]) -> Self {
        if !line.trim_ascii_start().starts_with(b"{") {
            return Self::Other;
        }
        let Ok(value) = serde_json::from_slice::<Value>(line) else { return Self::Other };
        match (text(&value["type"]).as_str(), value["subtype"].as_str()) {
            ("assistant", _) => said(&value),
            ("user", _) => Self::Results(results(&value["message"]["content"])),
            ("stream_event", _) => streamed(&value),
            ("system", Some("init")) => Self::Init { session: text(&value["session_id"]) },
            ("system", Some("api_retry")) => serde_json::from_value(value).map_or(Self::Other, Self::Retry),
            ("system", Some("permission_denied")) => {
                Self::Denied { tool: text(&value["tool_name"]), message: text(&value["message"]) }
            }
            ("rate_limit_event", _) => Self::Limit(Quota::read(&value["rate_limit_info"])),
            ("control_request", _) => {
                Self::Control { id: text(&value["request_id"]), control: control(&value["request"]) }
            }
            ("control_cancel_request", _) => Self::Withdrawn { id: text(&value["request_id"]) },
            ("control_response", _) => {
                let response = &value["response"];
                let error = (response["subtype"] == "error").then(|| text(&response["error"]));
                Self::Answered { id: text(&response["request_id"]), error }
            }
            ("command_lifecycle", _) => Self::Prompt {
                id: text(&value["command_uuid"]),
                queued: value["state"] == "queued",
                begun: value["state"] == "started",
            },
            // A result that cannot be read is an end all the same, and no good one.
            ("result", _) => Self::Result(serde_json::from_value(value).unwrap_or_else(|error| Outcome {
                is_error: true,
                result: Some(format!("its result cannot be read: {error}")),
                ..Outcome::default()
            })),
            _ => Self::Other,
        }
    }
}

fn said(value: &Value) -> Line {
    let message = &value["message"];
    let blocks = message["content"].as_array().into_iter().flatten().filter_map(block).collect();
    Line::Said(Said {
        id: text(&message["id"]),
        model: text(&message["model"]),
        usage: message["usage"].clone(),
        blocks,
        error: value["error"].as_str().map(str::to_owned),
    })
}

fn block(block: &Value) -> Option<Block> {
    match block["type"].as_str()? {
        "text" => Some(Block::Text(text(&block["text"]))),
        "tool_use" => {
            Some(Block::Call { id: text(&block["id"]), tool: text(&block["name"]), input: block["input"].clone() })
        }
        _ => None,
    }
}

fn results(content: &Value) -> Vec<String> {
    content
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|part| part["tool_use_id"].as_str())
        .map(str::to_owned)
        .collect()
}

fn streamed(value: &Value) -> Line {
    let event = &value["event"];
    match event["type"].as_str() {
        Some("message_start") => {
            let message = &event["message"];
            Line::Begun { id: text(&message["id"]), model: text(&message["model"]), usage: message["usage"].clone() }
        }
        Some("message_delta") => Line::Counted { id: text(&value["api_message_id"]), usage: event["usage"].clone() },
        _ => Line::Other,
    }
}

fn control(request: &Value) -> Control {
    match request["subtype"].as_str() {
        Some("hook_callback") => {
            let input = &request["input"];
            let cwd = input["cwd"].as_str().map(PathBuf::from);
            Control::Hook { tool: text(&input["tool_name"]), input: input["tool_input"].clone(), cwd }
        }
        Some("can_use_tool") => {
            Control::Permission { tool: text(&request["tool_name"]), input: request["input"].clone() }
        }
        other => Control::Unknown { subtype: other.unwrap_or_default().to_owned() },
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
