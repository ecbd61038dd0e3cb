//! The model server of the tests with real agents, over plain HTTP: what it is asked here is what agents ask it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::model_server::{Counted, Dialect, ModelServer, Outcome};
use crate::support::scene::until;

/// An answer: its status, its header lines, its body.
struct Answered {
    status: u16,
    head: String,
    body: String,
}

impl Answered {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The data of a stream's events that are JSON.
    fn events(&self) -> Vec<Value> {
        self.body
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .filter_map(|data| serde_json::from_str(data).ok())
            .collect()
    }
}

/// Asks on a connection of its own, and hears the answer to its end.
fn ask(server: &ModelServer, method: &str, path: &str, body: &Value) -> Answered {
    let mut stream = TcpStream::connect(server.url().trim_start_matches("http://")).unwrap();
    let body = body.to_string();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut all = String::new();
    // A stream that is cut may end in an error; what came before counts.
    let _cut = stream.read_to_string(&mut all);
    let (head, body) = all.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
    Answered { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

fn chat(script: &str, said: &[Value], more: Value) -> Value {
    let tool = |name: &str, fields: &[&str]| {
        let properties: serde_json::Map<_, _> =
            fields.iter().map(|field| ((*field).to_owned(), json!({"type": "string"}))).collect();
        json!({"type": "function", "function": {"name": name, "parameters": {
            "type": "object", "properties": properties, "required": fields}}})
    };
    let mut messages = vec![
        json!({"role": "system", "content": "Your working directory is: `/here/and there`."}),
        json!({"role": "user", "content": [{"type": "text", "text": format!("Do it <<script {script}>> now")}]}),
    ];
    messages.extend(said.iter().cloned());
    let mut body = json!({"model": "m", "messages": messages,
        "tools": [tool("Write", &["file_path", "contents"]), tool("Bash", &["command", "why"])]});
    more.as_object().into_iter().flatten().for_each(|(name, value)| body[name] = value.clone());
    body
}

fn post_chat(server: &ModelServer, body: &Value) -> Answered {
    ask(server, "POST", "/v1/chat/completions", body)
}

fn said() -> Value {
    json!({"role": "assistant", "content": "so"})
}

#[test]
fn a_step_is_a_call_of_the_tool_that_the_request_offers() {
    let server = ModelServer::start();
    let script = r#"[{"write":{"path":"{cwd}/a.txt","content":"x >> y\n"}},{"shell":"make","text":"I build"}]"#;
    let call = |body: &Value| {
        let answered = post_chat(&server, body).json();
        let choice = &answered["choices"][0];
        let function = &choice["message"]["tool_calls"][0]["function"];
        let arguments: Value = serde_json::from_str(function["arguments"].as_str().unwrap()).unwrap();
        (function["name"].clone(), arguments, choice["message"]["content"].clone(), choice["finish_reason"].clone())
    };
    assert_eq!(
        call(&chat(script, &[], Value::Null)),
        (
            json!("Write"),
            json!({"file_path": "/here/and/a.txt", "contents": "x >> y\n"}),
            json!(""),
            json!("tool_calls")
        )
    );
    assert_eq!(
        call(&chat(script, &[said(), json!({"role": "tool", "content": "ok"})], Value::Null)),
        (json!("Bash"), json!({"command": "make", "why": "as the script says"}), json!("I build"), json!("tool_calls"))
    );
    let over = post_chat(&server, &chat(script, &[said(), said()], Value::Null)).json();
    assert_eq!(over["choices"][0]["message"], json!({"role": "assistant", "content": "Done."}));
    let steps: Vec<_> = server.requests().iter().map(|request| request.step).collect();
    assert_eq!((steps, server.complaints()), (vec![Some(0), Some(1), Some(2)], vec![]));
}

#[test]
fn the_newest_script_counts_and_a_script_within_another_is_its_own_affair() {
    let server = ModelServer::start();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), r#"[{"text":"from the file"}]"#).unwrap();
    let inner = r#"[{"tool":{"name":"Agent","arguments":{"prompt":"<<script [{\"text\":\"inner\"}]>>"}}}]"#;
    let newer = format!("again <<script [{{\"text\":\"first\"}}]>> and <<script @{}>>", file.path().display());
    let body = chat(inner, &[], Value::Null);
    let called = post_chat(&server, &body).json()["choices"][0]["message"]["tool_calls"][0]["function"].clone();
    assert_eq!(called["name"], "Agent");
    let body = chat(inner, &[said(), json!({"role": "user", "content": newer})], Value::Null);
    let answered = post_chat(&server, &body).json();
    assert_eq!(answered["choices"][0]["message"]["content"], "from the file");
}

#[test]
fn what_is_asked_without_tools_gets_a_short_answer_and_is_no_step() {
    let server = ModelServer::start();
    let body = chat("[]", &[], json!({"tools": []}));
    assert_eq!(post_chat(&server, &body).json()["choices"][0]["message"]["content"], "A scripted title");
    assert_eq!(server.requests()[0].step, None);
}

#[test]
fn a_script_that_cannot_be_read_is_said_and_kept() {
    let server = ModelServer::start();
    let answered = post_chat(&server, &chat(r#"[{"rite":1}]"#, &[], Value::Null)).json();
    let said = answered["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    assert!(said.contains("unknown field `rite`"), "{said}");
    assert_eq!(server.complaints(), [said]);
    let body = json!({"model": "m", "messages": [], "tools": chat("[]", &[], Value::Null)["tools"]});
    post_chat(&server, &body);
    assert_eq!(server.complaints()[1], "no message of the user's holds a script");
}

#[test]
fn an_error_comes_as_often_as_the_script_says() {
    let server = ModelServer::start();
    let script = r#"[{"error":{"status":429,"times":2,"retry_after":7},"text":"at last"}]"#;
    let body = chat(script, &[], Value::Null);
    let answered: Vec<_> = (0..3).map(|_| post_chat(&server, &body)).collect();
    assert_eq!(answered.iter().map(|it| it.status).collect::<Vec<_>>(), [429, 429, 200]);
    assert!(answered[0].head.contains("retry-after: 7"), "{}", answered[0].head);
    assert_eq!(answered[0].json()["error"]["message"], "the script says 429");
    assert_eq!(server.requests()[1].outcome, Outcome::Refused(429));
    assert_eq!(server.counted()["m"].output, 20 + 3);
}

#[test]
fn a_stream_can_be_cut_and_can_fall_silent() {
    let server = ModelServer::start();
    let cut = post_chat(&server, &chat(r#"[{"drop":true,"text":"never"}]"#, &[], json!({"stream": true})));
    assert!(
        cut.body.contains("assistant") && !cut.body.contains("never") && !cut.body.contains("DONE"),
        "{}",
        cut.body
    );
    let body = chat(r#"[{"hang":600,"text":"late"}]"#, &[], json!({"stream": true})).to_string();
    let mut stream = TcpStream::connect(server.url().trim_start_matches("http://")).unwrap();
    write!(stream, "POST /chat/completions HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut first = [0; 16];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(server.requests()[1].outcome, Outcome::Open);
    drop(stream);
    let start = Instant::now();
    while server.requests()[1].outcome == Outcome::Open {
        assert!(start.elapsed() < Duration::from_secs(60), "a client that hangs up is noticed");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(server.requests().iter().map(|it| it.outcome).collect::<Vec<_>>(), [Outcome::Cut, Outcome::Gone]);
    assert_eq!(server.counted(), BTreeMap::new());
}

/// The same request in a dialect: its path for a whole answer and for a stream, and its body.
fn in_dialects(script: &str) -> [(&'static str, &'static str, Value); 4] {
    let text = format!("<<script {script}>>");
    let schema = json!({"type": "OBJECT", "properties": {"absolute_path": {"type": "STRING"}}});
    [
        ("/v1/chat/completions", "/v1/chat/completions", chat(script, &[], Value::Null)),
        (
            "/v1/responses",
            "/v1/responses",
            json!({"model": "m", "input": [{"role": "user", "content": [{"type": "input_text", "text": text}]}],
                   "tools": [{"type": "function", "name": "exec_command", "parameters": {}}]}),
        ),
        (
            "/v1/messages",
            "/v1/messages?beta=true",
            json!({"model": "m", "messages": [{"role": "user", "content": text}],
                   "tools": [{"name": "Read", "input_schema": schema}]}),
        ),
        (
            "/v1beta/models/m:generateContent",
            "/v1beta/models/m:streamGenerateContent?alt=sse",
            json!({"contents": [{"role": "user", "parts": [{"text": text}]}],
                   "tools": [{"functionDeclarations": [{"name": "read_file", "parameters": schema}]}]}),
        ),
    ]
}

/// All numbers of an answer's `usage`, wherever it stands.
fn usages(value: &Value, found: &mut BTreeMap<String, u64>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_u64() {
                    Some(number) if name.to_ascii_lowercase().contains("token") => {
                        found.insert(name.clone(), number);
                    }
                    _ => usages(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| usages(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_dialect_says_and_counts_the_same_whole_and_as_a_stream() {
    for (whole_path, stream_path, body) in in_dialects(r#"[{"text":"It is so","read":"/a"}]"#) {
        let server = ModelServer::start();
        let whole = ask(&server, "POST", whole_path, &body).json();
        let mut streamed = body.clone();
        streamed["stream"] = json!(true);
        let events = ask(&server, "POST", stream_path, &streamed).events();
        for said in [whole.to_string(), json!(events).to_string()] {
            assert!(said.contains("It is so") && said.contains("/a"), "{whole_path}: {said}");
        }
        let (mut of_whole, mut of_stream) = (BTreeMap::new(), BTreeMap::new());
        usages(&whole, &mut of_whole);
        usages(&json!(events), &mut of_stream);
        let sum = |numbers: &BTreeMap<String, u64>| numbers.values().sum::<u64>();
        assert!(sum(&of_whole) > 0 && of_whole.keys().eq(of_stream.keys()), "{whole_path}: {of_whole:?} {of_stream:?}");
        let expected = Counted { input: 2003, cached: 800, output: 43 };
        assert_eq!(server.counted(), BTreeMap::from([("m".to_owned(), expected)]), "{whole_path}");
        let plain = Counted { input: 1001, cached: 400, output: 21 };
        let (dialect, reported) = match whole_path {
            "/v1/chat/completions" => (Dialect::Chat, ["prompt_tokens", "cached_tokens", "completion_tokens"]),
            "/v1/responses" => (Dialect::Responses, ["input_tokens", "cached_tokens", "output_tokens"]),
            "/v1/messages" => (Dialect::Messages, ["input_tokens", "cache_read_input_tokens", "output_tokens"]),
            _ => (Dialect::Gemini, ["promptTokenCount", "cachedContentTokenCount", "candidatesTokenCount"]),
        };
        let told = if whole_path == "/v1/messages" { plain.input - 400 - 5 } else { plain.input };
        let of = |name: &str| of_whole[name];
        let requests = server.requests();
        assert_eq!((requests[0].dialect, !requests[0].tools.is_empty()), (dialect, true), "{whole_path}");
        assert_eq!(reported.map(of), [told, plain.cached, plain.output], "{whole_path}");
    }
}

#[test]
fn a_refusal_is_in_the_words_of_the_provider() {
    let refusals = in_dialects(r#"[{"error":{"status":401}}]"#).map(|(path, _, body)| {
        let answered = ask(&ModelServer::start(), "POST", path, &body);
        assert_eq!(answered.status, 401, "{path}");
        answered.json()["error"].clone()
    });
    let kinds = [&refusals[0]["code"], &refusals[1]["code"], &refusals[2]["type"], &refusals[3]["status"]];
    assert_eq!(kinds, ["invalid_api_key", "invalid_api_key", "authentication_error", "UNAUTHENTICATED"]);
}

#[test]
fn lists_and_counts_are_answered_and_unknown_paths_are_kept() {
    let server = ModelServer::start();
    let status = |method: &str, path: &str| ask(&server, method, path, &json!({})).status;
    assert_eq!(ask(&server, "GET", "/v1/models", &json!({})).json()["data"][0]["id"], "scripted-model");
    assert_eq!(status("GET", "/v1beta/models?pageSize=1"), 200);
    assert_eq!(status("POST", "/v1/messages/count_tokens"), 200);
    assert_eq!(status("POST", "/v1beta/models/m:countTokens"), 200);
    assert_eq!(server.complaints(), Vec::<String>::new());
    assert_eq!(status("POST", "/v1/telemetry"), 404);
    assert_eq!(server.complaints(), ["POST /v1/telemetry: there is no such thing"]);
}

#[test]
fn a_connection_takes_one_request_after_the_other_in_chunks_as_well() {
    let server = ModelServer::start();
    let mut stream = TcpStream::connect(server.url().trim_start_matches("http://")).unwrap();
    let body = chat(r#"[{"text":"hi"}]"#, &[], Value::Null).to_string();
    let (a, b) = body.split_at(body.len() / 2);
    for _ in 0..2 {
        let chunk = |part: &str| format!("{:x}\r\n{part}\r\n", part.len());
        let head = "POST /chat/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        write!(stream, "{head}{}{}0\r\n\r\n", chunk(a), chunk(b)).unwrap();
    }
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut all = String::new();
    stream.read_to_string(&mut all).unwrap();
    assert_eq!(all.matches("\"hi\"").count(), 2, "{all}");
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn what_a_tool_answered_can_be_found() {
    let server = ModelServer::start();
    post_chat(
        &server,
        &chat("[]", &[said(), json!({"role": "tool", "content": "not in your write set"})], Value::Null),
    );
    assert!(server.was_told("in your write set"));
    assert!(!server.was_told("in my write set"));
}

#[test]
fn a_held_answer_comes_when_its_mark_is_there() {
    let server = ModelServer::start();
    let marks = tempfile::tempdir().unwrap();
    let mark = marks.path().join("go-on");
    let body = chat(&json!([{"hold": mark, "text": "at last"}]).to_string(), &[], json!({"stream": true})).to_string();
    let mut stream = TcpStream::connect(server.url().trim_start_matches("http://")).unwrap();
    write!(stream, "POST /v1/chat/completions HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    until("the request is there", || server.requests().len() == 1);
    assert_eq!(server.requests()[0].outcome, Outcome::Open);
    std::fs::write(&mark, "").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("at last"), "{answer}");
    until("it is over", || server.requests()[0].outcome == Outcome::Complete);
}

#[test]
fn what_the_user_says_within_the_result_of_a_tool_counts_and_what_the_tool_prints_does_not() {
    let server = ModelServer::start();
    let (_, path, mut body) = in_dialects(r#"[{"text":"first"},{"text":"second"}]"#)
        .into_iter()
        .find(|(path, _, _)| *path == "/v1/messages")
        .expect("it is one of them");
    let printed = r#"<<script [{"text":"printed"}]>>"#;
    let said = r#"<system-reminder>The user says <<script [{"text":"said"}]>></system-reminder>"#;
    for (content, expected) in [(printed.to_owned(), "second"), (format!("{printed}{said}"), "said")] {
        let result = json!({"type": "tool_result", "tool_use_id": "1", "content": content});
        let call =
            json!({"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "Bash", "input": {}}]});
        let first = body["messages"][0].clone();
        body["messages"] = json!([first, call, {"role": "user", "content": [result]}]);
        assert_eq!(ask(&server, "POST", path, &body).json()["content"][0]["text"], expected);
    }
}
