//! What an agent is, as data: its program, its environment, how it differs from others.
//!
//! Adapters read profiles and never an agent's name: what differs between agents of one protocol is a quirk, not a
//! code path. Whoever configures an agent starts from another one (`like`) and overrides what differs.

mod builtin;
mod check;
mod entry;
pub mod generation;
pub mod login;
mod providers;
pub mod quirks;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use self::entry::Flaw;
use self::quirks::Quirks;

/// What an agent speaks on its standard streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Agent Client Protocol, version 1.
    #[default]
    Acp,
    /// Claude Code, `stream-json` both ways.
    ClaudeStreamJson,
    /// Codex, `exec --json`.
    CodexExec,
    /// Kimi Wire.
    KimiWire,
    /// The protocol of `cmd:` agents.
    Cmd,
}

/// Where an agent keeps its sessions, settings and login.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Home {
    /// The variable that moves it.
    pub variable: String,
    /// Where it is without that, relative to `$HOME`.
    pub usual: PathBuf,
    /// A private one, absolute; `None` keeps the user's, with the user's login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private: Option<PathBuf>,
    /// The files and directories in the user's that hold the login: they are linked into a private one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub login: Vec<PathBuf>,
}

/// One agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AgentProfile {
    /// What `--agent` takes.
    pub name: String,
    /// What it speaks.
    pub protocol: Protocol,
    /// The program and its arguments; the program is looked up in `PATH`.
    pub command: Vec<String>,
    /// Variables that are set for it, whatever the user has set.
    pub env: BTreeMap<String, String>,
    /// Variables of the user's that it gets besides those of every agent; `NAME*` stands for all that begin so.
    pub allow: Vec<String>,
    /// More of them, by the variable that has to be switched on for it: those of the cloud that then serves its model.
    pub allow_if: BTreeMap<String, Vec<String>>,
    /// Where it keeps its state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home: Option<Home>,
    /// The model, in its own words; `None` leaves it to its settings. Without `model_env` it is told as its protocol can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The variable that names the model to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_env: Option<String>,
    /// Who serves its model: limits of one provider hold for all agents that use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The command that installs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub install: Option<String>,
    /// What mends a missing login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// Which keys of its user's it gets, for people; of an agent without a command that logs in.
    #[serde(skip)]
    pub keys: Option<String>,
    /// How it differs.
    pub quirks: Quirks,
}

/// A profile that cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("[agents.{name}]: {problem}")]
pub struct BadProfile {
    /// Its name.
    pub name: String,
    /// The keys in its table that lead to what is wrong, as far as it is one of them.
    pub key: Vec<String>,
    /// What is wrong with it.
    pub problem: String,
}

impl AgentProfile {
    /// The profile of `acp:<command>`: nothing is known about the program but what it speaks.
    pub fn plain_acp(command: &str) -> Self {
        Self {
            name: format!("acp:{command}"),
            command: vec!["sh".to_owned(), "-c".to_owned(), command.to_owned()],
            allow: providers::keys(),
            allow_if: providers::clouds(),
            ..Self::default()
        }
    }

    /// Whether it can be told anything during a turn.
    pub fn hears(&self) -> bool {
        match self.protocol {
            Protocol::Cmd => false,
            Protocol::Acp | Protocol::ClaudeStreamJson | Protocol::CodexExec | Protocol::KimiWire => {
                self.quirks.hears()
            }
        }
    }

    /// What mends that it cannot be used: its login, or its installation.
    pub fn mend(&self) -> String {
        match (&self.login, &self.install) {
            (Some(login), Some(install)) => format!("log in with `{login}`, or install it with `{install}`"),
            (Some(login), None) => format!("log in with `{login}`"),
            (None, Some(install)) => format!("install it with `{install}`"),
            (None, None) => {
                let line = super::cmd::shell_line(&self.command);
                format!("try `{line}` by hand, where it sees every variable of your shell")
            }
        }
    }
}

/// All agents that have a profile, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profiles {
    all: Vec<AgentProfile>,
}

impl Default for Profiles {
    /// The built-in ones.
    fn default() -> Self {
        Self { all: builtin::all() }
    }
}

impl Profiles {
    /// The profile of that name.
    pub fn find(&self, name: &str) -> Option<&AgentProfile> {
        self.all.iter().find(|profile| profile.name == name)
    }

    /// All of them, the preferred first.
    pub fn all(&self) -> impl Iterator<Item = &AgentProfile> {
        self.all.iter()
    }

