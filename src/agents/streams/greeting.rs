//! A handshake with a program that has none: Codex says its version, and whether somebody is logged in.
//!
//! No model is asked. A login is not missing where the user's settings name a provider of their own.

use std::ffi::OsString;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use crate::agents::ending::unavailable;
use crate::agents::errand::{Done, Errand};
use crate::agents::keeping::Evidence;
use crate::domain::agent::AgentEnd;
use crate::domain::budget::Usage;
use crate::process::drive::{EndedBy, Heard, drive};
use crate::process::error::ProcessError;
use crate::process::output::Bounded;
use crate::process::program::{Exit, Program};
use crate::process::sanitise::sanitise;
use crate::process::spawn::{Input, Launcher, OutputPlan, Spec};

/// How much of what it prints is read, at either end, in bytes.
const READ: usize = 4_096;
/// A key by which it works without a login.
const KEY: &str = "CODEX_API_KEY";

/// Asks for its version, and for a login where it needs one.
pub(super) async fn greet(errand: &Errand, launcher: &Launcher, mut evidence: Evidence) -> Result<Done, ProcessError> {
    let (said, words) = ask(errand, launcher, &["--version"]).await?;
    let mut log = words.clone();
    let end = match said {
        Said::Yes if has_own_way(errand) => AgentEnd::Finished,
        Said::Yes => {
            let (said, words) = ask(errand, launcher, &["login", "status"]).await?;
            log += &words;
            match said {
                Said::No if words.contains("Not logged in") => unavailable(&errand.profile, "nobody is logged in", ""),
                // One that does not know the question, or takes too long, may work all the same.
                Said::Yes | Said::No | Said::Nothing => AgentEnd::Finished,
            }
        }
        Said::No => unavailable(&errand.profile, "it cannot say its version", &words),
        Said::Nothing => unavailable(&errand.profile, "it does not say its version", &words),
    };
    evidence.log.push(log.as_bytes());
    Ok(Done { end, usage: Usage::default(), evidence, survivors: Vec::new() })
}

enum Said {
    Yes,
    No,
    Nothing,
}

async fn ask(errand: &Errand, launcher: &Launcher, words: &[&str]) -> Result<(Said, String), ProcessError> {
    let command = errand.profile.command.iter().map(String::as_str);
    let mut argv = command.chain(words.iter().copied()).map(OsString::from);
    let program = argv.next().unwrap_or_default();
    let program = Program { program, args: argv.collect(), env: errand.env.clone(), cwd: errand.worktree.clone() };
    let spec = Spec { program, input: Input::Null, output: OutputPlan::Merged, lease: errand.lease };
    let running = launcher.launch(spec).await?;
    let mut kept = Bounded::new(READ, READ);
    let mut sink = |heard: Heard<'_>| match heard {
        Heard::Bytes(_, bytes) => kept.push(bytes),
        Heard::Vitals(_) => {}
    };
    let driven = drive(running, errand.limits, &CancellationToken::new(), &mut sink).await;
    let said = match (driven.by, driven.ended.exit) {
        (EndedBy::Itself, Exit::Code(0)) => Said::Yes,
        (EndedBy::Itself, _) => Said::No,
        (EndedBy::Timeout | EndedBy::Stop | EndedBy::Lease | EndedBy::KeeperLost, _) => Said::Nothing,
    };
    Ok((said, sanitise(&kept.finish())))
}

/// Whether it is set up to work without a login of its maker's.
fn has_own_way(errand: &Errand) -> bool {
    let key = errand.env.iter().any(|(name, value)| name == KEY && !value.is_empty());
    key || errand.home.as_deref().is_some_and(names_a_provider)
}

fn names_a_provider(home: &Path) -> bool {
    let settings = std::fs::read_to_string(home.join("config.toml")).unwrap_or_default();
    let named = settings.lines().filter_map(|line| line.trim_start().strip_prefix("model_provider"));
    named.map(str::trim_start).any(|rest| rest.starts_with('='))
}
