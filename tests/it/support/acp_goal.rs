//! A goal whose only agent speaks the Agent Client Protocol and plays a part: see `support::acp_agent`.

use serde_json::{Value, json};

use crate::support::omk::Ran;
use crate::support::scene::{GATE, Scene, Session};

/// A user who has configured the agent `it`.
pub(crate) struct Bench {
    pub(crate) scene: Scene,
    part: Value,
}

/// A slice that the agent works on; it may write `<id>.txt`.
pub(crate) fn slice(id: &str, more: &str) -> String {
    format!("[[slices]]\nid = \"{id}\"\ntitle = \"Do {id}\"\nwrites = [\"{id}.txt\"]\n{more}\n")
}

/// A command that the agent runs through us.
pub(crate) fn shell(script: &str) -> Value {
    json!({ "run": ["sh", "-c", script] })
}

impl Bench {
    /// A user whose agent does the same in each of its processes.
    pub(crate) fn new(scene: Scene, steps: &Value) -> Self {
        let part = json!({"turns": [steps], "prompts": scene.place.path("prompts")});
        let bench = Self { scene, part };
        bench.configure("prompt", "");
        bench
    }

    /// Writes the configuration: how the agent is told something while it works, and more.
    pub(crate) fn configure(&self, steer: &str, more: &str) {
        let exe = std::env::current_exe().expect("this binary");
        let command =
            json!([exe, "--exact", "support::acp_agent::speaks", "--ignored", "--nocapture", "--test-threads=1"]);
        // A string in JSON is one in TOML.
        let part = Value::String(self.part.to_string());
        let quirks = format!(
            "handshake_ms = 20000, fs_read_cap = true, terminal_cap = true, usage_source = \"any\", stdin_eof_stops = \
             true, steer = \"{steer}\""
        );
        let agent =
            format!("like = \"gemini\"\ncommand = {command}\nenv = {{ FAKE_AGENT = {part} }}\nquirks = {{ {quirks} }}");
        let file = self.scene.place.path(".config/omk/config.toml");
        std::fs::create_dir_all(file.parent().expect("a directory")).expect("a directory");
        std::fs::write(file, format!("{more}\n[agents.it]\n{agent}\n")).expect("a configuration");
    }

    /// Starts a goal of these slices and goes on.
    pub(crate) fn start(&self, slices: &str) -> Session {
        self.scene.start_plan(&(slices.to_owned() + GATE), &["--agent", "it"])
    }

    /// Runs a goal of these slices.
    pub(crate) fn run(&self, slices: &str, more: &[&str]) -> Ran {
        self.scene.run(&(slices.to_owned() + GATE), &[&["--agent", "it"], more].concat())
    }

    /// The prompts so far, as text.
    pub(crate) fn prompts(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.scene.place.path("prompts")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("a text")).collect()
    }
}
