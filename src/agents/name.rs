//! How an agent is named: `script`, `cmd:<command>`, `acp:<command>`, or by the name of its profile.

use std::fmt;

use thiserror::Error;

use super::profile::Profiles;

/// Names that need no profile.
const FORMS: [&str; 3] = ["script", "cmd:<command>", "acp:<command>"];

/// An agent's name, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentName {
    /// The built-in agent, which runs the slice's `run`.
    Script,
    /// Any program: a line for `sh -c`.
    Command(String),
    /// Any program that speaks the Agent Client Protocol: a line for `sh -c`.
    Acp(String),
    /// An agent that has a profile.
    Profile(String),
}

/// A name that is no agent's.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("agent `{name}` {problem}; known agents: {known}")]
pub struct UnknownAgent {
    /// The name as it was given, control characters escaped.
    pub name: String,
    /// What is wrong with it.
    pub problem: &'static str,
    /// The names and forms that there are, separated by commas.
    pub known: String,
}

/// Reads an agent's name with the built-in profiles, or says which ones there are.
pub fn parse_agent(text: &str) -> Result<AgentName, UnknownAgent> {
    parse_agent_among(text, &Profiles::default())
}

/// Reads an agent's name, or says which ones there are.
pub fn parse_agent_among(text: &str, profiles: &Profiles) -> Result<AgentName, UnknownAgent> {
    let refused = |problem| {
        let known: Vec<_> = FORMS.into_iter().chain(profiles.names()).collect();
        UnknownAgent { name: text.escape_debug().to_string(), problem, known: known.join(", ") }
    };
    let command = |command: &str| match command {
        empty if empty.trim().is_empty() => Err(refused("has no command")),
        zero if zero.contains('\0') => Err(refused("holds a zero byte")),
        command => Ok(command.to_owned()),
    };
    if let Some(line) = text.strip_prefix("cmd:") {
        return command(line).map(AgentName::Command);
    }
    if let Some(line) = text.strip_prefix("acp:") {
        return command(line).map(AgentName::Acp);
    }
    match text {
        "script" => Ok(AgentName::Script),
        name if profiles.find(name).is_some() => Ok(AgentName::Profile(name.to_owned())),
        _ => Err(refused("is not known")),
    }
}

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Script => f.write_str("script"),
            Self::Command(command) => write!(f, "cmd:{command}"),
            Self::Acp(command) => write!(f, "acp:{command}"),
            Self::Profile(name) => f.write_str(name),
        }
    }
}

impl AgentName {
    /// The name with a relative command made absolute at `cwd`, so that it means the same from anywhere.
    pub fn anchored(&self, cwd: &std::path::Path) -> String {
        let anchor = |command: &str| crate::agents::cmd::command_line(command, cwd);
        match self {
            Self::Script | Self::Profile(_) => self.to_string(),
            Self::Command(command) => Self::Command(anchor(command)).to_string(),
            Self::Acp(command) => Self::Acp(anchor(command)).to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_others_refused_with_what_is_known() {
        assert_eq!(parse_agent("script"), Ok(AgentName::Script));
        assert_eq!(parse_agent("cmd:my agent"), Ok(AgentName::Command("my agent".into())));
        assert_eq!(parse_agent("acp:my agent"), Ok(AgentName::Acp("my agent".into())));
        assert_eq!(parse_agent("kimi"), Ok(AgentName::Profile("kimi".into())));
        let refused = |text| parse_agent(text).expect_err("refused").to_string();
        let known = "known agents: script, cmd:<command>, acp:<command>, kimi, claude-code, claude, codex, codex-exec, \
                     opencode, gemini, kimi-cli";
        assert_eq!(refused("clod"), format!("agent `clod` is not known; {known}"));
        assert_eq!(refused("cmd: "), format!("agent `cmd: ` has no command; {known}"));
    }

    #[test]
    fn a_relative_command_keeps_its_meaning() {
        let anchored = |text| parse_agent(text).expect("a name").anchored(std::path::Path::new("/here"));
        assert_eq!((anchored("acp:./a b").as_str(), anchored("kimi").as_str()), ("acp:'/here/./a' b", "kimi"));
    }
}
