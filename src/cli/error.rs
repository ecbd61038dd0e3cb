//! The one place that turns an error into words and an exit code.
//!
//! Outcomes of goals are no errors: they have their own exit codes (`GoalStatus::exit_code`).

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Write as _};

use serde::Serialize;
use thiserror::Error;

use crate::app::error::AppError;
use crate::cli::context::with_tail_within;
use crate::cli::output::Output;
use crate::cli::output::{safe, style};
use crate::domain::goal::GoalStatus;

/// The exit code of a command whose reader closed the pipe, as of one that SIGPIPE ended.
const CLOSED_PIPE: u8 = 141;
/// The exit code of a command that was typed wrong.
const USAGE: u8 = 2;

/// Why a command ended early.
#[derive(Debug, Error)]
pub enum Failure {
    /// The façade refused or failed.
    #[error(transparent)]
    App(#[from] AppError),
    /// The result could not be written.
    #[error("failed to write the result: {0}")]
    Output(#[from] io::Error),
}

/// A refusal of what was typed, with what helps.
pub fn misuse(message: impl Into<String>, help: impl IntoIterator<Item = String>) -> Failure {
    Failure::App(AppError::Usage { message: message.into(), help: help.into_iter().collect() })
}

/// An error as `--json` shows it.
#[derive(Debug, Serialize)]
struct ErrorDocument<'a> {
    schema: &'static str,
    error: ErrorBody<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<GoalStatus>,
    exit: u8,
}

#[derive(Debug, Serialize)]
struct ErrorBody<'a> {
    kind: &'static str,
    message: String,
    help: &'a [String],
}

impl Failure {
    /// The kind as scripts read it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::App(AppError::Usage { .. }) => "usage",
            Self::App(AppError::Blocked { .. }) => "blocked",
            Self::App(AppError::Infra { .. }) => "infra",
            Self::App(AppError::Internal(_)) => "internal",
            Self::Output(_) => "output",
        }
    }

    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::App(AppError::Usage { .. }) => USAGE,
            Self::App(AppError::Blocked { status, .. }) => status.exit_code(),
            Self::App(AppError::Infra { .. }) => GoalStatus::FailedInfra.exit_code(),
            Self::App(AppError::Internal(_)) => 1,
            Self::Output(cause) if cause.kind() == io::ErrorKind::BrokenPipe => CLOSED_PIPE,
            Self::Output(_) => 1,
        }
    }

    fn status(&self) -> Option<GoalStatus> {
        match self {
            Self::App(AppError::Blocked { status, .. }) => Some(*status),
            Self::App(AppError::Infra { .. }) => Some(GoalStatus::FailedInfra),
            Self::App(AppError::Usage { .. } | AppError::Internal(_)) | Self::Output(_) => None,
        }
    }

    fn help(&self) -> &[String] {
        match self {
            Self::App(AppError::Usage { help, .. } | AppError::Blocked { help, .. } | AppError::Infra { help, .. }) => {
                help
            }
            Self::App(AppError::Internal(_)) | Self::Output(_) => &[],
        }
    }

    /// The same, its commands with what this user has to type behind `omk`.
    #[must_use]
    pub fn typed(mut self, tail: &str) -> Self {
        if let Self::App(AppError::Usage { help, .. } | AppError::Blocked { help, .. } | AppError::Infra { help, .. }) =
            &mut self
        {
            help.iter_mut().for_each(|line| *line = with_tail_within(line, tail));
        }
        self
    }

    /// The error for people: `error: …`, then what helps. Lines end with a line feed.
    pub fn text(&self) -> String {
        let mut text = format!("{} {}\n", style::paint(style::BAD, "error:"), safe::block(&self.to_string()));
        if let Some(status) = self.status() {
            let _ = writeln!(text, "status: {status}");
        }
        for help in self.help() {
            let _ = writeln!(text, "{} {}", style::paint(style::GOOD, "help:"), safe::block(help));
        }
        text
    }

    /// The error for scripts, one line.
    pub fn json(&self) -> String {
        let document = ErrorDocument {
            schema: "omk.error/v1",
            error: ErrorBody { kind: self.kind(), message: self.to_string(), help: self.help() },
            status: self.status(),
            exit: self.exit_code(),
        };
        safe::json(&document)
    }
}

/// Shows a failure and returns the exit code. A closed pipe is nobody's failure and says nothing.
pub fn report(failure: &Failure, output: Output) -> u8 {
    let code = failure.exit_code();
    if code != CLOSED_PIPE {
        output.complain(&failure.text());
        if output.json {
            let _ = writeln!(io::stdout(), "{}", failure.json());
        }
    }
    code
}

/// Shows what clap says of the arguments (an error, a help text, the version) and returns the exit code.
pub fn usage(refusal: &clap::Error, args: &[OsString]) -> u8 {
    let _ = refusal.print();
    if !refusal.use_stderr() {
        return 0;
    }
    if args.iter().any(|arg| arg == "--json") {
        let text = refusal.to_string();
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let message = lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let failure = misuse(message, lines.map(str::to_owned));
        let _ = writeln!(io::stdout(), "{}", failure.json());
    }
    USAGE
}
