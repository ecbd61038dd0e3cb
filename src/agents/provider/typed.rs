//! The codes of an error: the strings and numbers that its JSON holds under names such as `type`, `code` and `status`.

use serde_json::Value;

/// Names of fields that hold a code in words.
const KINDS: &[&str] = &["type", "code", "status", "reason", "kind", "errorKind", "codexErrorInfo", "error", "__type"];
/// Names of fields that hold an HTTP status.
const STATUSES: &[&str] = &[
    "status",
    "statusCode",
    "status_code",
    "code",
    "httpStatus",
    "http_status",
    "httpStatusCode",
    "api_error_status",
    "error_status",
];
/// The longest code, in bytes: what is longer, or has a space in it, is a sentence.
const LONGEST: usize = 80;
/// How deep an error is searched, and how many objects a text is searched for.
const DEEPEST: usize = 8;
const MOST_OBJECTS: usize = 8;

/// The codes in an error's data and in the JSON objects in its text, each as a clause of its own.
pub(super) fn codes(text: &str, data: &Value) -> String {
    let mut codes = Vec::new();
    collect(data, 0, &mut codes);
    objects(text).iter().for_each(|object| collect(object, 0, &mut codes));
    codes.extend(leading(text));
    codes.join("; ")
}

/// The code that a text begins with, if points join its parts: `Throttling.RateQuota: …`.
fn leading(text: &str) -> Option<String> {
    let code = text.split_whitespace().next()?.trim_matches(|c: char| !c.is_alphanumeric());
    // The last part of a file name is short.
    let joined = code.rsplit_once('.').is_some_and(|(_, last)| last.len() > 4)
        && code.chars().all(|c| c.is_ascii_alphabetic() || matches!(c, '.' | '_' | '-'));
    joined.then(|| code.replace('.', " "))
}

/// The JSON objects in a text.
fn objects(text: &str) -> Vec<Value> {
    let (mut objects, mut rest) = (Vec::new(), text);
    for _ in 0..MOST_OBJECTS {
        let Some(begin) = rest.find('{') else { break };
        let mut read = serde_json::Deserializer::from_str(&rest[begin..]).into_iter::<Value>();
        match read.next() {
            Some(Ok(object)) => {
                objects.push(object);
                rest = &rest[begin + read.byte_offset()..];
            }
            Some(Err(_)) | None => rest = &rest[begin + 1..],
        }
    }
    objects
}

fn collect(value: &Value, depth: usize, codes: &mut Vec<String>) {
    if depth > DEEPEST {
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(code) if KINDS.contains(&name.as_str()) && is_code(code) => codes.push(code.clone()),
                    // Some give the answer's body as a text.
                    Value::String(body) => objects(body).iter().for_each(|it| collect(it, depth + 1, codes)),
                    Value::Number(status) if STATUSES.contains(&name.as_str()) => {
                        codes.push(format!("status {status}"))
                    }
                    Value::Object(_) | Value::Array(_) => collect(field, depth + 1, codes),
                    Value::Number(_) | Value::Bool(_) | Value::Null => {}
                }
            }
        }
        Value::Array(all) => all.iter().for_each(|one| collect(one, depth + 1, codes)),
        Value::String(text) => objects(text).iter().for_each(|it| collect(it, depth + 1, codes)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn is_code(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST && !text.contains(char::is_whitespace)
}
