//! What a user configures of agents: whom there is, what they may run, how they are asked.

use std::path::PathBuf;

use super::policy::CommandRules;
use super::profile::Profiles;

/// The user's templates of prompts; `None` is the built-in one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Templates {
    /// Of what an agent is told first.
    pub prompt: Option<PathBuf>,
    /// Of what is said first in a session that goes on.
    pub resumed: Option<PathBuf>,
}

/// The settings. The defaults are the built-in agents, rules and prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentSettings {
    /// The agents by name.
    pub profiles: Profiles,
    /// The commands that agents may run.
    pub rules: CommandRules,
    /// The templates of prompts.
    pub templates: Templates,
}
