//! An agent that speaks Kimi Wire in plain lines, one thing at a time, and does what `FAKE_AGENT` says. What it hears
//! goes into the file `FAKE_AGENT_HEARD`, its arguments first.

use std::collections::VecDeque;
use std::io::{BufRead, Write};

use serde::Deserialize;
use serde_json::{Value, json};

/// What it does.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Part {
    protocol: Option<String>,
    hooks: Option<Value>,
    turn: Vec<Step>,
}

/// One thing that it does in its turn.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    Say(String),
    #[serde(rename = "step")]
    Begin(u64),
    /// Id, tool, the first of its arguments.
    Call(String, String, String),
    More(String),
    /// Asks before a call, and says what it was told.
    Hook(Ask),
    Approve(Ask),
    Question(String),
    /// Message, other input, read from the cache, written to it, output.
    Count(String, u64, u64, u64, u64),
    /// Id, whether it failed.
    Result(String, bool),
    /// The status of what went wrong.
    Retry(Option<u16>),
    /// The same by a subagent.
    Sub(String, Box<Step>),
    /// Waits until so many steers came; takes the first and refuses the others.
    Steered(usize),
    UntilCancelled,
    Cancelled,
    Hang,
    Stop(String),
    Fail(i32, String),
    Die,
}

#[derive(Clone, Deserialize)]
struct Ask {
    id: String,
    tool: String,
    #[serde(default)]
    input: Value,
    #[serde(default)]
    display: Value,
}

/// The hidden mode: not a test, an agent for other tests.
#[test]
#[ignore = "an agent for other tests: it speaks on its standard output"]
fn speaks() {
    let Ok(part) = std::env::var("FAKE_AGENT") else { return };
    let part: Part = serde_json::from_str(&part).expect("a part");
    // The test harness has begun a line of its own.
    println!();
    let mut actor = Actor { early: VecDeque::new(), cancelled: None, asked: 0, steers: 0 };
    let words: Vec<_> = std::env::var("FAKE_ARGUMENTS").unwrap_or_default().lines().map(str::to_owned).collect();
    note(&json!(words));
    actor.play(&part);
}

struct Actor {
    /// What came while something else was waited for.
    early: VecDeque<Value>,
    /// The id of the request to stop.
    cancelled: Option<Value>,
    asked: u64,
    steers: usize,
}

impl Actor {
    fn play(&mut self, part: &Part) {
        loop {
            let message = match self.early.pop_front() {
                Some(message) => message,
                None => self.listen(),
            };
            match message["method"].as_str() {
                Some("initialize") => {
                    let protocol = part.protocol.as_deref().unwrap_or("1.10");
                    let hooks = part.hooks.clone().unwrap_or_else(|| json!(["PreToolUse", "Stop"]));
                    let server = json!({"name": "Fake", "version": "1.51.0"});
                    let about =
                        json!({"protocol_version": protocol, "server": server, "hooks": {"supported_events": hooks}});
                    answer(&message, Ok(about));
                }
                Some("prompt") => {
                    let end = self.turn(&part.turn);
                    answer(&message, end.map(|status| json!({"status": status})));
                }
                _ => {}
            }
        }
    }

    fn turn(&mut self, steps: &[Step]) -> Result<String, (i32, String)> {
        for step in steps {
            if let Some(early) = self.step(step, &|kind, payload| event(kind, payload))? {
                return Ok(early);
            }
        }
        Ok("finished".to_owned())
    }

