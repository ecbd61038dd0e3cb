//! What an agent for tests is to do: `FAKE_AGENT`, `{"turns": [[<step>, …], …], …}`, one list of steps a prompt.

use serde::Deserialize;
use serde_json::Value;

/// What the agent is to do.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Part {
    pub(crate) turns: Vec<Vec<Step>>,
    /// It is not logged in.
    pub(crate) logged_out: bool,
    /// How it says that one logs in.
    pub(crate) auth: Vec<Value>,
    /// It counts tokens.
    pub(crate) usage: bool,
    /// It goes on with every session; `session/load` tells these updates of its past.
    pub(crate) past: Option<Vec<Value>>,
    /// The ways back into a session that it says it offers: `load`, `resume`.
    pub(crate) offers: Vec<String>,
    /// It dies when a session is taken up.
    pub(crate) fragile: bool,
    /// A directory that the first start makes; a second one meanwhile ends at once.
    pub(crate) set_up: Option<std::path::PathBuf>,
    /// What it says becomes of words into its turn, where that is not that they are heard.
    pub(crate) steered: Option<String>,
    /// What else its answer to a new session holds.
    pub(crate) opened: Option<Value>,
    /// A file that the prompts of its turns are written to.
    pub(crate) prompts: Option<std::path::PathBuf>,
}

/// One thing that it does.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    Say(String),
    Write(String, String),
    Read(String),
    /// A command with its arguments; its output and exit become a message.
    Run(Vec<String>),
    /// The same, left running.
    Leave(Vec<String>),
    /// Asks permission for a tool call; the outcome becomes a message.
    Ask(Value),
    /// A request as it is, for a session of this name; the outcome becomes a message.
    Request(String, String, Value),
    /// An update as it is.
    Update(Value),
    /// Many small updates.
    Chatter(usize),
    /// Waits for words of the operator; they become a message.
    Heed,
    /// Waits until it is cancelled.
    Hang,
    /// Waits, and does not hear that it is cancelled.
    Deaf,
    Stop(String),
    Fail(i32, String),
    Die,
}

impl Part {
    /// The part that this process is to play, if it is to play one.
    pub(crate) fn given() -> Option<Self> {
        let part = std::env::var("FAKE_AGENT").ok()?;
        Some(serde_json::from_str(&part).expect("a part"))
    }

    /// The options that it offers with a request for permission.
    pub(crate) fn options() -> Value {
        serde_json::json!([
            {"optionId": "yes!", "name": "Always", "kind": "allow_always"},
            {"optionId": "yes", "name": "Yes", "kind": "allow_once"},
            {"optionId": "no", "name": "No", "kind": "reject_once"},
        ])
    }

    /// What it tells of a session's past, where it goes on with sessions; it may die of it.
    pub(crate) fn past(&self) -> Option<&[Value]> {
        if self.fragile {
            std::process::exit(7);
        }
        self.past.as_deref()
    }

    /// Its answer to a new session.
    pub(crate) fn opened(&self) -> Value {
        let mut answer = self.opened.clone().unwrap_or_else(|| serde_json::json!({}));
        answer["sessionId"] = "fake-1".into();
        answer
    }

    /// Its options when one of them is set; `None` where it does not offer that value.
    pub(crate) fn set(&self, option: &Value, value: &Value) -> Option<Value> {
        let mut options = self.opened()["configOptions"].clone();
        let it = options.as_array_mut()?.iter_mut().find(|it| it["id"] == *option)?;
        let offered = it["options"].as_array()?.iter().any(|one| one["value"] == *value);
        it["currentValue"] = value.clone();
        offered.then_some(options)
    }

    /// What it says that it can.
    pub(crate) fn capabilities(&self) -> Value {
        let offers = |way: &str| self.offers.iter().any(|offered| offered == way);
        let sessions = if offers("resume") { serde_json::json!({"resume": {}}) } else { serde_json::json!({}) };
        serde_json::json!({"loadSession": offers("load"), "sessionCapabilities": sessions})
    }

    /// Sets its home up, unless somebody else is at it.
    pub(crate) fn set_up(&self) {
        let Some(place) = &self.set_up else { return };
        if place.join("done").exists() {
            return;
        }
        if std::fs::create_dir(place).is_err() {
            // Whoever was at it is done soon.
            let _done = std::fs::write(place.join("done"), "");
            eprintln!("database is locked");
            std::process::exit(1);
        }
        // Whoever begins within this time spoils it.
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert!(!place.join("done").exists(), "somebody else was at it");
        std::fs::write(place.join("done"), "").expect("a file");
    }

    /// Notes a prompt's text.
    pub(crate) fn note(&self, prompt: &Value) {
        if let Some(file) = &self.prompts {
            let earlier = std::fs::read_to_string(file).unwrap_or_default();
            std::fs::write(file, format!("{earlier}{}\n", prompt[0]["text"])).expect("a file");
        }
    }
}
