//! The command line: reads what the user typed, calls the façade, shows what came back.
//!
//! The only room that prints. It decides nothing about goals: outcomes and their exit codes come from below. Text that
//! came from a repository, an agent or a goal is made harmless before it is printed.

pub mod args;
pub mod context;
pub mod demo;
pub mod doctor;
pub mod drive;
pub mod error;
pub mod event;
pub mod goal;
pub mod narrative;
pub mod output;
pub mod progress;
pub mod summary;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use crate::app;
use crate::cli::args::{Cli, Command};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::output::Output;

/// Runs the program on the arguments of the process.
pub fn main() -> ExitCode {
    app::hidden::prepare();
    let args: Vec<OsString> = std::env::args_os().collect();
    let hidden = args.get(1).is_some_and(|first| first.as_encoded_bytes().starts_with(b"__"));
    if hidden && let Some(code) = app::hidden::dispatch(&args[1..]) {
        return code;
    }
    ExitCode::from(run(&args))
}

/// Parses `args` (the program's name first), runs the command, and returns the exit code.
fn run(args: &[OsString]) -> u8 {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(refusal) => return error::usage(&refusal, args),
    };
    let output = Output::new(&cli.common);
    let tail = cli.common.state_dir.as_deref().map(context::tail).unwrap_or_default();
    match execute(cli, output) {
        Ok(code) => code,
        Err(failure) => error::report(&failure.typed(&tail), output),
    }
}

fn execute(cli: Cli, output: Output) -> Result<u8, Failure> {
    match cli.command {
        Command::Goal { verb } => goal::run(&Context::open(&cli.common, output)?, verb),
        Command::Doctor(args) => doctor::run(&Context::open(&cli.common, output)?, &args),
        Command::Demo(options) => demo::run(&cli.common, output, &options),
    }
}
