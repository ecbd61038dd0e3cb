//! What we say: hello, a session, prompts, and goodbye.
//!
//! Owns the order of the protocol on our side. Whatever happens on the way, the agent is told to stop before its
//! standard input is closed.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::first_start::Start;
use super::outcome::{LOCKED_OUT, Seen, of_turn};
use super::session_file::{Records, catch_up, unnoted};
use super::steering::{Exchanged, go_on};
use super::terminals::Terminals;
use super::usage;
use crate::agents::course::see_through;
use crate::agents::ending::{Ending, of_error, wants_login};
use crate::agents::errand::Errand;
use crate::agents::hints::Hints;
use crate::agents::jsonrpc::peer::{CallError, Peer};
use crate::agents::scene::Scene;
use crate::agents::wait::Here;
use crate::domain::agent::AgentEnd;

/// How often a turn that a refusal ended is taken up again.
const MOST_NUDGES: usize = 8;

/// Our side of the conversation.
pub(super) struct Session<'a> {
    pub(super) peer: Peer,
    pub(super) scene: &'a Arc<Scene>,
    pub(super) terminals: &'a Terminals,
    pub(super) errand: &'a Errand,
    /// What the operator says.
    pub(super) hints: &'a mut Hints,
    pub(super) start: Start,
    /// The agent's own records of what it uses.
    pub(super) records: &'a Records,
    /// A turn that went on after a refusal has ended well: behind it there may be nothing left to say or do.
    pub(super) done: bool,
}

