//! What we say: hello, a session, prompts, and goodbye.
//!
//! Owns the order of the protocol on our side. Whatever happens on the way, the agent is told to stop before its
//! standard input is closed.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::first_start::Start;
use super::outcome::{Ending, of_error, of_turn};
use super::scene::{Interruption, Scene};
use super::silence::{silence, told};
use super::steering::{Hints, go_on};
use super::terminals::Terminals;
use super::usage::of_turns;
use crate::agents::errand::Errand;
use crate::agents::jsonrpc::peer::{CallError, Peer};
use crate::domain::agent::AgentEnd;

/// How long an agent that was told to stop may take to end by itself.
const AFTER_CANCEL: Duration = Duration::from_millis(200);
/// How often a turn that a refusal ended is taken up again.
const MOST_NUDGES: usize = 8;

/// Our side of the conversation.
pub(super) struct Session<'a> {
    pub(super) peer: Peer,
    pub(super) scene: &'a Arc<Scene>,
    pub(super) terminals: &'a Terminals,
    pub(super) errand: &'a Errand,
    pub(super) start: Start,
}

impl Session<'_> {
    /// From hello to the end of the last turn.
    pub(super) async fn converse(&self, hints: &mut Hints, stop: &CancellationToken, deadline: Instant) -> Ending {
        let mut work = pin!(self.work(hints));
        let end = tokio::select! {
            biased;
            () = stop.cancelled() => AgentEnd::Stopped,
            () = sleep_until(deadline) => AgentEnd::TimedOut,
            () = self.scene.interrupted.cancelled() => self.interrupted(),
            ending = &mut work => match ending {
                Ok(()) => return Ending::Over(AgentEnd::Finished),
                Err(ending) => return ending,
            },
            silent = silence(&self.peer, self.scene) => AgentEnd::Failed { detail: told(silent) },
        };
        self.scene.lock().leaving = true;
        self.terminals.stop_all();
        if let Some(session) = self.scene.session() {
            self.peer.tell("session/cancel", &json!({ "sessionId": session }));
            let patience = Duration::from_millis(self.errand.profile.quirks.cancel_ms);
            let _too_late_or_done = timeout(patience, work).await;
        }
        Ending::Over(end)
    }

    /// How long the program may live when we have hung up.
    pub(super) fn patience(&self, ending: &Ending) -> Duration {
        let quirks = &self.errand.profile.quirks;
        match ending {
            Ending::Over(AgentEnd::Stopped | AgentEnd::TimedOut | AgentEnd::Asked { .. }) => AFTER_CANCEL,
            _ if quirks.stdin_eof_stops => Duration::from_millis(quirks.exit_ms),
            _ => Duration::ZERO,
        }
    }

    fn interrupted(&self) -> AgentEnd {
        match self.scene.lock().interruption.clone() {
            Some(Interruption::Question(question)) => AgentEnd::Asked { question },
            Some(Interruption::Broken(detail)) => AgentEnd::Failed { detail },
            None => AgentEnd::Stopped,
        }
    }

    async fn work(&self, hints: &mut Hints) -> Result<(), Ending> {
        let offers = self.hello().await?;
        let opened = self.open(&offers).await?;
        self.start.came_through();
        let Some(opening) = &self.errand.opening else { return Ok(()) };
        self.scene.begin(&opened);
        let known = opening.resumption.as_ref().filter(|_| opened.resumed);
        let mut text = known.map_or(&opening.prompt, |earlier| &earlier.prompt).clone();
        let mut nudges = 0;
        while nudges < MOST_NUDGES {
            let refused = self.turn(&opened.id, &text, hints).await?;
            let unsaid = hints.take_unsaid();
            if refused.is_empty() && unsaid.is_empty() {
                return Ok(());
            }
            nudges += usize::from(!refused.is_empty());
            text = go_on(&refused, &unsaid);
        }
        let detail = format!("the agent did not go on after {MOST_NUDGES} refusals; the log has them");
        Err(Ending::Over(AgentEnd::Failed { detail }))
    }

    /// One turn, to the reasons of the refusals that ended it too early.
    async fn turn(&self, session: &str, text: &str, hints: &mut Hints) -> Result<Vec<String>, Ending> {
        self.scene.begin_turn();
        let profile = &self.errand.profile;
        let answers = match self.exchange(session, text, hints).await {
            Ok(answers) => answers,
            Err(CallError::Closed) => return Err(Ending::Gone { greeted: true }),
            Err(CallError::Refused(error)) => {
                return Err(Ending::Over(of_error(&error, profile, (self.scene.now)())));
            }
        };
        let spent = of_turns(&answers, &profile.quirks);
        let paid = !spent.is_empty();
        self.scene.account(spent);
        let mut state = self.scene.lock();
        state.narrative.pause();
        let refused = std::mem::take(&mut state.refused);
        let result = answers.last().unwrap_or(&Value::Null);
        let stopped = matches!(result.get("stopReason").and_then(Value::as_str), Some("end_turn" | "cancelled"));
        if profile.quirks.reject_ends_turn && !refused.is_empty() && stopped && !state.leaving {
            return Ok(refused);
        }
        match of_turn(result, paid, state.worked, state.trouble.as_deref(), profile) {
            AgentEnd::Finished => Ok(Vec::new()),
            end => Err(Ending::Over(end)),
        }
    }
}
