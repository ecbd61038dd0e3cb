//! What a user configures of agents: whom there is, what they may run, how they are asked.

use std::path::PathBuf;

use super::policy::CommandRules;
use super::profile::Profiles;

/// The settings. The defaults are the built-in agents, rules and prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentSettings {
    /// The agents by name.
    pub profiles: Profiles,
    /// The commands that agents may run.
    pub rules: CommandRules,
    /// The template of prompts; `None` is the built-in one.
    pub template: Option<PathBuf>,
}