    /// All names, the preferred first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|profile| profile.name.as_str())
    }

    /// Adds or replaces an agent. `entry` is a table of [`AgentProfile`]'s fields; what it leaves out comes from the
    /// agent that its `like` names, else from the one that it replaces, else from the defaults.
    pub fn configure(&mut self, name: &str, entry: Value) -> Result<(), BadProfile> {
        let bad = |Flaw { key, problem }| BadProfile { name: name.escape_debug().to_string(), key, problem };
        let Value::Object(mut entry) = entry else { return Err(bad(Flaw::at("", "it is no table"))) };
        let unlike = |like: &str| bad(Flaw::at("like", entry::unlike(like, self.names())));
        let base = match entry.remove("like") {
            Some(Value::String(like)) => Some(self.find(&like).ok_or_else(|| unlike(&like))?),
            Some(_) => return Err(bad(Flaw::at("like", "`like` is no text: it names an agent"))),
            None => self.find(name),
        };
        let base = base.cloned().unwrap_or_default();
        let asks_itself = entry.get("quirks").is_some_and(|quirks| quirks.get("login_ask").is_some());
        let mut profile = entry::read(&base, entry).map_err(bad)?;
        // Another program may take the question for its task.
        if !asks_itself && program_of(&profile) != program_of(&base) {
            profile.quirks.login_ask = None;
        }
        name.clone_into(&mut profile.name);
        check::check(&profile).map_err(bad)?;
        self.all.retain(|other| other.name != name);
        self.all.push(profile);
        Ok(())
    }
}

/// The name of an agent's program, wherever it is.
fn program_of(profile: &AgentProfile) -> Option<&OsStr> {
    profile.command.first().and_then(|program| Path::new(program).file_name())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_agent_of_the_users_is_like_another_but_for_what_it_says() {
        let mut profiles = Profiles::default();
        let kimi = profiles.find("kimi").expect("a built-in one").clone();
        let entry = json!({"like": "kimi", "model": "k2", "env": {"A": "b"}, "quirks": {"handshake_ms": 5}});
        profiles.configure("mine", entry).expect("a profile");
        let mut expected = AgentProfile { name: "mine".into(), model: Some("k2".into()), ..kimi };
        expected.env.insert("A".into(), "b".into());
        expected.quirks.handshake_ms = 5;
        assert_eq!(profiles.find("mine"), Some(&expected));
    }

    #[test]
    fn another_program_is_not_asked_for_the_login_of_the_one_that_it_is_like() {
        let asks = |entry: Value| {
            let mut profiles = Profiles::default();
            profiles.configure("mine", entry).expect("a profile");
            profiles.find("mine").is_some_and(|mine| mine.quirks.login_ask.is_some())
        };
        assert!(asks(json!({"like": "claude-code", "model": "m"})));
        assert!(asks(json!({"like": "claude-code", "command": ["/opt/claude/bin/claude"]})));
        assert!(!asks(json!({"like": "claude-code", "command": ["in-a-box", "claude"]})));
        let own = json!({"login_ask": {"ask": ["claude", "auth", "status"]}});
        assert!(asks(json!({"like": "claude-code", "command": ["in-a-box", "claude"], "quirks": own})));
    }

    #[test]
    fn every_built_in_agent_takes_a_model() {
        for name in builtin::all().into_iter().map(|profile| profile.name) {
            assert_eq!(Profiles::default().configure(&name, json!({"model": "m"})), Ok(()), "{name}");
        }
    }

    #[test]
    fn a_profile_that_cannot_work_is_refused_with_the_reason() {
        let refused = |name: &str, entry| Profiles::default().configure(name, entry).expect_err("refused").problem;
        assert_eq!(refused("x", json!({})), "it has no `command`");
        assert!(refused("x", json!({"like": "nobody"})).starts_with("`like`: there is no agent `nobody`; there are"));
        assert!(refused("acp:x", json!({"command": ["x"]})).contains("must be letters"));
        let model = json!({"command": ["x"], "protocol": "cmd", "model": "m"});
        assert!(refused("x", model).contains("name the variable that it reads it from (`model_env`)"));
        for file in ["../x", "/x", ""] {
            let home = json!({"variable": "X", "usual": ".x", "login": [file]});
            assert!(refused("x", json!({"command": ["x"], "home": home})).starts_with("`home.login`: "), "{file}");
        }
    }

    #[test]
    fn every_built_in_agent_passes_its_own_check() {
        for profile in builtin::all() {
            assert_eq!(check::check(&profile), Ok(()), "{}", profile.name);
            assert!(profile.login.is_some() && profile.install.is_some(), "{}", profile.name);
        }
    }
}
