//! A goal whose only agent speaks the Agent Client Protocol and plays a part: see `support::acp_agent`.

use serde_json::{Value, json};

use crate::support::omk::Ran;
use crate::support::scene::{GATE, Scene, Session};

/// A user who has configured the agent `it`.
pub(crate) struct Bench {
    pub(crate) scene: Scene,
    part: Value,
}

/// Writes the user's configuration.
pub(crate) fn configure(scene: &Scene, configuration: &Value) {
    let file = scene.place.path(".config/omk/config.toml");
    std::fs::create_dir_all(file.parent().expect("a directory")).expect("a directory");
    std::fs::write(file, toml::to_string(configuration).expect("a form in TOML")).expect("a configuration");
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
        bench.configure("prompt", json!({}));
        bench
    }

    /// The same user, whose agent goes on with each of its sessions.
    pub(crate) fn keeping_sessions(mut self) -> Self {
        self.part["past"] = json!([]);
        self.configure("prompt", json!({}));
        self
    }

    /// Writes the configuration: how the agent is told something while it works, and what agents may run.
    pub(crate) fn configure(&self, steer: &str, commands: Value) {
        let exe = std::env::current_exe().expect("this binary");
        let command =
            json!([exe, "--exact", "support::acp_agent::speaks", "--ignored", "--nocapture", "--test-threads=1"]);
        let quirks = json!({"handshake_ms": 20_000, "fs_read_cap": true, "terminal_cap": true, "usage_source": "any",
            "stdin_eof_stops": true, "steer": steer});
        let env = json!({"FAKE_AGENT": self.part.to_string()});
        let agent = json!({"like": "gemini", "command": command, "env": env, "quirks": quirks});
        configure(&self.scene, &json!({"commands": commands, "agents": {"it": agent}}));
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
