//! Claude Code's part.

use std::collections::VecDeque;
use std::io::BufRead;
use std::sync::mpsc;

use serde_json::{Value, json};

use super::{Part, Step, run, tell, write};

/// Plays a part to its end.
pub(super) fn play(part: &Part, words: &str) {
    let (lines, heard) = mpsc::channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let _nobody = lines.send(serde_json::from_str::<Value>(&line).expect("JSON"));
        }
    });
    let wanted = words.split_once("--resume ").map(|(_, rest)| rest.split(' ').next().unwrap_or_default());
    let session = match (wanted, &part.session) {
        (Some(wanted), known) if known.as_deref() != Some(wanted) => {
            let words = format!("No conversation found with session ID: {wanted}");
            eprintln!("{words}");
            tell(
                &json!({"type": "result", "subtype": "error_during_execution", "is_error": true, "num_turns": 0, "session_id": wanted, "total_cost_usd": 0, "modelUsage": {}, "errors": [words]}),
            );
            return;
        }
        (Some(wanted), _) => wanted.to_owned(),
        (None, _) => "claude-1".to_owned(),
    };
    Actor { part, heard, hints: VecDeque::new(), session, messages: 0, asked: 0, interrupted: false }.play();
}

struct Actor<'a> {
    part: &'a Part,
    heard: mpsc::Receiver<Value>,
    /// Said into a turn, and not taken up.
    hints: VecDeque<(String, String)>,
    session: String,
    messages: u64,
    asked: u64,
    interrupted: bool,
}

/// How a turn ends.
enum End {
    Done,
    Interrupted,
    Failed(u64, String),
}

