//! A handshake with a program that has none: Codex says its version, and whether somebody is logged in.
//!
//! No model is asked. A login is not missing where the user's settings name a provider of their own.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use crate::agents::ending::unavailable;
use crate::agents::errand::{Done, Errand};
use crate::agents::inquiry::{Said, ask};
use crate::agents::keeping::Evidence;
use crate::domain::agent::AgentEnd;
use crate::process::error::ProcessError;
use crate::process::spawn::Launcher;

/// A key by which it works without a login.
const KEY: &str = "CODEX_API_KEY";

/// Asks for its version, and for a login where it needs one.
pub(super) async fn greet(errand: &Errand, launcher: &Launcher, mut evidence: Evidence) -> Result<Done, ProcessError> {
    let (said, words) = asked(errand, launcher, &["--version"]).await?;
    let mut log = words.clone();
    let end = match said {
        Said::Yes if has_own_way(errand) => AgentEnd::Finished,
        Said::Yes => {
            let (said, words) = asked(errand, launcher, &["login", "status"]).await?;
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
    Ok(Done::unspoken(end, evidence))
}

async fn asked(errand: &Errand, launcher: &Launcher, words: &[&str]) -> Result<(Said, String), ProcessError> {
    let argv = errand.profile.command.iter().map(String::as_str).chain(words.iter().copied());
    ask(errand, launcher, argv, &CancellationToken::new()).await
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
