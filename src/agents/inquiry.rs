//! Starts an agent's program to have it print something and end, in the environment of its errand. No model is asked.

use std::ffi::OsString;

use tokio_util::sync::CancellationToken;

use super::errand::Errand;
use crate::process::drive::{EndedBy, Heard, drive};
use crate::process::error::ProcessError;
use crate::process::output::Bounded;
use crate::process::program::{Exit, Program};
use crate::process::sanitise::sanitise;
use crate::process::spawn::{Input, Launcher, OutputPlan, Spec};

/// How much of what it prints is read, at either end, in bytes.
const READ: usize = 4_096;

/// How the program ended.
pub(super) enum Said {
    /// With status 0.
    Yes,
    /// With another one, or by a signal.
    No,
    /// It did not, in time.
    Nothing,
}

/// Starts a command and returns how it ended, and what it printed.
pub(super) async fn ask<'a>(
    errand: &Errand,
    launcher: &Launcher,
    argv: impl Iterator<Item = &'a str>,
    stop: &CancellationToken,
) -> Result<(Said, String), ProcessError> {
    let mut argv = argv.map(OsString::from);
    let program = argv.next().unwrap_or_default();
    let program = Program { program, args: argv.collect(), env: errand.env.clone(), cwd: errand.worktree.clone() };
    let spec = Spec { program, input: Input::Null, output: OutputPlan::Merged, lease: errand.lease };
    let running = launcher.launch(spec).await?;
    let mut kept = Bounded::new(READ, READ);
    let mut sink = |heard: Heard<'_>| match heard {
        Heard::Bytes(_, bytes) => kept.push(bytes),
        Heard::Vitals(_) => {}
    };
    let driven = drive(running, errand.limits, stop, &mut sink).await;
    let said = match (driven.by, driven.ended.exit) {
        (EndedBy::Itself, Exit::Code(0)) => Said::Yes,
        (EndedBy::Itself, _) => Said::No,
        (EndedBy::Timeout | EndedBy::Stop | EndedBy::Lease | EndedBy::KeeperLost, _) => Said::Nothing,
    };
    Ok((said, sanitise(&kept.finish())))
}
