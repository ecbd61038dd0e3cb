//! OpenAI, chat completions.

use serde_json::{Value, json};

use super::{Event, Reply};

fn usage(reply: &Reply) -> Value {
    let counted = reply.counted;
    json!({
        "prompt_tokens": counted.input,
        "completion_tokens": counted.output,
        "total_tokens": counted.input + counted.output,
        "prompt_tokens_details": {"cached_tokens": counted.cached},
    })
}

fn finish(reply: &Reply) -> &'static str {
    if reply.calls.is_empty() { "stop" } else { "tool_calls" }
}

pub(super) fn whole(reply: &Reply) -> Value {
    let calls = reply.calls.iter().enumerate().map(|(index, call)| {
        json!({"id": reply.call_id(index), "type": "function", "function": {"name": call.name, "arguments": call.text()}})
    });
    let calls: Vec<Value> = calls.collect();
    let mut message = json!({"role": "assistant", "content": reply.text});
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    json!({
        "id": format!("chatcmpl-{}", reply.n), "object": "chat.completion", "created": 1, "model": reply.model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish(reply)}], "usage": usage(reply),
    })
}

pub(super) fn events(reply: &Reply) -> Vec<Event> {
    let chunk = |choices: Value| {
        json!({"id": format!("chatcmpl-{}", reply.n), "object": "chat.completion.chunk", "created": 1,
               "model": reply.model, "choices": choices})
    };
    let delta = |delta: Value| Event::plain(&chunk(json!([{"index": 0, "delta": delta, "finish_reason": null}])));
    let mut events = vec![delta(json!({"role": "assistant", "content": ""}))];
    events.extend(reply.pieces().into_iter().map(|piece| delta(json!({"content": piece}))));
    for (index, call) in reply.calls.iter().enumerate() {
        let begin = json!({"index": index, "id": reply.call_id(index), "type": "function",
                           "function": {"name": call.name, "arguments": ""}});
        events.push(delta(json!({"tool_calls": [begin]})));
        for part in halves(&call.text()) {
            events.push(delta(json!({"tool_calls": [{"index": index, "function": {"arguments": part}}]})));
        }
    }
    events.push(Event::plain(&chunk(json!([{"index": 0, "delta": {}, "finish_reason": finish(reply)}]))));
    let mut last = chunk(json!([]));
    last["usage"] = usage(reply);
    events.push(Event::plain(&last));
    events.push(Event { name: None, data: "[DONE]".to_owned() });
    events
}

/// A text in two parts: arguments come in pieces from every provider.
fn halves(text: &str) -> [String; 2] {
    let middle = text.chars().count() / 2;
    [text.chars().take(middle).collect(), text.chars().skip(middle).collect()]
}
