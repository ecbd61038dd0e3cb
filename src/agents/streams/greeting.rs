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

/// What the help of `exec` names where the program is Codex: it is worked with by this.
const MACHINE_MODE: &str = "--json";
/// The most words of a line that states a version.
const MOST_WORDS: usize = 4;
/// A key by which it works without a login.
const KEY: &str = "CODEX_API_KEY";

/// Asks for its version, for the way in which it is worked with, and for a login where it needs one.
pub(super) async fn greet(errand: &Errand, launcher: &Launcher, mut evidence: Evidence) -> Result<Done, ProcessError> {
    let mut log = String::new();
    let end = match refusal(errand, launcher, &mut log).await? {
        Some((problem, words)) => unavailable(&errand.profile, problem, &words),
        None => AgentEnd::Finished,
    };
    evidence.log.push(log.as_bytes());
    Ok(Done::unspoken(end, evidence))
}

/// Why it cannot be worked with, and its words about that. A program that ends with status 0 whatever it is asked, as a
/// notice that it is retired does, is not Codex.
async fn refusal(
    errand: &Errand,
    launcher: &Launcher,
    log: &mut String,
) -> Result<Option<(&'static str, String)>, ProcessError> {
    let mut asked = async |words: &[&str]| -> Result<(Said, String), ProcessError> {
        let (said, words) = asked(errand, launcher, words).await?;
        log.push_str(&words);
        Ok((said, words))
    };
    match asked(&["--version"]).await? {
        (Said::Yes, words) if words.lines().any(states_a_version) => {}
        (Said::No, words) => return Ok(Some(("it cannot say its version", words))),
        (Said::Yes | Said::Nothing, words) => return Ok(Some(("it does not say its version", words))),
    }
    match asked(&["exec", "--help"]).await? {
        (Said::Yes, words) if words.contains(MACHINE_MODE) => {}
        // One that takes too long may work all the same.
        (Said::Nothing, _) => {}
        (Said::Yes | Said::No, words) => return Ok(Some(("it does not know `exec --json`", words))),
    }
    if has_own_way(errand) {
        return Ok(None);
    }
    Ok(match asked(&["login", "status"]).await? {
        (Said::No, words) if words.contains("Not logged in") => Some(("nobody is logged in", String::new())),
        // One that does not know the question, or takes too long, may work all the same.
        (Said::Yes | Said::No | Said::Nothing, _) => None,
    })
}

/// Whether a line says a version and little else.
fn states_a_version(line: &str) -> bool {
    let is_version = |word: &str| {
        let word = word.trim_start_matches('v');
        word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.')
    };
    let mut words = line.split_whitespace();
    line.split_whitespace().count() <= MOST_WORDS && words.any(is_version)
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
