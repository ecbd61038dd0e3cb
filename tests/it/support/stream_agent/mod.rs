//! An agent that speaks in lines as Claude Code or Codex do, as far as `tests/it/transcripts/` has their words, and
//! does what `FAKE_STREAM` says: `{"codex": false, "turns": [[<step>, …], …], …}`.

mod claude;
mod codex;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;

/// The hidden mode: not a test, an agent for other tests.
#[test]
#[ignore = "an agent for other tests: it speaks on its standard output"]
fn speaks() {
    let Ok(part) = std::env::var("FAKE_STREAM") else { return };
    let part: Part = serde_json::from_str(&part).expect("a part");
    // The test harness has begun a line of its own.
    println!();
    let words = std::env::var("FAKE_WORDS").expect("its arguments");
    part.note(&format!("started with {words}"));
    if part.codex {
        codex::play(&part, &words)
    } else {
        claude::play(&part, &words)
    }
    std::process::exit(0);
}

/// What the agent is to do.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Part {
    codex: bool,
    /// By turn, of this process.
    turns: Vec<Vec<Step>>,
    /// The session that can be gone on with, where there is one.
    session: Option<String>,
    /// A file that it notes in how it is started and what it is told.
    notes: Option<PathBuf>,
    logged_out: bool,
    /// It counts no tokens.
    free: bool,
    /// Messages of earlier processes that its sums go on from.
    restored: u64,
    /// It says what was used since the last result as well.
    since: bool,
    /// Tokens of calls that it does not show, one an input.
    hidden: u64,
}

/// One thing that it does.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    Say(String),
    /// Writes a file with a tool, if it may.
    Write(String, String),
    /// Runs a command with a tool, if it may; its output becomes a message.
    Run(String),
    /// Asks the user.
    Ask(String),
    /// Its model refuses: it waits, and tries again.
    Retry(u64),
    /// Waits for a word into its turn, and says it.
    Listen,
    /// Waits for a word, and takes it up only behind this turn.
    ListenLate,
    /// Many messages.
    Chatter(usize),
    /// A line of so many bytes.
    Long(usize),
    /// Waits until it is interrupted.
    Hang,
    /// Waits, and does not hear.
    Deaf,
    /// Its model answers this status, with these words, for good.
    Fail(u64, String),
    Die,
}

impl Part {
    fn note(&self, line: &str) {
        if let Some(file) = &self.notes {
            let mut file = std::fs::File::options().append(true).create(true).open(file).expect("a file");
            writeln!(file, "{line}").expect("a note");
        }
    }
}

fn run(line: &str) -> String {
    let output = Command::new("sh").args(["-c", line]).output().expect("a shell");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn write(path: &str, content: &str) {
    let path = PathBuf::from(path);
    std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
    std::fs::write(path, content).expect("a file");
}

fn tell(line: &Value) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("a listener");
}
