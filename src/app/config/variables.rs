//! The `OMK_…` variables that win over the configuration file. An empty one is as good as none.

use std::ffi::OsString;

use super::values::{agents, retries};
use super::{Config, Variables, bytes, durations, millis, sizes, wrong};
use crate::app::error::AppError;

const MAX_AGENTS: &str = "OMK_MAX_AGENTS";

/// Lays the variables over a configuration.
pub(super) fn override_by(variables: &Variables, config: &mut Config) -> Result<(), AppError> {
    let given = Given(variables);
    for (name, least, setting) in durations(&mut config.settings) {
        let name = format!("OMK_{}", name.to_ascii_uppercase());
        if let Some(text) = given.text(&name) {
            *setting = millis(&text, least).map_err(|problem| wrong(&format!("${name}"), &problem))?;
        }
    }
    for (name, setting) in sizes(&mut config.settings) {
        let name = format!("OMK_{}", name.to_ascii_uppercase());
        if let Some(text) = given.text(&name) {
            *setting = bytes(&text).map_err(|problem| wrong(&format!("${name}"), &problem))?;
        }
    }
    let settings = &mut config.settings;
    let numbers = [
        ("OMK_RESTART_INTENSITY", &mut settings.restart_intensity),
        ("OMK_RETRIES", &mut settings.retries),
        ("OMK_QUARANTINE_AFTER", &mut settings.quarantine_after),
    ];
    for (name, setting) in numbers {
        *setting = given.number(name)?.unwrap_or(*setting);
    }
    retries(settings.retries).map_err(|problem| wrong("$OMK_RETRIES", &problem))?;
    settings.wait_for_quota = given.flag("OMK_WAIT_FOR_QUOTA")?.unwrap_or(settings.wait_for_quota);
    if let Some(count) = given.number(MAX_AGENTS)? {
        agents(count).map_err(|problem| wrong(&format!("${MAX_AGENTS}"), &problem))?;
        config.max_agents = Some(count);
    }
    config.agent = given.text("OMK_AGENT").or(config.agent.take());
    if let Some(names) = given.text("OMK_STAND_INS") {
        let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
        config.stand_ins = names.map(str::to_owned).collect();
    }
    Ok(())
}

struct Given<'a>(&'a Variables);

impl Given<'_> {
    fn text(&self, name: &str) -> Option<String> {
        let value = self.0.get(&OsString::from(name)).filter(|value| !value.is_empty());
        value.map(|value| value.to_string_lossy().into_owned())
    }

    fn number(&self, name: &str) -> Result<Option<u32>, AppError> {
        let Some(given) = self.text(name) else { return Ok(None) };
        given.parse().map(Some).map_err(|_| wrong(&format!("${name}"), &format!("`{given}` is no whole number")))
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, AppError> {
        match self.text(name).as_deref() {
            None => Ok(None),
            Some("true" | "1" | "yes") => Ok(Some(true)),
            Some("false" | "0" | "no") => Ok(Some(false)),
            Some(other) => Err(wrong(&format!("${name}"), &format!("`{other}` is neither true nor false"))),
        }
    }
}