    fn step(&mut self, step: &Step, tell: &dyn Fn(&str, Value)) -> Result<Option<String>, (i32, String)> {
        match step {
            Step::Say(text) => tell("ContentPart", json!({"type": "text", "text": format!("{text}\n")})),
            Step::Begin(n) => tell("StepBegin", json!({"n": n})),
            Step::Call(id, tool, arguments) => {
                let function = json!({"name": tool, "arguments": arguments});
                tell("ToolCall", json!({"type": "function", "id": id, "function": function, "extras": null}));
            }
            Step::More(piece) => tell("ToolCallPart", json!({"arguments_part": piece})),
            Step::Hook(ask) => {
                let data = json!({"tool_name": ask.tool, "tool_input": ask.input, "tool_call_id": ask.id});
                let answer = self.ask("HookRequest", json!({"event": "PreToolUse", "input_data": data}));
                say(&told(&answer, "action", "reason"));
            }
            Step::Approve(ask) => {
                let request = json!({"tool_call_id": ask.id, "sender": ask.tool, "description": "do it",
                    "action": "edit file", "display": ask.display});
                let answer = self.ask("ApprovalRequest", request);
                say(&told(&answer, "response", "feedback"));
            }
            Step::Question(text) => {
                let answer = self.ask("QuestionRequest", json!({"questions": [{"question": text, "options": []}]}));
                say(&told(&answer, "answers", ""));
            }
            Step::Count(id, other, read, written, output) => {
                let usage = json!({"input_other": other, "output": output, "input_cache_read": read,
                    "input_cache_creation": written});
                tell("StatusUpdate", json!({"context_usage": 0.1, "token_usage": usage, "message_id": id}));
            }
            Step::Result(id, failed) => {
                tell("ToolResult", json!({"tool_call_id": id, "return_value": {"is_error": failed, "output": ""}}));
            }
            Step::Retry(status) => tell(
                "StepRetry",
                json!({"n": 1, "next_attempt": 2, "max_attempts": 3, "wait_s": 1.5, "error_type": "APIStatusError",
                    "status_code": status}),
            ),
            Step::Sub(agent, step) => {
                let wrap = |kind: &str, payload: Value| {
                    let inner = json!({"type": kind, "payload": payload});
                    tell("SubagentEvent", json!({"agent_id": agent, "parent_tool_call_id": "p", "event": inner}));
                };
                return self.step(step, &wrap);
            }
            Step::Steered(count) => {
                while self.steers < *count {
                    let message = self.listen();
                    self.early.push_back(message);
                }
            }
            Step::UntilCancelled => {
                while self.cancelled.is_none() {
                    self.listen();
                }
            }
            Step::Cancelled => return Ok(Some("cancelled".to_owned())),
            Step::Hang => {
                self.step(&Step::UntilCancelled, tell)?;
                return Ok(Some("cancelled".to_owned()));
            }
            Step::Stop(status) => return Ok(Some(status.clone())),
            Step::Fail(code, message) => return Err((*code, message.clone())),
            Step::Die => std::process::exit(9),
        }
        Ok(None)
    }

    /// Asks, and waits for the answer.
    fn ask(&mut self, kind: &str, mut payload: Value) -> Value {
        self.asked += 1;
        let id = format!("ask-{}", self.asked);
        payload["id"] = id.as_str().into();
        let params = json!({"type": kind, "payload": payload});
        say_line(&json!({"jsonrpc": "2.0", "method": "request", "id": id, "params": params}));
        loop {
            let message = self.listen();
            if message["id"] == id.as_str() && message["method"].is_null() {
                assert!(message["error"].is_object() || message["result"]["request_id"] == id.as_str(), "{message}");
                return message;
            }
        }
    }

    fn listen(&mut self) -> Value {
        let mut line = String::new();
        if std::io::stdin().lock().read_line(&mut line).expect("a line") == 0 {
            std::process::exit(0);
        }
        let message: Value = serde_json::from_str(&line).expect("JSON");
        note(&message);
        match message["method"].as_str() {
            Some("cancel") => {
                self.cancelled = Some(message["id"].clone());
                answer(&message, Ok(json!({})));
            }
            Some("steer") => {
                self.steers += 1;
                let late = (-32000, "No agent turn is in progress".to_owned());
                answer(&message, if self.steers == 1 { Ok(json!({"status": "steered"})) } else { Err(late) });
            }
            _ => {}
        }
        message
    }
}

fn told(answer: &Value, decision: &str, why: &str) -> String {
    if let Some(refused) = answer["error"]["message"].as_str() {
        return format!("refused: {refused}");
    }
    let text = |name: &str| answer["result"][name].as_str().unwrap_or_default().to_owned();
    match text(why) {
        empty if empty.is_empty() => text(decision),
        why => format!("{}: {why}", text(decision)),
    }
}

fn say(words: &str) {
    event("ContentPart", json!({"type": "text", "text": format!("{words}\n")}));
}

fn event(kind: &str, payload: Value) {
    say_line(&json!({"jsonrpc": "2.0", "method": "event", "params": {"type": kind, "payload": payload}}));
}

fn answer(request: &Value, answer: Result<Value, (i32, String)>) {
    say_line(&match answer {
        Ok(result) => json!({"jsonrpc": "2.0", "id": request["id"], "result": result}),
        Err((code, message)) => {
            json!({"jsonrpc": "2.0", "id": request["id"], "error": {"code": code, "message": message, "data": null}})
        }
    });
}

fn say_line(message: &Value) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{message}").and_then(|()| out.flush()).expect("a listener");
}

fn note(message: &Value) {
    let Some(file) = std::env::var_os("FAKE_AGENT_HEARD") else { return };
    let file = std::fs::File::options().append(true).create(true).open(file);
    file.and_then(|mut file| writeln!(file, "{message}")).expect("a file");
}
