//! OpenAI, responses.

use serde_json::{Value, json};

use super::super::offer::Arguments;
use super::{Event, Reply};

fn items(reply: &Reply) -> Vec<Value> {
    let mut items = Vec::new();
    if !reply.text.is_empty() {
        items.push(json!({
            "type": "message", "id": format!("msg_{}", reply.n), "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": reply.text, "annotations": []}],
        }));
    }
    items.extend(reply.calls.iter().enumerate().map(|(index, call)| {
        let (kind, field) = match call.arguments {
            Arguments::Fields(_) => ("function_call", "arguments"),
            Arguments::Text(_) => ("custom_tool_call", "input"),
        };
        json!({"type": kind, "id": format!("item_{}_{index}", reply.n), "call_id": reply.call_id(index),
               "name": call.name, "status": "completed", field: call.text()})
    }));
    items
}

fn frame(reply: &Reply, status: &str) -> Value {
    json!({
        "id": format!("resp_{}", reply.n), "object": "response", "created_at": 1, "model": reply.model,
        "status": status, "error": null, "parallel_tool_calls": true, "tool_choice": "auto", "tools": [],
        "output": [], "usage": null,
    })
}

pub(super) fn whole(reply: &Reply) -> Value {
    let counted = reply.counted;
    let mut whole = frame(reply, "completed");
    whole["output"] = items(reply).into();
    whole["usage"] = json!({
        "input_tokens": counted.input, "input_tokens_details": {"cached_tokens": counted.cached},
        "output_tokens": counted.output, "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": counted.input + counted.output,
    });
    whole
}

/// Numbers the events, as the protocol wants.
struct Stream(Vec<Event>);

impl Stream {
    fn say(&mut self, kind: &'static str, mut data: Value) {
        data["type"] = kind.into();
        data["sequence_number"] = self.0.len().into();
        self.0.push(Event::named(kind, &data));
    }

    fn item(&mut self, index: usize, item: &Value) {
        let mut begun = item.clone();
        begun["status"] = "in_progress".into();
        let about = json!({"output_index": index, "item_id": item["id"]});
        let with = |more: Value| {
            let mut all = about.clone();
            more.as_object().into_iter().flatten().for_each(|(name, value)| all[name] = value.clone());
            all
        };
        for field in ["content", "arguments", "input"] {
            match begun.get(field) {
                Some(Value::Array(_)) => begun[field] = json!([]),
                Some(_) => begun[field] = "".into(),
                None => {}
            }
        }
        self.say("response.output_item.added", json!({"output_index": index, "item": begun}));
        if let Some(part) = item["content"].get(0) {
            let empty = json!({"type": "output_text", "text": "", "annotations": []});
            self.say("response.content_part.added", with(json!({"content_index": 0, "part": empty})));
            let text = part["text"].as_str().unwrap_or_default();
            let pieces: Vec<char> = text.chars().collect();
            for piece in pieces.chunks(super::PIECE) {
                let delta: String = piece.iter().collect();
                self.say("response.output_text.delta", with(json!({"content_index": 0, "delta": delta})));
            }
            self.say("response.output_text.done", with(json!({"content_index": 0, "text": text})));
            self.say("response.content_part.done", with(json!({"content_index": 0, "part": part})));
        } else if let Some(arguments) = item.get("arguments") {
            self.say("response.function_call_arguments.delta", with(json!({"delta": arguments})));
            self.say("response.function_call_arguments.done", with(json!({"arguments": arguments})));
        } else if let Some(input) = item.get("input") {
            self.say("response.custom_tool_call_input.delta", with(json!({"delta": input})));
            self.say("response.custom_tool_call_input.done", with(json!({"input": input})));
        }
        self.say("response.output_item.done", json!({"output_index": index, "item": item}));
    }
}

pub(super) fn events(reply: &Reply) -> Vec<Event> {
    let mut stream = Stream(Vec::new());
    stream.say("response.created", json!({"response": frame(reply, "in_progress")}));
    for (index, item) in items(reply).iter().enumerate() {
        stream.item(index, item);
    }
    stream.say("response.completed", json!({"response": whole(reply)}));
    stream.0
}
