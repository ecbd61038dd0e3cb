//! Recorded lines of an agent that speaks in lines of its own (Claude Code, Codex, any `cmd:` agent), said again by this
//! test binary: `REPLAY=<file> REPLAY_PROMPT=<n>`, its arguments in `FAKE_WORDS`.
//!
//! Claude's recordings are spoken turn by turn, Codex's process by process; in a `cmd:` agent's, `text` is a line that is
//! no JSON, `stderr` one of standard error, and `exit` its status; `hang` waits to be ended.

use std::collections::BTreeMap;
use std::io::{BufRead, Read, Write};

use serde_json::{Value, json};

/// The hidden mode: not a test, an agent for other tests.
#[test]
#[ignore = "an agent for other tests: it speaks on its standard output"]
fn speaks() {
    let Ok(file) = std::env::var("REPLAY") else { return };
    let prompt = std::env::var("REPLAY_PROMPT").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let words = std::env::var("FAKE_WORDS").unwrap_or_default();
    let cwd = std::env::current_dir().expect("a directory");
    let cwd = cwd.to_str().expect("text");
    let text = std::fs::read_to_string(file).expect("a recording");
    let text = text.replace("/w/", &format!("{cwd}/")).replace("\"/w\"", &format!("\"{cwd}\""));
    let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    // The test harness has begun a line of its own.
    println!();
    let initializes = |record: &Value| record["msg"]["request"]["subtype"] == "initialize";
    let claude = records.iter().any(|record| initializes(record) || record["msg"]["type"] == "user");
    match words.as_str() {
        "--version" => println!("codex-cli 0.169.0"),
        "login status" => println!("Logged in using ChatGPT"),
        _ if claude => Claude { heard: Vec::new(), ids: BTreeMap::new(), greeting: Value::Null }.all(&records, prompt),
        _ => lines(&records, if words.contains("resume") { 2 } else { prompt }),
    }
    std::process::exit(0);
}

fn tell(line: &Value) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("a listener");
}

/// Says what one process of a recording said, once it was told its task.
fn lines(records: &[Value], process: usize) {
    std::io::stdin().read_to_string(&mut String::new()).expect("a prompt");
    let mut count = usize::from(records.iter().all(|record| record["dir"] != "spawn"));
    let mut failed = false;
    for record in records {
        count += usize::from(record["dir"] == "spawn");
        if count != process {
            continue;
        }
        let message = &record["msg"];
        failed |= message["type"] == "turn.failed";
        match record["dir"].as_str().expect("a direction") {
            "<-" => tell(message),
            "text" => println!("{}", message.as_str().expect("text")),
            "stderr" => eprintln!("{}", message.as_str().expect("text")),
            "exit" => std::process::exit(message.as_i64().and_then(|code| code.try_into().ok()).expect("a status")),
            "hang" => loop {
                std::thread::park();
            },
            _ => {}
        }
    }
    std::process::exit(i32::from(failed));
}

struct Claude {
    /// What has been heard and not been waited for.
    heard: Vec<String>,
    /// The ids of requests to the agent: as recorded, as they are now.
    ids: BTreeMap<String, Value>,
    /// What it answers when it is greeted.
    greeting: Value,
}

impl Claude {
    fn all(&mut self, records: &[Value], turn: usize) {
        let greeted = records.iter().find(|record| record["msg"]["request"]["subtype"] == "initialize");
        let id = greeted.map(|record| record["msg"]["request_id"].clone());
        let answers = |record: &&Value| id.is_some() && id.as_ref() == Some(&record["msg"]["response"]["request_id"]);
        let answer = records.iter().find(answers).map(|record| record["msg"].clone());
        self.greeting =
            answer.unwrap_or_else(|| json!({"type": "control_response", "response": {"subtype": "success"}}));
        let mut turns = 0;
        for record in records.iter().filter(|record| !answers(record)) {
            let message = &record["msg"];
            turns += usize::from(record["dir"] == "->" && message["type"] == "user");
            if turns != turn || message["request"]["subtype"] == "initialize" {
                continue;
            }
            match record["dir"].as_str().expect("a direction") {
                "->" => self.wait_for(message),
                "<-" => self.say(message),
                _ => {}
            }
        }
        while self.listen().is_some() {}
    }

    fn say(&self, message: &Value) {
        let mut message = message.clone();
        if message["type"] == "control_response" {
            let id = message["response"]["request_id"].to_string();
            message["response"]["request_id"] = self.ids.get(&id).cloned().unwrap_or_default();
        }
        tell(&message);
    }

    fn wait_for(&mut self, recorded: &Value) {
        let wanted = name(recorded);
        while !self.heard.contains(&wanted) {
            let Some(heard) = self.listen() else { std::process::exit(0) };
            if heard["type"] == "control_request" && name(&heard) == wanted {
                self.ids.insert(recorded["request_id"].to_string(), heard["request_id"].clone());
            }
        }
        self.heard.retain(|heard| *heard != wanted);
    }

    fn listen(&mut self) -> Option<Value> {
        let mut line = String::new();
        if std::io::stdin().lock().read_line(&mut line).expect("a line") == 0 {
            return None;
        }
        let message: Value = serde_json::from_str(&line).expect("JSON");
        if message["request"]["subtype"] == "initialize" {
            let mut answer = self.greeting.clone();
            answer["response"]["request_id"] = message["request_id"].clone();
            tell(&answer);
        } else {
            self.heard.push(name(&message));
        }
        Some(message)
    }
}

/// What a line to Claude is.
fn name(message: &Value) -> String {
    let of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match message["type"].as_str() {
        Some("control_request") => format!("asks {}", of(&message["request"]["subtype"])),
        Some("control_response") => format!("answers {}", of(&message["response"]["request_id"])),
        other => other.unwrap_or_default().to_owned(),
    }
}
