//! The configuration file, as it is written.
//!
//! Knows every field; one that is unknown, or cannot be what it says, refuses the file whole.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::place::Wrong;
use super::roles::executor;
use super::spending::{BudgetEntry, PriceEntry, prices, role_limits};
use super::{Config, bytes, durations, millis, sizes};
use crate::agents::policy::CommandRules;
use crate::agents::profile::Profiles;
use crate::agents::settings::{AgentSettings, Templates};
use crate::domain::goal::Settings;
use crate::domain::ids::GateName;
use crate::domain::task::{GateCommand, GateKind, GateSpec};
use crate::workflow::plan_file::unix_text;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    agent: Option<String>,
    #[serde(default)]
    stand_ins: Vec<String>,
    max_agents: Option<u32>,
    lease: Option<String>,
    stall: Option<String>,
    attempt_timeout: Option<String>,
    grace: Option<String>,
    restart_intensity: Option<u32>,
    restart_period: Option<String>,
    retries: Option<u32>,
    quarantine_after: Option<u32>,
    gate_timeout: Option<String>,
    backoff: Option<String>,
    wait_for_quota: Option<bool>,
    max_file_size: Option<String>,
    max_attempt_size: Option<String>,
    #[serde(default)]
    gates: Vec<GateEntry>,
    #[serde(default)]
    budget: BudgetEntry,
    #[serde(default)]
    prices: BTreeMap<String, PriceEntry>,
    /// Profiles of agents; their fields are those of `AgentProfile`.
    #[serde(default)]
    agents: BTreeMap<String, serde_json::Value>,
    /// The agent of each role.
    #[serde(default)]
    roles: BTreeMap<String, String>,
    /// What agents may run.
    #[serde(default)]
    commands: CommandRules,
    /// A template of prompts, an absolute path.
    prompt: Option<PathBuf>,
    /// The same for a session that goes on.
    resumed_prompt: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GateEntry {
    name: GateName,
    command: GateCommand,
    #[serde(default)]
    kind: GateKind,
    timeout: Option<String>,
    required: Option<bool>,
}

/// Reads the file; `Err` is what is wrong with it, and in which line.
pub(super) fn read(text: &str) -> Result<Config, String> {
    let text = &unix_text(text);
    let file = toml::from_str(text).map_err(|error| error.to_string())?;
    config(file).map_err(|wrong| wrong.told(text))
}

fn config(file: ConfigFile) -> Result<Config, Wrong> {
    let settings = settings(&file)?;
    let agent = executor(file.agent, &file.roles)?;
    let gates: Result<Vec<_>, _> =
        file.gates.into_iter().enumerate().map(|(number, entry)| gate(number, entry, &settings)).collect();
    Ok(Config {
        gates: gates?,
        settings,
        agent,
        stand_ins: file.stand_ins,
        max_agents: file.max_agents,
        role_limits: role_limits(file.budget)?,
        prices: prices(file.prices)?,
        own_agents: file.agents.keys().cloned().collect(),
        agents: AgentSettings {
            profiles: profiles(file.agents)?,
            rules: file.commands.beside_built_in(),
            templates: Templates { prompt: file.prompt, resumed: file.resumed_prompt },
        },
    })
}

/// The built-in profiles and the user's. One may be like another that stands later in the file.
fn profiles(mut entries: BTreeMap<String, serde_json::Value>) -> Result<Profiles, Wrong> {
    let mut profiles = Profiles::default();
    let like = |entry: &serde_json::Value| entry.get("like").and_then(|like| like.as_str()).map(str::to_owned);
    while !entries.is_empty() {
        let waits = |name: &String, entry| like(entry).is_some_and(|like| like != *name && entries.contains_key(&like));
        let Some(name) = entries.iter().find(|(name, entry)| !waits(name, entry)).map(|(name, _)| name.clone()) else {
            let names: Vec<_> = entries.keys().map(|name| format!("[agents.{name}]")).collect();
            let problem = format!("{}: each is like another one of them, and none is an agent", names.join(", "));
            return Err(Wrong::at(["agents"].into_iter().chain(entries.keys().map(String::as_str).take(1)), problem));
        };
        let entry = entries.remove(&name).unwrap_or_default();
        profiles.configure(&name, entry).map_err(|bad| {
            let keys = ["agents", &name].into_iter().chain(bad.key.iter().map(String::as_str));
            Wrong::at(keys, bad.to_string())
        })?;
    }
    Ok(profiles)
}

fn settings(file: &ConfigFile) -> Result<Settings, Wrong> {
    let mut settings = Settings::default();
    for (name, least, setting) in durations(&mut settings) {
        let given = match name {
            "lease" => &file.lease,
            "stall" => &file.stall,
            "attempt_timeout" => &file.attempt_timeout,
            "grace" => &file.grace,
            "restart_period" => &file.restart_period,
            "gate_timeout" => &file.gate_timeout,
            _ => &file.backoff,
        };
        if let Some(text) = given {
            *setting = millis(text, least).map_err(|problem| Wrong::at([name], format!("`{name}`: {problem}")))?;
        }
    }
    for (name, setting) in sizes(&mut settings) {
        let given = if name == "max_file_size" { &file.max_file_size } else { &file.max_attempt_size };
        if let Some(text) = given {
            *setting = bytes(text).map_err(|problem| Wrong::at([name], format!("`{name}`: {problem}")))?;
        }
    }
    settings.restart_intensity = file.restart_intensity.unwrap_or(settings.restart_intensity);
    settings.retries = file.retries.unwrap_or(settings.retries);
    settings.quarantine_after = file.quarantine_after.unwrap_or(settings.quarantine_after);
    settings.wait_for_quota = file.wait_for_quota.unwrap_or(settings.wait_for_quota);
    Ok(settings)
}

fn gate(number: usize, entry: GateEntry, settings: &Settings) -> Result<GateSpec, Wrong> {
    let timeout = entry.timeout.as_deref().map(|text| millis(text, 1)).transpose();
    let timeout = timeout.map_err(|problem| {
        Wrong::at(["gates", &number.to_string(), "timeout"], format!("gate `{}`: {problem}", entry.name))
    })?;
    Ok(GateSpec {
        name: entry.name,
        command: entry.command,
        kind: entry.kind,
        timeout_ms: timeout.unwrap_or(settings.gate_timeout_ms),
        required: entry.required.unwrap_or(true),
    })
}
