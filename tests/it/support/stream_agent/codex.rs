//! Codex's part.

use std::io::Read as _;

use serde_json::{Value, json};

use super::{Part, Step, run, tell, write};

/// Plays a part to its end.
pub(super) fn play(part: &Part, words: &str) {
    match words {
        "--version" => return println!("codex-cli 0.0.0"),
        "exec --help" => return println!("Run Codex non-interactively\n      --json"),
        "login status" if part.logged_out => {
            println!("Not logged in");
            std::process::exit(1);
        }
        "login status" => return println!("Logged in using ChatGPT"),
        _ => {}
    }
    let wanted = words.split_once("resume ").map(|(_, rest)| rest.split(' ').next().unwrap_or_default());
    if wanted.is_some() && wanted != part.session.as_deref() {
        eprintln!(
            "Error: thread/resume: thread/resume failed: no rollout found for thread id {}",
            wanted.unwrap_or("?")
        );
        std::process::exit(1);
    }
    let mut prompt = String::new();
    std::io::stdin().read_to_string(&mut prompt).expect("a prompt");
    part.note(&format!("told {}", Value::from(prompt)));
    tell(&json!({"type": "thread.started", "thread_id": wanted.unwrap_or("codex-1")}));
    tell(&json!({"type": "turn.started"}));
    for (number, step) in part.turns.first().into_iter().flatten().enumerate() {
        if let Err(message) = act(&format!("item_{number}"), step) {
            tell(&json!({"type": "error", "message": message}));
            tell(&json!({"type": "turn.failed", "error": {"message": message}}));
            std::process::exit(1);
        }
    }
    let counted = if part.free { 0 } else { 100 };
    // Of the thread, not of the turn.
    let counted = if wanted.is_some() { counted * 3 } else { counted };
    tell(
        &json!({"type": "turn.completed", "usage": {"input_tokens": counted, "cached_input_tokens": 0, "output_tokens": counted / 10}}),
    );
}

fn act(id: &str, step: &Step) -> Result<(), String> {
    let item = |kind: &str, item: Value| {
        let mut line = json!({"type": kind, "item": item});
        line["item"]["id"] = id.into();
        tell(&line);
    };
    let says = |text: String| item("item.completed", json!({"type": "agent_message", "text": text}));
    match step {
        Step::Say(text) => says(text.clone()),
        Step::Write(path, content) => {
            let change = json!({"type": "file_change", "changes": [{"path": path, "kind": "add"}]});
            item("item.started", change.clone());
            write(path, content);
            item("item.completed", change);
        }
        Step::Run(line) => {
            item("item.started", json!({"type": "command_execution", "command": line}));
            let output = run(line);
            item("item.completed", json!({"type": "command_execution", "command": line}));
            says(output);
        }
        Step::Retry(status) => {
            tell(
                &json!({"type": "error", "message": format!("Reconnecting... 1/5 (status {status} Too Many Requests)")}),
            );
        }
        Step::Chatter(count) => (0..*count).for_each(|number| says(format!("word {number}"))),
        Step::Long(bytes) => println!("{}", "x".repeat(*bytes)),
        Step::Hang | Step::Deaf => loop {
            std::thread::park();
        },
        Step::Fail(_, words) => return Err(words.clone()),
        Step::Die => std::process::exit(9),
        Step::Ask(_) | Step::Listen | Step::ListenLate => panic!("it cannot"),
    }
    Ok(())
}
