//! `omk doctor`: what a run would meet here, tried before one begins.
//!
//! Owns what counts as usable. Everything is tried for real, and nothing is left behind: agents are greeted in a
//! throw-away directory and spend nothing, git works on a repository of its own. No network but what agents do.

mod agents;
mod places;
pub mod report;
mod trial;

use std::collections::BTreeSet;

use crate::agents::name::parse_agent_among;
use crate::app::Omk;
use crate::app::create::usage;
use crate::app::doctor::report::{AgentCheck, AgentState, Diagnosis};
use crate::app::error::AppError;
use crate::app::meeting::{HostFor, greeter};
use crate::domain::agent::SCRIPT;

impl Omk {
    /// Tries the agents that are `named`, or else all that are known, and the rest of what runs need. Blocks until the
    /// last agent has answered or was let go.
    pub fn doctor(&self, named: &[String]) -> Result<Diagnosis, AppError> {
        let profiles = &self.config.agents.profiles;
        for name in named {
            parse_agent_among(name, profiles).map_err(|error| usage(error.to_string(), &[]))?;
        }
        let wanted = self.wanted(named);
        let HostFor { host, place, runtime } = greeter(self, "doctor")?;
        let tried = match named {
            [] => each_once(wanted.iter().cloned().chain(profiles.names().map(str::to_owned))),
            named => each_once(named.iter().cloned()),
        };
        let agents = runtime.block_on(agents::try_all(&host, &tried, place.path()));
        let agents: Vec<_> = agents.into_iter().map(|met| self.agent_check(met, &wanted)).collect();
        let mut checks = runtime.block_on(trial::git(place.path()));
        checks.extend(places::state(self.state.path()));
        checks.extend(places::sandbox());
        checks.extend(places::forge(&self.variables));
        let default = self.default_agent(&agents);
        Ok(Diagnosis { schema: report::SCHEMA, agents, default, checks })
    }

    /// The agents that somebody asked for: that one of them cannot be used is a failure.
    fn wanted(&self, named: &[String]) -> BTreeSet<String> {
        let configured = self.config.agent.iter().chain(&self.config.stand_ins).chain(&self.config.own_agents);
        configured.chain(named).filter(|name| *name != SCRIPT).cloned().collect()
    }

    /// Who works on a goal that names nobody.
    fn default_agent(&self, agents: &[AgentCheck]) -> Option<String> {
        let usable = |name: &str| agents.iter().find(|it| it.name == name && it.state == AgentState::Usable);
        let all: Vec<_> = crate::app::choice::ORDER.into_iter().filter_map(usable).collect();
        let first = all.iter().find(|agent| !agent.lacks_login()).or(all.first());
        self.config.agent.clone().or_else(|| first.map(|agent| agent.name.clone()))
    }
}

fn each_once(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    names.filter(|name| seen.insert(name.clone())).collect()
}
