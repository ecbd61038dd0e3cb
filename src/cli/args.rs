//! The surface: commands, arguments, and what each says of itself under `--help`.
//!
//! Names and flags are the contract with users and scripts. An option without effect yet says so.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::cli::goal::Verb;

/// Turns one engineering goal into proven, integrated changes in a git repository.
#[derive(Debug, Parser)]
#[command(name = "omk", version, disable_help_subcommand = true, subcommand_required = true)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
    /// Which command.
    #[command(subcommand)]
    pub command: Command,
}

/// The top-level commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Work with goals
    Goal {
        /// What to do.
        #[command(subcommand)]
        verb: Verb,
    },
    /// Try every agent for real, and look at git, the disk and what else runs need
    Doctor(DoctorArgs),
    /// Make a small repository and drive a goal on it to `ready`
    Demo(DemoArgs),
}

/// What every command takes.
#[derive(Clone, Debug, Default, Args)]
pub struct Common {
    /// Print JSON (NDJSON where it streams) on stdout
    #[arg(long, global = true, help_heading = "Common options")]
    pub json: bool,
    /// Keep goals here [default: $OMK_STATE_DIR, else $XDG_STATE_HOME/omk, else ~/.local/state/omk]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Common options")]
    pub state_dir: Option<PathBuf>,
    /// Act on the repository that holds this directory [default: the working directory]
    #[arg(long, short = 'C', global = true, value_name = "DIR", help_heading = "Common options")]
    pub repo: Option<PathBuf>,
    /// Colour the output
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t, help_heading = "Common options")]
    pub color: When,
    /// Show more of what happens
    #[arg(long, short, global = true, help_heading = "Common options")]
    pub verbose: bool,
    /// Show no progress and no notes
    #[arg(long, short, global = true, conflicts_with = "verbose", help_heading = "Common options")]
    pub quiet: bool,
}

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// In which form a document is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For scripts, as with --json
    Json,
    /// For pull requests and notes
    Md,
}

impl Format {
    /// The form asked for by `--format`, or by `--json`, which wins.
    pub fn or_json(self, json: bool) -> Self {
        if json { Self::Json } else { self }
    }
}

/// The goal that a command is about.
#[derive(Clone, Debug, Args)]
pub struct GoalArg {
    /// A goal's id, a unique prefix of one, its code, or `latest`: the newest goal of this repository
    #[arg(value_name = "ID", default_value = "latest")]
    pub id: String,
}

/// `omk doctor`.
#[derive(Clone, Debug, Default, Args)]
pub struct DoctorArgs {
    /// Try only this agent, as `goal run --agent` takes it; can be given several times
    #[arg(long = "agent", value_name = "NAME")]
    pub agents: Vec<String>,
}

/// `omk demo`.
#[derive(Clone, Debug, Default, Args)]
pub struct DemoArgs {
    /// Put repository, plan and state here instead of into a new temporary directory
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
}