impl Session<'_> {
    /// From hello to the end of the last turn.
    pub(super) async fn converse(&mut self, stop: &CancellationToken, deadline: Instant) -> Ending {
        let (scene, terminals, peer) = (self.scene, self.terminals, self.peer.clone());
        let cancel = || {
            terminals.stop_all();
            let session = scene.session();
            if let Some(session) = &session {
                peer.tell("session/cancel", &json!({ "sessionId": session }));
            }
            session.is_some()
        };
        see_through(scene, stop, deadline, self.work(), cancel).await
    }

    async fn work(&mut self) -> Result<(), Ending> {
        let errand = self.errand;
        let offers = self.hello().await?;
        let Some(opening) = &errand.opening else {
            self.begin().await?;
            self.start.came_through();
            return Ok(());
        };
        let (session, mut text) = self.open(opening, &offers).await?;
        self.start.came_through();
        {
            let mut state = self.scene.lock();
            state.session = Some(session.clone());
            state.narrative.session(&session);
        }
        let mut nudges = 0;
        loop {
            let refused = self.turn(&session, &text, nudges).await?;
            nudges += usize::from(!refused.is_empty());
            if nudges >= MOST_NUDGES {
                let detail = format!("the agent did not go on after {MOST_NUDGES} refusals; the log has them");
                return Err(Ending::Over(AgentEnd::Failed { detail }));
            }
            let unsaid = self.hints.prompt(self.scene);
            if refused.is_empty() && unsaid.is_empty() {
                return Ok(());
            }
            text = go_on(&refused, &unsaid);
        }
    }

    /// One turn, to the reasons of refusals that its model has not heard: those that ended it too early, or where it went
    /// on without, the first ones of the conversation. `nudges` prompts had such reasons before.
    async fn turn(&mut self, session: &str, text: &str, nudges: usize) -> Result<Vec<String>, Ending> {
        self.scene.lock().begin_turn();
        let profile = &self.errand.profile;
        let Exchanged { answers, broken } = self.exchange(session, text).await;
        catch_up(self.records, self.scene).await;
        let noted = self.scene.lock().take_noted();
        let told = usage::of_turns(&answers, &profile.quirks);
        let paid = !told.is_empty() || !noted.is_nothing();
        let spent = usage::beyond(told, &noted);
        self.scene.account(unnoted(self.records, spent, (self.scene.now)()).await);
        let mut state = self.scene.lock();
        state.narrative.pause();
        state.end_calls();
        match broken {
            None => {}
            Some(CallError::Closed) => return Err(Ending::Gone { greeted: true }),
            Some(CallError::Refused(error)) => {
                let here = Here { told: state.refused_until, ..self.scene.here() };
                let end = of_error(&error, LOCKED_OUT, profile, here);
                let end = if wants_login(&error, LOCKED_OUT) { state.with_ways_in(end) } else { end };
                return Err(Ending::Over(end));
            }
        }
        let refused = std::mem::take(&mut state.refused);
        let result = answers.last().unwrap_or(&Value::Null);
        let stopped = matches!(result.get("stopReason").and_then(Value::as_str), Some("end_turn" | "cancelled"));
        let unheard = !refused.is_empty() && (profile.quirks.reject_ends_turn || nudges == 0);
        let seen = Seen {
            spent: paid || self.done,
            worked: state.worked || self.done,
            trouble: state.trouble.as_deref(),
            said: state.only_said(),
        };
        let end = of_turn(result, seen, profile, self.scene.here());
        if unheard && stopped && !state.leaving {
            self.done |= end == AgentEnd::Finished && !profile.quirks.reject_ends_turn;
            return Ok(refused);
        }
        match end {
            AgentEnd::Finished => Ok(Vec::new()),
            end => Err(Ending::Over(end)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::acp::rehearsal::{Stage, message, tool};
    use crate::agents::profile::quirks::{BusyPrompt, Quirks, Steer};
    use crate::domain::budget::Usage;
    use crate::domain::ids::Timestamp;

    #[tokio::test(start_paused = true)]
    async fn a_limit_ends_when_the_account_told_unless_it_took_requests_since() {
        let begun = Timestamp(1_700_000_000_000);
        let told = |status, more| {
            let info = json!({"status": status, "resetsAt": 1_700_000_000 + more});
            json!({"sessionUpdate": "usage_update", "_meta": {"_claude/rateLimit": info}})
        };
        // It is 17:13:20 in the agent's zone.
        let words = "You've hit your session limit · resets 5:30pm";
        for (updates, ends_in) in [
            (vec![told("allowed_warning", 60), told("rejected", 1_033)], 1_033),
            (vec![told("rejected", 1_033), told("allowed", 3_600)], 1_000),
        ] {
            let mut stage = Stage::of(Quirks::default());
            let ours = async |session: &mut Session<'_>| session.turn("s", "go", 0).await;
            let turn = stage.play(ours, async |agent| {
                let first = agent.prompted().await;
                updates.iter().for_each(|update| agent.updates(update));
                agent.refuses(&first, words);
            });
            let Err(Ending::Over(AgentEnd::Limited { until, .. })) = turn.await else { panic!("no limit") };
            assert_eq!(until, Some(begun.plus(ends_in * 1_000)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_breaks_has_cost_what_was_counted_of_it() {
        let mut stage =
            Stage::of(Quirks { steer: Steer::Prompt, busy_prompt: BusyPrompt::Inject, ..Quirks::default() });
        let ours = async |session: &mut Session<'_>| session.turn("s", "go", 0).await;
        let turn = stage.play(ours, async |agent| {
            let first = agent.prompted().await;
            agent.operator("use tabs");
            agent.prompted().await;
            agent.answers(&first, json!({"stopReason": "end_turn", "usage": {"inputTokens": 5, "outputTokens": 2}}));
            agent.updates(&message("on\n"));
            agent.updates(&tool("1", "in_progress"));
            crate::agents::rehearsal::seconds(1).await;
            agent.dies();
        });
        assert_eq!(turn.await, Err(Ending::Gone { greeted: true }));
        let log = "[the operator says: use tabs]\non\n[cargo build]\n[cargo build: its end was not told]\n";
        assert_eq!(stage.told(), (log.to_owned(), Usage { input_tokens: 5, output_tokens: 2, ..Usage::default() }));
    }
}
