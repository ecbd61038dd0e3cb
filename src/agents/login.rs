//! Asks an agent's program whether somebody is logged in, where its profile says how.
//!
//! Invariant: no model is asked, and what comes of it refuses nobody. A program that is not known to understand the
//! question is not started for it: it may take the words for its task.

use std::path::PathBuf;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::conversing::plain;
use super::host::AgentSetup;
use super::inquiry::{Said, ask};
use super::profile::AgentProfile;
use super::profile::login::Login;
use crate::domain::redact::redact;

impl AgentSetup {
    /// What the program says, in the environment of a run; `None` where its profile has no question for it. `version`
    /// is what it says of its version.
    pub(super) async fn login(
        &self,
        profile: &AgentProfile,
        version: Option<&str>,
        place: PathBuf,
        stop: &CancellationToken,
    ) -> Option<Login> {
        let question = profile.quirks.login_ask.as_ref().filter(|question| !question.ask.is_empty())?;
        if !question.is_known_to(version) {
            return Some(Login::NotKnown);
        }
        let mut errand = plain(self, profile.clone(), place, &[]);
        errand.limits.timeout = Duration::from_millis(profile.quirks.handshake_ms);
        let argv = profile.command.iter().take(1).chain(&question.ask).map(String::as_str);
        Some(match ask(&errand, &self.launcher, argv, stop).await {
            Ok((Said::Yes, answer)) => question.read(true, &redact(&answer)),
            Ok((Said::No, answer)) => question.read(false, &redact(&answer)),
            Ok((Said::Nothing, _)) | Err(_) => Login::NotKnown,
        })
    }
}
