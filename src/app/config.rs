//! The user's configuration: a file outside of every repository, and `OMK_…` variables, which win.
//!
//! A repository's own files are never read for this: whoever can write there could loosen what judges it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::app::error::AppError;
use crate::domain::goal::Settings;
use crate::domain::ids::GateName;
use crate::domain::task::{GateCommand, GateKind, GateSpec};

/// What the user configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The numbers that supervise a goal.
    pub settings: Settings,
    /// The agent of slices without a `run`.
    pub agent: Option<String>,
    /// Slices that may be worked on at once.
    pub max_agents: Option<u32>,
    /// Gates for repositories whose plan names none.
    pub gates: Vec<GateSpec>,
}

/// The file, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    agent: Option<String>,
    max_agents: Option<u32>,
    lease: Option<String>,
    grace: Option<String>,
    restart_intensity: Option<u32>,
    restart_period: Option<String>,
    retries: Option<u32>,
    gate_timeout: Option<String>,
    attempt_timeout: Option<String>,
    #[serde(default)]
    gates: Vec<GateEntry>,
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

/// The environment that the program was started with.
pub type Variables = BTreeMap<OsString, OsString>;

/// Where the file is: `$OMK_CONFIG`, else `$XDG_CONFIG_HOME/omk/config.toml`, else `~/.config/omk/config.toml`.
fn location(variables: &Variables) -> Option<PathBuf> {
    let path = |name: &str| variables.get(&OsString::from(name)).filter(|v| !v.is_empty()).map(PathBuf::from);
    path("OMK_CONFIG")
        .or_else(|| path("XDG_CONFIG_HOME").map(|home| home.join("omk/config.toml")))
        .or_else(|| path("HOME").map(|home| home.join(".config/omk/config.toml")))
}

/// Reads the configuration; a missing file is the default one, unless `$OMK_CONFIG` names it.
pub fn load(variables: &Variables) -> Result<Config, AppError> {
    let mut config = Config::default();
    if let Some(path) = location(variables) {
        match std::fs::read_to_string(&path) {
            Ok(text) => config = read(&text, &path)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !named(variables) => {}
            Err(error) => return Err(refused(&path, &error.to_string())),
        }
    }
    override_by(variables, &mut config)?;
    Ok(config)
}

fn named(variables: &Variables) -> bool {
    variables.contains_key(&OsString::from("OMK_CONFIG"))
}

fn refused(path: &Path, problem: &str) -> AppError {
    AppError::Usage {
        message: format!("the configuration {} cannot be used: {}", path.display(), problem.trim_end()),
        help: vec!["docs/cli.md lists every field and variable".to_owned()],
    }
}

fn read(text: &str, path: &Path) -> Result<Config, AppError> {
    let file: ConfigFile = toml::from_str(text).map_err(|error| refused(path, &error.to_string()))?;
    let mut settings = Settings::default();
    let durations = [
        ("lease", &file.lease, &mut settings.lease_ms),
        ("grace", &file.grace, &mut settings.grace_ms),
        ("restart_period", &file.restart_period, &mut settings.restart_period_ms),
        ("gate_timeout", &file.gate_timeout, &mut settings.gate_timeout_ms),
        ("attempt_timeout", &file.attempt_timeout, &mut settings.attempt_timeout_ms),
    ];
    for (name, given, setting) in durations {
        if let Some(text) = given {
            *setting = millis(text).map_err(|problem| refused(path, &format!("`{name}`: {problem}")))?;
        }
    }
    settings.restart_intensity = file.restart_intensity.unwrap_or(settings.restart_intensity);
    settings.retries = file.retries.unwrap_or(settings.retries);
    let gates: Result<Vec<_>, _> = file.gates.into_iter().map(|entry| gate(entry, &settings, path)).collect();
    Ok(Config { gates: gates?, settings, agent: file.agent, max_agents: file.max_agents })
}

fn gate(entry: GateEntry, settings: &Settings, path: &Path) -> Result<GateSpec, AppError> {
    let timeout = entry.timeout.as_deref().map(millis).transpose();
    let timeout = timeout.map_err(|problem| refused(path, &format!("gate `{}`: {problem}", entry.name)))?;
    Ok(GateSpec {
        name: entry.name,
        command: entry.command,
        kind: entry.kind,
        timeout_ms: timeout.unwrap_or(settings.gate_timeout_ms),
        required: entry.required.unwrap_or(true),
    })
}

/// A duration such as `90s` or `5m`, in milliseconds; at least one millisecond.
fn millis(text: &str) -> Result<u64, String> {
    let duration = humantime::parse_duration(text).map_err(|error| format!("`{text}` is no duration: {error}"))?;
    match u64::try_from(duration.as_millis()) {
        Ok(0) | Err(_) => Err(format!("`{text}` is out of range")),
        Ok(ms) => Ok(ms),
    }
}

fn override_by(variables: &Variables, config: &mut Config) -> Result<(), AppError> {
    let text = |name: &str| {
        let value = variables.get(&OsString::from(name)).filter(|value| !value.is_empty());
        value.map(|value| value.to_string_lossy().into_owned())
    };
    let wrong = |name: &str, problem: String| AppError::Usage {
        message: format!("${name} cannot be used: {problem}"),
        help: vec!["docs/cli.md lists every field and variable".to_owned()],
    };
    let settings = &mut config.settings;
    let durations = [
        ("OMK_LEASE", &mut settings.lease_ms),
        ("OMK_GRACE", &mut settings.grace_ms),
        ("OMK_RESTART_PERIOD", &mut settings.restart_period_ms),
        ("OMK_GATE_TIMEOUT", &mut settings.gate_timeout_ms),
        ("OMK_ATTEMPT_TIMEOUT", &mut settings.attempt_timeout_ms),
    ];
    for (name, setting) in durations {
        if let Some(given) = text(name) {
            *setting = millis(&given).map_err(|problem| wrong(name, problem))?;
        }
    }
    let number = |name: &str, given: String| {
        given.parse::<u32>().map_err(|_| wrong(name, format!("`{given}` is no whole number")))
    };
    if let Some(given) = text("OMK_RESTART_INTENSITY") {
        settings.restart_intensity = number("OMK_RESTART_INTENSITY", given)?;
    }
    if let Some(given) = text("OMK_RETRIES") {
        settings.retries = number("OMK_RETRIES", given)?;
    }
    if let Some(given) = text("OMK_MAX_AGENTS") {
        config.max_agents = Some(number("OMK_MAX_AGENTS", given)?);
    }
    config.agent = text("OMK_AGENT").or(config.agent.take());
    Ok(())
}
