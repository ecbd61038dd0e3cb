//! What we say: hello, a prompt, the operator's words, and goodbye.
//!
//! Whatever happens on the way, the agent is told to stop where it can be told, before its standard input is closed.

use std::time::Duration;

use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::stream::Stream;
use crate::agents::course::see_through;
use crate::agents::ending::Ending;
use crate::agents::errand::Errand;
use crate::agents::profile::quirks::Steer;
use crate::agents::scene::Scene;
use crate::agents::silence::listen;
use crate::domain::agent::AgentEnd;
use crate::ports::AgentHints;

/// How long an agent that was told to stop may take to end by itself.
const AFTER_CANCEL: Duration = Duration::from_millis(200);

/// Our side of one process's conversation.
pub(super) struct Script<'a> {
    pub(super) stream: &'a Stream,
    pub(super) scene: &'a Scene,
    pub(super) errand: &'a Errand,
    /// What is said first; `None` leaves after the hello.
    pub(super) prompt: Option<&'a str>,
}

impl Script<'_> {
    /// From hello to goodbye: how it ended, and how long the program may live then.
    pub(super) async fn play(
        &self,
        hints: &mut AgentHints,
        stop: &CancellationToken,
        deadline: Instant,
    ) -> (Ending, Duration) {
        let work = async { Err(self.work(hints).await) };
        let ending = tokio::select! {
            ending = see_through(self.scene, stop, deadline, work, || self.stream.interrupt()) => ending,
            never = listen(self.stream, self.scene) => match never {},
        };
        let patience = match ending {
            Ending::Over(AgentEnd::Stopped | AgentEnd::TimedOut | AgentEnd::Asked { .. }) => AFTER_CANCEL,
            Ending::Over(_)
            | Ending::Unusable(_)
            | Ending::LockedOut(_)
            | Ending::Stumbled(_)
            | Ending::Refused(..)
            | Ending::Gone { .. } => self.patience(),
        };
        (ending, patience.min(self.patience()))
    }

    /// A program without a turn ends with its standard input; one within a turn only where it is known to.
    fn patience(&self) -> Duration {
        let quirks = &self.errand.profile.quirks;
        let idle = self.stream.is_over() || self.prompt.is_none();
        if idle || quirks.stdin_eof_stops { Duration::from_millis(quirks.exit_ms) } else { Duration::ZERO }
    }

    async fn work(&self, hints: &mut AgentHints) -> Ending {
        let patience = Duration::from_millis(self.errand.profile.quirks.handshake_ms);
        self.stream.greet(self.prompt);
        match timeout(patience, self.stream.greeted()).await {
            Ok(Ok(())) => {}
            Ok(Err(ending)) => return ending,
            Err(_) => return Ending::Unusable(format!("it did not answer within {patience:?}")),
        }
        let Some(prompt) = self.prompt else {
            return Ending::Over(AgentEnd::Finished);
        };
        self.stream.prompt(prompt);
        tokio::select! {
            biased;
            ending = self.stream.turn() => ending,
            () = self.pass_on(hints) => self.stream.turn().await,
        }
    }

    /// Says to the agent what the operator says, as long as there is somebody to say it.
    async fn pass_on(&self, hints: &mut AgentHints) {
        while let Some(hint) = hints.recv().await {
            let told = match self.errand.profile.quirks.steer {
                Steer::Prompt => self.stream.steer(&hint),
                Steer::No | Steer::Method(_) => false,
            };
            let how = if told { "the operator says" } else { "not told, this agent hears nothing while it works" };
            self.scene.lock().narrative.note(&format!("[{how}: {hint}]"));
        }
    }
}
