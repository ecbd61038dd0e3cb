//! What no agent can be configured to be: refused when the configuration is read, with what helps.

use std::path::{Component, Path};

use super::entry::Flaw;
use super::{AgentProfile, Home, Protocol};

/// Whether an agent of this profile can be started and told what the profile says.
pub(super) fn check(profile: &AgentProfile) -> Result<(), Flaw> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if profile.name.is_empty() || !profile.name.chars().all(plain) || profile.name == "script" {
        return Err(Flaw::at("", "its name must be letters, digits, `-`, `_` or `.`, and not `script`"));
    }
    if profile.command.first().is_none_or(|program| program.trim().is_empty()) {
        return Err(Flaw::at("command", "it has no `command`"));
    }
    if profile.model.is_some() && !can_be_told_its_model(profile) {
        let helps = "name the variable that it reads it from (`model_env`), or put the model into its `command`";
        return Err(Flaw::at("model", format!("`model`: its protocol has no way to say it; {helps}")));
    }
    profile.home.as_ref().map_or(Ok(()), home)
}

fn can_be_told_its_model(profile: &AgentProfile) -> bool {
    profile.model_env.is_some()
        || match profile.protocol {
            // A choice in the session, or an argument.
            Protocol::Acp | Protocol::ClaudeStreamJson | Protocol::CodexExec => true,
            Protocol::KimiWire | Protocol::Cmd => false,
        }
}

fn home(home: &Home) -> Result<(), Flaw> {
    if let Some(private) = home.private.as_ref().filter(|private| !private.is_absolute()) {
        return Err(Flaw::at("home", format!("its home {} is not absolute", private.display())));
    }
    let within = |file: &Path| {
        let mut parts = file.components().peekable();
        parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
    };
    match home.login.iter().find(|file| !within(file)) {
        Some(file) => {
            let problem = format!("`home.login`: `{}` is no path within the agent's home", file.display());
            Err(Flaw { key: vec!["home".to_owned(), "login".to_owned()], problem })
        }
        None => Ok(()),
    }
}
