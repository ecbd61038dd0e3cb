//! How an agent is named: `script`, `cmd:<command>`.

use std::fmt;

use thiserror::Error;

/// The agents that this version knows.
pub const KNOWN: [&str; 2] = ["script", "cmd:<command>"];

/// An agent's name, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentName {
    /// The built-in agent, which runs the slice's `run`.
    Script,
    /// Any program: a line for `sh -c`.
    Command(String),
}

/// A name that is no agent's.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("agent `{name}` {problem}; known agents: {}", KNOWN.join(", "))]
pub struct UnknownAgent {
    /// The name as it was given, control characters escaped.
    pub name: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// Reads an agent's name, or says which ones there are.
pub fn parse_agent(text: &str) -> Result<AgentName, UnknownAgent> {
    let refuse = |problem| Err(UnknownAgent { name: text.escape_debug().to_string(), problem });
    match text.strip_prefix("cmd:") {
        Some(command) if command.trim().is_empty() => refuse("has no command"),
        Some(command) if command.contains('\0') => refuse("holds a zero byte"),
        Some(command) => Ok(AgentName::Command(command.to_owned())),
        None if text == "script" => Ok(AgentName::Script),
        None => refuse("is not known"),
    }
}

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Script => f.write_str("script"),
            Self::Command(command) => write!(f, "cmd:{command}"),
        }
    }
}

impl AgentName {
    /// The name with a relative command made absolute at `cwd`, so that it means the same from anywhere.
    pub fn anchored(&self, cwd: &std::path::Path) -> String {
        match self {
            Self::Script => self.to_string(),
            Self::Command(command) => Self::Command(crate::agents::cmd::command_line(command, cwd)).to_string(),
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
        let refused = |text| parse_agent(text).expect_err("refused").to_string();
        assert_eq!(refused("clod"), "agent `clod` is not known; known agents: script, cmd:<command>");
        assert_eq!(refused("cmd: "), "agent `cmd: ` has no command; known agents: script, cmd:<command>");
    }
}
