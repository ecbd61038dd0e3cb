//! Asks a program for its version before it is started for work, where its profile wants that.
//!
//! Invariant: the program runs with the arguments of its profile and never bare: some do things of their own then.

use std::ffi::OsString;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::ending::{unavailable, with_words};
use super::errand::Errand;
use crate::domain::agent::AgentEnd;
use crate::domain::redact::redact;
use crate::process::drive::{EndedBy, Heard, Limits, drive};
use crate::process::error::ProcessError;
use crate::process::output::Bounded;
use crate::process::program::Program;
use crate::process::sanitise::sanitise;
use crate::process::spawn::{Input, Launcher, OutputPlan, Spec};

/// What is kept of what it prints, at either end, in bytes.
const KEPT: usize = 4_096;

/// Why an errand's program will not do; `None` where it will, or where nobody wants to know.
pub(super) async fn refusal(
    errand: &Errand,
    launcher: &Launcher,
    stop: &CancellationToken,
) -> Result<Option<AgentEnd>, ProcessError> {
    let profile = &errand.profile;
    let Some(generation) = profile.quirks.generation.as_ref().filter(|generation| !generation.ask.is_empty()) else {
        return Ok(None);
    };
    let program = Program {
        program: profile.command.first().map(OsString::from).unwrap_or_default(),
        args: generation.ask.iter().map(OsString::from).collect(),
        env: errand.env.clone(),
        cwd: errand.worktree.clone(),
    };
    let spec = Spec { program, input: Input::Null, output: OutputPlan::Merged, lease: errand.lease };
    let running = launcher.launch(spec).await?;
    let patience = Duration::from_millis(profile.quirks.handshake_ms);
    let limits = Limits { timeout: patience.min(errand.limits.timeout), ..errand.limits };
    let mut printed = Bounded::new(KEPT, KEPT);
    let mut sink = |heard: Heard<'_>| match heard {
        Heard::Bytes(_, bytes) => printed.push(bytes),
        Heard::Vitals(_) => {}
    };
    let driven = drive(running, limits, stop, &mut sink).await;
    if driven.by == EndedBy::Stop {
        return Ok(Some(AgentEnd::Stopped));
    }
    let words = redact(&sanitise(&printed.finish()));
    Ok(match generation.judge(&words) {
        Some(Ok(())) => None,
        Some(Err(problem)) => {
            Some(AgentEnd::Unavailable { detail: with_words(format!("{}: {problem}", profile.name), words.trim()) })
        }
        None => Some(unavailable(profile, "it does not say which version it is", words.trim())),
    })
}
