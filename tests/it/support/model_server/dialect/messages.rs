//! Anthropic, messages.

use serde_json::{Value, json};

use super::{Event, Reply};

/// What was put into the cache: input that is told apart.
const WRITTEN: u64 = 5;

fn usage(reply: &Reply, output: u64) -> Value {
    let counted = reply.counted;
    json!({
        "input_tokens": counted.input - counted.cached - WRITTEN,
        "cache_creation_input_tokens": WRITTEN,
        "cache_read_input_tokens": counted.cached,
        "output_tokens": output,
    })
}

fn blocks(reply: &Reply) -> Vec<Value> {
    let text = (!reply.text.is_empty()).then(|| json!({"type": "text", "text": reply.text}));
    let calls = reply.calls.iter().enumerate();
    let calls = calls.map(
        |(index, call)| json!({"type": "tool_use", "id": reply.call_id(index), "name": call.name, "input": call.fields()}),
    );
    text.into_iter().chain(calls).collect()
}

fn stop(reply: &Reply) -> &'static str {
    if reply.calls.is_empty() { "end_turn" } else { "tool_use" }
}

fn frame(reply: &Reply) -> Value {
    json!({"id": format!("msg_{}", reply.n), "type": "message", "role": "assistant", "model": reply.model,
           "content": [], "stop_reason": null, "stop_sequence": null})
}

pub(super) fn whole(reply: &Reply) -> Value {
    let mut whole = frame(reply);
    whole["content"] = blocks(reply).into();
    whole["stop_reason"] = stop(reply).into();
    whole["usage"] = usage(reply, reply.counted.output);
    whole
}

pub(super) fn events(reply: &Reply) -> Vec<Event> {
    let mut events = Vec::new();
    let mut say = |kind: &'static str, mut data: Value| {
        data["type"] = kind.into();
        events.push(Event::named(kind, &data));
    };
    let mut first = frame(reply);
    first["usage"] = usage(reply, 1);
    say("message_start", json!({"message": first}));
    for (index, block) in blocks(reply).into_iter().enumerate() {
        let mut empty = block.clone();
        let mut deltas = Vec::new();
        if block["type"] == "text" {
            empty["text"] = "".into();
            deltas.extend(reply.pieces().into_iter().map(|piece| json!({"type": "text_delta", "text": piece})));
        } else {
            empty["input"] = json!({});
            deltas.push(json!({"type": "input_json_delta", "partial_json": block["input"].to_string()}));
        }
        say("content_block_start", json!({"index": index, "content_block": empty}));
        deltas.into_iter().for_each(|delta| say("content_block_delta", json!({"index": index, "delta": delta})));
        say("content_block_stop", json!({"index": index}));
    }
    let end = json!({"stop_reason": stop(reply), "stop_sequence": null});
    say("message_delta", json!({"delta": end, "usage": {"output_tokens": reply.counted.output}}));
    say("message_stop", json!({}));
    events
}
