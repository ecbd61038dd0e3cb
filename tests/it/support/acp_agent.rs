//! An agent that speaks the Agent Client Protocol in plain lines, one thing at a time, and does what `FAKE_AGENT` says.
//! `tests/acp_agent` plays the same parts by an implementation that is not ours.

use std::io::{BufRead, Write};
use std::sync::mpsc;

use serde_json::{Value, json};

#[path = "../../acp_agent/src/part.rs"]
mod part;

use part::{Part, Step};

/// The hidden mode: not a test, an agent for other tests.
#[test]
#[ignore = "an agent for other tests: it speaks on its standard output"]
fn speaks() {
    let Some(part) = Part::given() else { return };
    // The test harness has begun a line of its own.
    println!();
    let (lines, heard) = mpsc::channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let _nobody = lines.send(serde_json::from_str::<Value>(&line).expect("JSON"));
        }
        std::process::exit(0);
    });
    part.set_up();
    Actor { heard, cancelled: false, asked: 0, steered: part.steered.clone() }.play(&part);
}

struct Actor {
    heard: mpsc::Receiver<Value>,
    cancelled: bool,
    asked: u64,
    steered: Option<String>,
}

impl Actor {
    fn play(&mut self, part: &Part) {
        let mut turns = part.turns.iter();
        while let Ok(message) = self.heard.recv() {
            let answer = match message["method"].as_str() {
                Some("initialize") => Ok(
                    json!({"protocolVersion": 1, "agentCapabilities": part.capabilities(), "authMethods": part.auth}),
                ),
                Some("session/new") if part.logged_out => Err((-32000, "Authentication required".to_owned())),
                Some("session/new") => Ok(part.opened()),
                Some("session/set_config_option") => {
                    let options = part.set(&message["params"]["configId"], &message["params"]["value"]);
                    options.map(|options| json!({"configOptions": options})).ok_or((-32602, "No such value".to_owned()))
                }
                Some("session/set_model") => Ok(json!({})),
                Some(method @ ("session/load" | "session/resume")) => match part.past() {
                    Some(past) => {
                        past.iter().filter(|_| method == "session/load").for_each(update);
                        Ok(json!({}))
                    }
                    None => Err((-32602, "Session not found".to_owned())),
                },
                Some("session/prompt") => {
                    part.note(&message["params"]["prompt"]);
                    self.cancelled = false;
                    self.turn(turns.next().map_or(&[][..], Vec::as_slice), part.usage)
                }
                _ => continue,
            };
            tell(&match answer {
                Ok(result) => json!({"jsonrpc": "2.0", "id": message["id"], "result": result}),
                Err((code, text)) => {
                    json!({"jsonrpc": "2.0", "id": message["id"], "error": {"code": code, "message": text}})
                }
            });
        }
    }

    fn turn(&mut self, steps: &[Step], usage: bool) -> Result<Value, (i32, String)> {
        let mut reason = "end_turn".to_owned();
        for step in steps {
            if let Some(early) = self.step(step)? {
                reason = early;
                break;
            }
        }
        let mut result = json!({"stopReason": reason});
        if usage {
            result["usage"] = json!({"totalTokens": 30, "inputTokens": 20, "outputTokens": 10});
        }
        Ok(result)
    }

    fn step(&mut self, step: &Step) -> Result<Option<String>, (i32, String)> {
        match step {
            Step::Say(text) => say(text),
            Step::Write(path, content) => {
                let answer = self.ask("fs/write_text_file", json!({"path": path, "content": content}));
                say(&refusal(&answer).unwrap_or_else(|| "written".to_owned()));
            }
            Step::Read(path) => {
                let answer = self.ask("fs/read_text_file", json!({"path": path}));
                say(&refusal(&answer).unwrap_or_else(|| text(&answer["result"]["content"])));
            }
            Step::Run(words) => self.run(words, true),
            Step::Leave(words) => self.run(words, false),
            Step::Ask(call) => {
                let request = json!({"toolCall": call, "options": Part::options()});
                let answer = self.ask("session/request_permission", request);
                let outcome = &answer["result"]["outcome"];
                say(&match outcome["outcome"].as_str() {
                    Some("selected") => format!("chose {}", text(&outcome["optionId"])),
                    _ => "cancelled".to_owned(),
                });
            }
            Step::Request(session, method, params) => {
                let answer = self.ask_for(session, method, params.clone());
                say(&refusal(&answer).unwrap_or_else(|| "done".to_owned()));
            }
            Step::Update(value) => update(value),
            Step::Chatter(count) => (0..*count).for_each(|number| say(&format!("word {number}\n"))),
            Step::Heed => {
                let message = loop {
                    let message = self.listen();
                    if ["_session/steering", "session/prompt"].contains(&message["method"].as_str().unwrap_or_default())
                    {
                        break message;
                    }
                };
                say(&format!("heard {}", text(&message["params"]["prompt"][0]["text"])));
                tell(&json!({"jsonrpc": "2.0", "id": message["id"], "result": {"stopReason": "end_turn"}}));
            }
            Step::Hang => {
                while !self.cancelled {
                    self.listen();
                }
                return Ok(Some("cancelled".to_owned()));
            }
            Step::Deaf => loop {
                self.listen();
            },
            Step::Stop(reason) => return Ok(Some(reason.clone())),
            Step::Fail(code, message) => return Err((*code, message.clone())),
            Step::Die => std::process::exit(9),
        }
        Ok(None)
    }

    fn run(&mut self, words: &[String], wait: bool) {
        let answer = self.ask("terminal/create", json!({"command": words[0], "args": words[1..]}));
        if let Some(refusal) = refusal(&answer) {
            return say(&refusal);
        }
        if !wait {
            return say("left running");
        }
        let terminal = json!({"terminalId": answer["result"]["terminalId"]});
        let exit = self.ask("terminal/wait_for_exit", terminal.clone());
        let output = self.ask("terminal/output", terminal.clone());
        self.ask("terminal/release", terminal);
        let code = exit["result"]["exitCode"].as_u64();
        say(&format!("exit {code:?}: {}", text(&output["result"]["output"]).trim_end()));
    }

    /// Asks, and waits for the answer.
    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.ask_for("fake-1", method, params)
    }

    fn ask_for(&mut self, session: &str, method: &str, mut params: Value) -> Value {
        self.asked += 1;
        let id = format!("ask-{}", self.asked);
        if !session.is_empty() {
            params["sessionId"] = session.into();
        }
        tell(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let message = self.listen();
            if message["id"] == id.as_str() && message["method"].is_null() {
                return message;
            }
        }
    }

    fn listen(&mut self) -> Value {
        let message = self.heard.recv().expect("somebody speaks");
        self.cancelled |= message["method"] == "session/cancel";
        if let (Some("_session/steering"), Some(outcome)) = (message["method"].as_str(), &self.steered) {
            tell(&json!({"jsonrpc": "2.0", "id": message["id"], "result": {"outcome": outcome}}));
        }
        message
    }
}

fn refusal(answer: &Value) -> Option<String> {
    answer["error"]["message"].as_str().map(|message| format!("refused: {message}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn say(words: &str) {
    let content = json!({"type": "text", "text": format!("{words}\n")});
    update(&json!({"sessionUpdate": "agent_message_chunk", "content": content}));
}

fn update(update: &Value) {
    let params = json!({"sessionId": "fake-1", "update": update});
    tell(&json!({"jsonrpc": "2.0", "method": "session/update", "params": params}));
}

fn tell(message: &Value) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{message}").and_then(|()| out.flush()).expect("a listener");
}
