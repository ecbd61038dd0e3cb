//! The real programs do the work: each agent through `omk`, against a model server on loopback.
//!
//! They are not there on every machine, so this runs only where `OMK_REAL_AGENTS` names the directory that
//! `tests/real_agents/install.sh` filled; `tests/real_agents/run.sh` does both. It ends with a table for docs/agents.md.

mod bench;
mod catalogue;
mod comparison;
mod names;
mod scenarios;
mod sessions;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use self::catalogue::{AGENTS, Agent};
use self::names::Names;
use self::scenarios::{SCENARIOS, Scenario, Told};

/// The directory with the programs.
const CACHE: &str = "OMK_REAL_AGENTS";
/// Agents to try, separated by commas; all where it is not set.
const ONLY: &str = "OMK_REAL_AGENTS_ONLY";
/// Scenarios to try, separated by commas; all where it is not set.
const SCENES: &str = "OMK_REAL_AGENTS_SCENARIOS";

fn chosen(variable: &str, name: &str) -> bool {
    let Ok(list) = std::env::var(variable) else { return true };
    list.is_empty() || list.split(',').any(|one| one.trim() == name)
}

/// Past the capture of a test that passes.
fn say(what: &str) {
    let _nobody_listens = writeln!(std::io::stderr(), "\n*** SKIPPED: {what} ***\n");
}

#[test]
fn real_agents_do_the_work() {
    let Some(cache) = std::env::var_os(CACHE).filter(|cache| !cache.is_empty()).map(PathBuf::from) else {
        return say(&format!("no real agent is tried here, {CACHE} is not set; tests/real_agents/run.sh tries them"));
    };
    let cache = cache.canonicalize().unwrap_or_else(|error| panic!("{CACHE}={}: {error}", cache.display()));
    if cache.starts_with(std::env::temp_dir()) {
        say(&format!("Codex's sandbox: it makes no helper for it below the temporary directory, where {CACHE} is"));
    }
    let names = Names::listen();
    let scenarios: Vec<_> = SCENARIOS.iter().filter(|scenario| chosen(SCENES, scenario.name)).collect();
    let mut table = Table::new(&scenarios, &names);
    for agent in AGENTS.iter().filter(|agent| chosen(ONLY, agent.name)) {
        table.row(agent, &cache, &scenarios, &names);
    }
    println!("\n{}\n{}", table.text, table.usage());
    assert!(table.failures.is_empty(), "{} failed:\n{}", table.failures.len(), table.failures.join("\n\n"));
    assert!(table.tried > 0, "no agent is installed in {}", cache.display());
}

/// The table, as far as it is known.
struct Table {
    text: String,
    /// The rows of the table of usage.
    usage: Vec<String>,
    /// The heads of the table of usage.
    counted: Vec<&'static str>,
    failures: Vec<String>,
    tried: usize,
}

impl Table {
    fn new(scenarios: &[&Scenario], names: &Names) -> Self {
        let heads: Vec<_> = scenarios.iter().map(|scenario| scenario.name).collect();
        let last = if names.are_heard() { " names looked up |" } else { "" };
        let mut text = format!("| agent | version | {} |{last}\n|---|---|", heads.join(" | "));
        text += &"---|".repeat(scenarios.len() + usize::from(names.are_heard()));
        text.push('\n');
        let counted = scenarios.iter().filter(|scenario| scenario.counts).map(|scenario| scenario.name).collect();
        Self { text, usage: Vec::new(), counted, failures: Vec::new(), tried: 0 }
    }

    /// The table of usage: for each agent, and each scenario at whose end it is compared, how much of the tokens that
    /// the server counted `omk` says were used.
    fn usage(&self) -> String {
        let head = format!(
            "| agent | version | {} |\n|---|---|{}",
            self.counted.join(" | "),
            "---|".repeat(self.counted.len())
        );
        format!("{head}\n{}", self.usage.join("\n"))
    }

    fn row(&mut self, agent: &Agent, cache: &Path, scenarios: &[&Scenario], names: &Names) {
        if !agent.is_in(cache) {
            self.text += &format!("| {} | not installed |\n", agent.name);
            say(&format!("{} is not installed in {}", agent.name, cache.display()));
            return;
        }
        self.tried += 1;
        let mut cells = vec![agent.name.to_owned(), agent.version(cache).trim().to_owned()];
        names.take();
        let mut used = cells.clone();
        let mut looked_up = Vec::new();
        for scenario in scenarios {
            let (cell, usage) = self.cell(agent, cache, scenario);
            cells.push(cell);
            used.extend(scenario.counts.then_some(usage));
            looked_up.extend(names.take());
        }
        self.usage.push(format!("| {} |", used.join(" | ")));
        if names.are_heard() {
            looked_up.sort();
            looked_up.dedup();
            cells.push(if looked_up.is_empty() { "none".to_owned() } else { looked_up.join(", ") });
            if !looked_up.is_empty() {
                self.failures.push(format!("{} looked up {}", agent.name, looked_up.join(", ")));
            }
        }
        self.text += &format!("| {} |\n", cells.join(" | "));
    }

    /// Takes an agent through a scenario: what stands in the table about it, and in the table of usage.
    fn cell(&mut self, agent: &Agent, cache: &Path, scenario: &Scenario) -> (String, String) {
        let place = format!("{} · {}", agent.name, scenario.name);
        match scenario.try_with(agent, cache) {
            Ok(Told { note, usage }) => {
                let share = usage.map(|usage| usage.share()).unwrap_or_default();
                eprintln!("{place}: {note} [{share}]");
                if let Some(excess) = usage.and_then(|usage| usage.excess()) {
                    eprintln!("{place}: FAILED: {excess}");
                    self.failures.push(format!("{place}: {excess}"));
                }
                (note, share)
            }
            Err(cause) => {
                eprintln!("{place}: FAILED");
                self.failures.push(format!("{place}: {cause}"));
                ("**fails**".to_owned(), "**fails**".to_owned())
            }
        }
    }
}
