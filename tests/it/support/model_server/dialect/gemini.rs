//! Google, generateContent.

use serde_json::{Value, json};

use super::{Event, Reply};

fn parts(reply: &Reply) -> Vec<Value> {
    let text = (!reply.text.is_empty()).then(|| json!({"text": reply.text}));
    let calls = reply.calls.iter().enumerate();
    let calls = calls.map(
        |(index, call)| json!({"functionCall": {"id": reply.call_id(index), "name": call.name, "args": call.fields()}}),
    );
    text.into_iter().chain(calls).collect()
}

fn response(reply: &Reply, parts: &[Value], last: bool) -> Value {
    let counted = reply.counted;
    let mut candidate = json!({"content": {"role": "model", "parts": parts}, "index": 0});
    let mut all = json!({"modelVersion": reply.model, "responseId": format!("response-{}", reply.n)});
    if last {
        candidate["finishReason"] = "STOP".into();
        all["usageMetadata"] = json!({
            "promptTokenCount": counted.input, "cachedContentTokenCount": counted.cached,
            "candidatesTokenCount": counted.output, "totalTokenCount": counted.input + counted.output,
        });
    }
    all["candidates"] = json!([candidate]);
    all
}

pub(super) fn whole(reply: &Reply) -> Value {
    response(reply, &parts(reply), true)
}

pub(super) fn events(reply: &Reply, disturbed: bool) -> Vec<Event> {
    let parts = parts(reply);
    let count = parts.len();
    let nothing = disturbed.then(|| response(reply, &[json!({"text": ""})], false));
    let all = parts.into_iter().enumerate().map(|(index, part)| response(reply, &[part], index + 1 == count));
    nothing.into_iter().chain(all).map(|chunk| Event::plain(&chunk)).collect()
}
