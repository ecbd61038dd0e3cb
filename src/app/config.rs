//! The user's configuration: a file outside of every repository, and `OMK_…` variables, which win.
//!
//! A repository's own files are never read for this: whoever can write there could loosen what judges it.

mod file;
mod place;
mod roles;
mod spending;
mod values;
mod variables;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::agents::settings::AgentSettings;
use crate::app::error::AppError;
use crate::domain::budget::{Limits, Price, Spender};
use crate::domain::goal::Settings;
use crate::domain::task::GateSpec;

/// What the user configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The numbers that supervise a goal.
    pub settings: Settings,
    /// The agent of slices without a `run`.
    pub agent: Option<String>,
    /// Agents that stand in for it, in this order.
    pub stand_ins: Vec<String>,
    /// Slices that may be worked on at once.
    pub max_agents: Option<u32>,
    /// Gates for repositories whose plan names none.
    pub gates: Vec<GateSpec>,
    /// What each role may spend.
    pub role_limits: BTreeMap<Spender, Limits>,
    /// What models cost, by name.
    pub prices: Vec<Price>,
    /// The names of the agents that the user configured a table for.
    pub own_agents: Vec<String>,
    /// Whom there is to do the work, what they may run, how they are asked.
    pub agents: AgentSettings,
}

/// The environment that the program was started with.
pub type Variables = BTreeMap<OsString, OsString>;

/// The most slices that may be worked on at once.
pub const MOST_AGENTS: u32 = 1024;
/// The shortest lease, stall and deadline, in milliseconds: long enough that a busy machine keeps them.
const SHORTEST_CLOCK: u64 = 10;

/// Where the file is: `$OMK_CONFIG`, else `$XDG_CONFIG_HOME/omk/config.toml`, else `~/.config/omk/config.toml`.
pub(super) fn location(variables: &Variables) -> Option<PathBuf> {
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
            Ok(text) => {
                config = file::read(&text).map_err(|problem| refused(&path, &problem))?;
                values::check(&config).map_err(|wrong| refused(&path, &wrong.told(&text)))?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !named(variables) => {}
            Err(error) => return Err(refused(&path, &error.to_string())),
        }
    }
    variables::override_by(variables, &mut config)?;
    Ok(config)
}

fn named(variables: &Variables) -> bool {
    variables.contains_key(&OsString::from("OMK_CONFIG"))
}

fn refused(path: &Path, problem: &str) -> AppError {
    wrong(&format!("the configuration {}", path.display()), problem)
}

fn wrong(what: &str, problem: &str) -> AppError {
    AppError::Usage {
        message: format!("{what} cannot be used: {}", problem.trim_end()),
        help: vec!["docs/cli.md lists every field and variable".to_owned()],
    }
}

/// A duration such as `90s` or `5m`, in milliseconds; at least `least` of them.
fn millis(text: &str, least: u64) -> Result<u64, String> {
    let duration = humantime::parse_duration(text).map_err(|error| format!("`{text}` is no duration: {error}"))?;
    match u64::try_from(duration.as_millis()) {
        Ok(ms) if ms >= least => Ok(ms),
        Ok(_) => Err(format!("`{text}` is out of range: it has to be at least {least}ms")),
        Err(_) => Err(format!("`{text}` is out of range")),
    }
}

/// The settings that are durations: the field, the least that it takes in milliseconds, the setting. The variable of
/// a field is its name in capitals behind `OMK_`.
fn durations(settings: &mut Settings) -> [(&'static str, u64, &mut u64); 7] {
    [
        ("lease", SHORTEST_CLOCK, &mut settings.lease_ms),
        ("stall", SHORTEST_CLOCK, &mut settings.stall_ms),
        ("attempt_timeout", SHORTEST_CLOCK, &mut settings.attempt_timeout_ms),
        ("grace", 1, &mut settings.grace_ms),
        ("restart_period", 1, &mut settings.restart_period_ms),
        ("gate_timeout", 1, &mut settings.gate_timeout_ms),
        ("backoff", 1, &mut settings.backoff_ms),
    ]
}

/// The settings that are sizes: the field, and the setting in bytes. Variables as for durations.
fn sizes(settings: &mut Settings) -> [(&'static str, &mut u64); 2] {
    [("max_file_size", &mut settings.max_file_size), ("max_attempt_size", &mut settings.max_attempt_size)]
}

/// A size such as `300MiB`, `2 GB` or `4096`, in bytes. Units with an `i`, and those of one letter, are powers of 1024.
fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => Some(1),
        "k" | "kib" => Some(1 << 10),
        "m" | "mib" => Some(1 << 20),
        "g" | "gib" => Some(1 << 30),
        "t" | "tib" => Some(1 << 40),
        "kb" => Some(1_000),
        "mb" => Some(1_000_000),
        "gb" => Some(1_000_000_000),
        "tb" => Some(1_000_000_000_000),
        _ => None,
    };
    let size = number.parse::<u64>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
    size.ok_or_else(|| format!("`{text}` is no size: write bytes, or a whole number with a unit, such as `300MiB`"))
}
