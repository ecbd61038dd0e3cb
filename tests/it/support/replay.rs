//! Recorded traffic of a real agent, spoken again by this test binary: `REPLAY=<file> REPLAY_PROMPT=<n>`.
//!
//! What the agent said is said again, in its order; where it had heard something it waits until it hears that. Paths
//! of the recording (`/w`) become the working directory.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, Write};

use serde_json::{Value, json};

/// The hidden mode: not a test, an agent for other tests.
#[test]
#[ignore = "an agent for other tests: it speaks on its standard output"]
fn speaks() {
    let Ok(file) = std::env::var("REPLAY") else { return };
    let prompt = std::env::var("REPLAY_PROMPT").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let cwd = std::env::current_dir().expect("a directory");
    let text = std::fs::read_to_string(file).expect("a recording");
    let cwd = cwd.to_str().expect("text");
    let text = text.replace("/w/", &format!("{cwd}/")).replace("\"/w\"", &format!("\"{cwd}\""));
    let text = text.replace("'/w'", &format!("'{cwd}'"));
    let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    // The test harness has begun a line of its own.
    println!();
    let mut replay = Replay { ids: BTreeMap::new(), heard: BTreeSet::new(), terminals: Vec::new() };
    replay.all(&only(&records, prompt));
    while replay.listen().is_some() {}
    std::process::exit(0);
}

/// The records up to the first prompt, and those from the `prompt`-th to the one after it.
fn only(records: &[Value], prompt: usize) -> Vec<&Value> {
    let mut turn = 0;
    let of_turn = |record: &&Value| {
        turn += usize::from(record["msg"]["method"] == "session/prompt" || record["msg"]["method"] == "prompt");
        turn == 0 || turn == prompt
    };
    records.iter().filter(of_turn).collect()
}

struct Replay {
    /// The ids of requests to the agent: as recorded, as they are now.
    ids: BTreeMap<String, Value>,
    /// What has been heard: methods, and ids of answers.
    heard: BTreeSet<String>,
    /// The ids of terminals: as recorded, as they are now.
    terminals: Vec<(String, String)>,
}

impl Replay {
    fn all(&mut self, records: &[&Value]) {
        let mut skipped = BTreeSet::new();
        for record in records {
            let message = &record["msg"];
            match record["dir"].as_str().expect("a direction") {
                "->" if message["method"] == "session/set_mode" => {
                    skipped.insert(message["id"].to_string());
                }
                "<-" if message["method"].is_null() && skipped.contains(&message["id"].to_string()) => {}
                "->" => self.wait_for(message),
                "<-" => self.say(message),
                "stderr" => eprintln!("{}", message.as_str().unwrap_or_default()),
                _ => {}
            }
        }
    }

    fn say(&mut self, message: &Value) {
        let mut message = message.clone();
        if message["method"].is_null() {
            message["id"] = self.ids.get(&message["id"].to_string()).cloned().expect("a request was heard");
        }
        if let Some(id) = message.pointer_mut("/params/terminalId") {
            let now = self.terminals.iter().find(|(recorded, _)| id == recorded);
            *id = now.map(|(_, now)| now.clone()).expect("a terminal").into();
        }
        println!("{message}");
        std::io::stdout().flush().expect("a listener");
    }

    fn wait_for(&mut self, recorded: &Value) {
        let what = match recorded["method"].as_str() {
            Some(method) => method.to_owned(),
            None => recorded["id"].to_string(),
        };
        while !self.heard.remove(&what) {
            let Some(heard) = self.listen() else { std::process::exit(0) };
            let asked = heard["method"].is_string() && heard["method"] == recorded["method"];
            if asked && !heard["id"].is_null() {
                self.ids.insert(recorded["id"].to_string(), heard["id"].clone());
            }
            let terminal = |message: &Value| message["result"]["terminalId"].as_str().map(str::to_owned);
            if let (Some(then), Some(now)) = (terminal(recorded), terminal(&heard)) {
                self.terminals.push((then, now));
            }
        }
    }

    /// The next line that is heard. What the recording does not know is answered with nothing.
    fn listen(&mut self) -> Option<Value> {
        let mut line = String::new();
        if std::io::stdin().lock().read_line(&mut line).expect("a line") == 0 {
            return None;
        }
        let message: Value = serde_json::from_str(&line).expect("JSON");
        match message["method"].as_str() {
            Some("session/set_mode") => println!("{}", json!({"jsonrpc": "2.0", "id": message["id"], "result": {}})),
            Some(method) => {
                self.heard.insert(method.to_owned());
            }
            None => {
                self.heard.insert(message["id"].to_string());
            }
        }
        Some(message)
    }
}