impl Actor<'_> {
    fn play(&mut self) {
        let mut turns = self.part.turns.iter();
        while let Ok(line) = self.heard.recv() {
            match (line["type"].as_str(), line["request"]["subtype"].as_str()) {
                (Some("control_request"), Some("initialize")) => {
                    let account = match self.part.logged_out {
                        true => json!({"tokenSource": "none", "apiProvider": "firstParty"}),
                        false => {
                            json!({"tokenSource": "none", "apiKeySource": "ANTHROPIC_API_KEY", "apiProvider": "firstParty"})
                        }
                    };
                    let response = json!({"subtype": "success", "request_id": line["request_id"], "response": {"account": account}});
                    tell(&json!({"type": "control_response", "response": response}));
                }
                (Some("user"), _) => {
                    self.part.note(&format!("told {}", line["message"]["content"]));
                    self.whole_turn(turns.next().map_or(&[][..], Vec::as_slice));
                    while let Some((id, text)) = self.hints.pop_front() {
                        lifecycle(&id, "started");
                        self.say(&format!("then: {text}"));
                        self.whole_turn(turns.next().map_or(&[][..], Vec::as_slice));
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn whole_turn(&mut self, steps: &[Step]) {
        tell(&json!({"type": "system", "subtype": "init", "session_id": self.session}));
        self.interrupted = false;
        let end = steps.iter().map(|step| self.step(step)).find(|end| !matches!(end, End::Done)).unwrap_or(End::Done);
        let mut result = json!({"type": "result", "subtype": "success", "is_error": false, "result": "done", "session_id": self.session});
        if !self.part.free {
            let used = |messages: u64| {
                let (input, usd) = (100 * messages + self.part.hidden, messages as f64 / 1000.0);
                json!({"fake": {"inputTokens": input, "outputTokens": 10 * messages, "costUSD": usd}})
            };
            let all = self.part.restored + self.messages;
            result["total_cost_usd"] = json!(all as f64 / 1000.0);
            result["modelUsage"] = used(all);
            if self.part.since {
                result["model_usage_since_last_result"] = used(self.messages);
            }
        }
        match end {
            End::Done => {}
            End::Interrupted => {
                (result["subtype"], result["is_error"]) = ("error_during_execution".into(), true.into());
                result["errors"] = json!(["[interrupted]"]);
            }
            End::Failed(status, words) => {
                (result["is_error"], result["api_error_status"]) = (true.into(), status.into());
                result["result"] = words.into();
            }
        }
        tell(&result);
    }

    fn step(&mut self, step: &Step) -> End {
        match step {
            Step::Say(text) => self.say(text),
            Step::Write(path, content) => match self.may("Write", &json!({"file_path": path, "content": content})) {
                Ok(()) => {
                    write(path, content);
                    self.say("written");
                }
                Err(reason) => self.say(&format!("refused: {reason}")),
            },
            Step::Run(line) => match self.may("Bash", &json!({"command": line})) {
                Ok(()) => self.say(&run(line)),
                Err(reason) => self.say(&format!("refused: {reason}")),
            },
            Step::Ask(question) => {
                let asked = self.may("AskUserQuestion", &json!({"questions": [{"question": question}]}));
                self.say(&format!("told: {}", asked.expect_err("nobody answers at once")));
            }
            Step::Retry(status) => {
                tell(&json!({"type": "system", "subtype": "api_retry", "attempt": 1, "max_retries": 2,
                "retry_delay_ms": 1500, "error_status": status, "error": if *status == 429 { "rate_limit" } else { "server_error" }}))
            }
            Step::Listen => {
                while self.hints.is_empty() {
                    self.listen();
                }
                let (id, text) = self.hints.pop_front().expect("a hint");
                lifecycle(&id, "started");
                self.say(&format!("heard: {text}"));
                lifecycle(&id, "completed");
            }
            Step::ListenLate => {
                while self.hints.is_empty() {
                    self.listen();
                }
                self.say("soon");
            }
            Step::Chatter(count) => (0..*count).for_each(|number| self.say(&format!("word {number}"))),
            Step::Long(bytes) => println!("{}", "x".repeat(*bytes)),
            Step::Hang => {
                while !self.interrupted {
                    self.listen();
                }
            }
            Step::Deaf => loop {
                std::thread::park();
            },
            Step::Fail(status, words) => return End::Failed(*status, words.clone()),
            Step::Die => std::process::exit(9),
        }
        if self.interrupted { End::Interrupted } else { End::Done }
    }

    fn say(&mut self, text: &str) {
        self.message(&json!([{"type": "text", "text": text}]));
    }

    fn message(&mut self, content: &Value) {
        self.messages += 1;
        let id = format!("msg-{}", self.messages);
        let usage = |output: u64| match self.part.free {
            true => json!({}),
            false => json!({"input_tokens": 100, "output_tokens": output}),
        };
        let start = json!({"type": "message_start", "message": {"id": id, "model": "fake", "usage": usage(1)}});
        tell(&json!({"type": "stream_event", "event": start, "session_id": self.session}));
        tell(
            &json!({"type": "assistant", "message": {"id": id, "model": "fake", "usage": usage(1), "content": content}}),
        );
        let end = json!({"type": "message_delta", "usage": usage(10)});
        tell(&json!({"type": "stream_event", "event": end, "api_message_id": id}));
    }

    /// Whether a tool may be called; `Err` has the reason why not.
    fn may(&mut self, tool: &str, input: &Value) -> Result<(), String> {
        self.asked += 1;
        let (id, call) = (format!("ask-{}", self.asked), format!("call-{}", self.asked));
        self.message(&json!([{"type": "tool_use", "id": call, "name": tool, "input": input}]));
        let request = json!({"subtype": "hook_callback", "callback_id": "judge", "input": {"tool_name": tool, "tool_input": input}});
        tell(&json!({"type": "control_request", "request_id": id, "request": request}));
        let answer = loop {
            let line = self.listen();
            if line["type"] == "control_response" && line["response"]["request_id"] == id.as_str() {
                break line["response"]["response"]["hookSpecificOutput"].clone();
            }
        };
        tell(&json!({"type": "user", "message": {"content": [{"type": "tool_result", "tool_use_id": call}]}}));
        match answer["permissionDecision"].as_str() {
            Some("allow") => Ok(()),
            _ => Err(answer["permissionDecisionReason"].as_str().unwrap_or("?").to_owned()),
        }
    }

    fn listen(&mut self) -> Value {
        let line = self.heard.recv().expect("somebody speaks");
        self.interrupted |= line["request"]["subtype"] == "interrupt";
        if line["type"] == "user" {
            let (id, text) = (line["uuid"].as_str().unwrap_or_default(), &line["message"]["content"]);
            lifecycle(id, "queued");
            self.hints.push_back((id.to_owned(), text.as_str().unwrap_or_default().to_owned()));
        }
        line
    }
}

fn lifecycle(id: &str, state: &str) {
    tell(&json!({"type": "command_lifecycle", "command_uuid": id, "state": state}));
}
