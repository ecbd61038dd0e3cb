//! Values that have the right form and still cannot be: numbers out of range, names given twice, files that are not there.
//!
//! The command line and plans refuse the same values.

use std::collections::BTreeSet;
use std::fs::File;
use std::ops::RangeInclusive;
use std::path::Path;

use super::place::Wrong;
use super::{Config, MOST_AGENTS};
use crate::domain::task::GateCommand;

/// How many slices may be worked on at once.
const AGENTS: RangeInclusive<u32> = 1..=MOST_AGENTS;
/// How many further attempts a slice may get, as in a plan.
const RETRIES: RangeInclusive<u32> = 0..=1000;

/// Judges a configuration as a file gives it.
pub(super) fn check(config: &Config) -> Result<(), Wrong> {
    if let Some(count) = config.max_agents {
        agents(count).map_err(|problem| Wrong::at(["max_agents"], format!("`max_agents`: {problem}")))?;
    }
    let mut names = BTreeSet::new();
    for (number, gate) in config.gates.iter().enumerate() {
        let wrong =
            |key, problem: String| Wrong::at(["gates", &number.to_string(), key], format!("[[gates]]: {problem}"));
        if !names.insert(&gate.name) {
            return Err(wrong("name", format!("there are two gates called `{}`", gate.name)));
        }
        if runs_nothing(&gate.command) {
            return Err(wrong(
                "command",
                format!("the `command` of `{}` is empty, and would always be green", gate.name),
            ));
        }
    }
    retries(config.settings.retries).map_err(|problem| Wrong::at(["retries"], format!("`retries`: {problem}")))?;
    let templates = [("prompt", &config.agents.templates.prompt), ("resumed_prompt", &config.agents.templates.resumed)];
    for (key, file) in templates.into_iter().filter_map(|(key, file)| Some((key, file.as_deref()?))) {
        template(file).map_err(|problem| Wrong::at([key], format!("`{key}`: {problem}")))?;
    }
    Ok(())
}

/// Judges a number of slices that may be worked on at once.
pub(super) fn agents(count: u32) -> Result<(), String> {
    within(&AGENTS, count)
}

/// Judges a number of further attempts.
pub(super) fn retries(count: u32) -> Result<(), String> {
    within(&RETRIES, count)
}

fn within(range: &RangeInclusive<u32>, count: u32) -> Result<(), String> {
    let (least, most) = (range.start(), range.end());
    match range.contains(&count) {
        true => Ok(()),
        false => Err(format!("`{count}` is out of range: it has to be between {least} and {most}")),
    }
}

fn runs_nothing(command: &GateCommand) -> bool {
    match command {
        GateCommand::Shell(line) => line.trim().is_empty(),
        GateCommand::Argv(words) => words.first().is_none_or(|program| program.trim().is_empty()),
    }
}

/// A template has to be found from wherever `omk` is started, also in the background.
fn template(file: &Path) -> Result<(), String> {
    if !file.is_absolute() {
        return Err(format!("`{}` is not absolute", file.display()));
    }
    match File::open(file).and_then(|opened| opened.metadata()) {
        Ok(found) if found.is_file() => Ok(()),
        Ok(_) => Err(format!("{} is no file", file.display())),
        Err(error) => Err(format!("{} cannot be read: {error}", file.display())),
    }
}
