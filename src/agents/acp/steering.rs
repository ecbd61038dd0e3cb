//! What the operator says to an agent at work.
//!
//! Invariant: what was heard while a turn ran is said: into it, else in a prompt behind it, else the log says that it
//! was not. A turn of its own that the words began is waited for as any other.

use std::future::pending;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::session::Session;
use crate::agents::jsonrpc::peer::{CallError, Peer};
use crate::agents::profile::quirks::{BusyPrompt, Steer};
use crate::agents::scene::Scene;
use crate::agents::silence::silence;

/// How long an agent may take to say what became of the operator's words.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long nothing is heard, the turn being over, until nothing more is waited for.
const QUIET: Duration = Duration::from_secs(10);

/// What came of a prompt, and of those that went into its turn.
pub(super) struct Exchanged {
    /// The answers, the last one last.
    pub(super) answers: Vec<Value>,
    /// Why there is no further one, where one was waited for.
    pub(super) broken: Option<CallError>,
}

impl Session<'_> {
    /// Prompts, and says into the turn what the operator says meanwhile. Words that are said as prompts of their own
    /// have answers of their own: the turn is over when all are there.
    pub(super) async fn exchange(&mut self, session: &str, text: &str) -> Exchanged {
        let Self { peer, scene, errand, hints, .. } = self;
        let mut prompts = FuturesUnordered::from_iter([prompt(peer, session, text, None)]);
        let mut injections = FuturesUnordered::new();
        let (mut answers, mut broken, mut over) = (Vec::new(), None, false);
        let queues = errand.profile.quirks.busy_prompt == BusyPrompt::Queue;
        while !prompts.is_empty() {
            tokio::select! {
                Some((hint, answer)) = prompts.next() => match (hint, answer) {
                    (None, Ok(answer)) => {
                        over = true;
                        hints.answered();
                        answers.push(answer);
                    }
                    (Some(hint), Ok(answer)) => {
                        hints.forget(&hint);
                        answers.push(answer);
                    }
                    (Some(hint), Err(CallError::Refused(_))) => hints.keep(hint),
                    (_, Err(error)) => {
                        broken = Some(error);
                        break;
                    }
                },
                () = quiet(peer, scene), if over && !queues => {
                    hints.take_back();
                    break;
                }
                Some((hint, heard)) = injections.next(), if !injections.is_empty() => hints.settle(hint, heard),
                hint = hints.next(scene) => match &errand.profile.quirks.steer {
                    Steer::No => hints.keep(hint),
                    Steer::Prompt => {
                        hints.send(&hint);
                        prompts.push(prompt(peer, session, &hint.clone(), Some(hint)));
                    }
                    Steer::Method(method) => {
                        hints.send(&hint);
                        injections.push(inject(peer, method, session, hint));
                    }
                }
            }
        }
        while let Some((hint, heard)) = injections.next().await {
            hints.settle(hint, heard);
        }
        Exchanged { answers, broken }
    }
}

/// Resolves when an agent whose turn is over shows no sign of another one: some never answer what went into the turn.
/// One that does is waited for, for as long as it may be silent at all.
async fn quiet(peer: &Peer, scene: &Scene) {
    silence(peer, scene, QUIET).await;
    if scene.lock().astir {
        pending::<()>().await;
    }
}

/// A prompt, on its way when this returns.
fn prompt(
    peer: &Peer,
    session: &str,
    text: &str,
    hint: Option<String>,
) -> impl Future<Output = (Option<String>, Result<Value, CallError>)> + Send + use<> {
    let asked = peer.ask("session/prompt", &words(session, text));
    async move { (hint, asked.await) }
}

/// Says a hint into the turn; resolves to it, and whether it was heard there.
async fn inject(peer: &Peer, method: &str, session: &str, hint: String) -> (String, bool) {
    let mut params = words(session, &hint);
    // Else some begin a turn of their own where there is none, and nobody hears its end.
    params["_meta"] = json!({ "steering": { "idleBehavior": "promptRequired" } });
    let heard = match timeout(PATIENCE, peer.ask(method, &params)).await {
        Ok(Ok(answer)) => {
            !matches!(answer.get("outcome").and_then(Value::as_str), Some("promptRequired" | "startedNewTurn"))
        }
        Ok(Err(_)) | Err(_) => false,
    };
    (hint, heard)
}

/// A text for a session.
fn words(session: &str, text: &str) -> Value {
    json!({ "sessionId": session, "prompt": [{ "type": "text", "text": text }] })
}

/// The prompt after a turn that ended with refusals, or before the operator was heard.
pub(super) fn go_on(refused: &[String], unsaid: &[String]) -> String {
    let reasons: Vec<_> = refused.iter().map(|reason| format!("- {reason}")).collect();
    let refusals = format!(
        "A call of yours was refused, not by the user but by the rules of this task:\n{}\nGo on with the task without \
         it, and finish it.",
        reasons.join("\n")
    );
    let parts = (!refused.is_empty()).then_some(refusals).into_iter().chain(unsaid.iter().cloned());
    parts.collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::acp::rehearsal::{Stage, message, tool};
    use crate::agents::profile::quirks::Quirks;
    use crate::agents::rehearsal::seconds;

    /// An agent that takes the operator's words as prompts, which it may swallow.
    fn stage() -> Stage {
        Stage::of(Quirks { steer: Steer::Prompt, busy_prompt: BusyPrompt::Inject, ..Quirks::default() })
    }

    fn ended(usage: u64) -> Value {
        json!({"stopReason": "end_turn", "usage": {"inputTokens": usage}})
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_the_operators_words_began_is_seen_to_its_end_however_silent() {
        for sign in [tool("1", "in_progress"), message("I shall"), json!({"sessionUpdate": "agent_thought_chunk"})] {
            let mut stage = stage();
            let played = stage.exchange(async |agent| {
                let first = agent.prompted().await;
                agent.operator("use tabs");
                let second = agent.prompted().await;
                agent.answers(&first, ended(1));
                agent.updates(&sign);
                seconds(200).await;
                agent.answers(&second, ended(2));
            });
            let exchanged = played.await;
            assert_eq!((exchanged.answers, exchanged.broken), (vec![ended(1), ended(2)], None), "{sign}");
            assert_eq!(stage.rest(), "", "{sign}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_tool_that_works_when_the_prompt_is_answered_is_waited_for() {
        let mut stage = stage();
        let played = stage.exchange(async |agent| {
            let first = agent.prompted().await;
            agent.updates(&tool("1", "in_progress"));
            agent.operator("use tabs");
            let second = agent.prompted().await;
            agent.answers(&first, ended(0));
            seconds(200).await;
            agent.updates(&tool("1", "completed"));
            seconds(200).await;
            agent.answers(&second, ended(2));
        });
        assert_eq!(played.await.answers, [ended(0), ended(2)]);
    }

    #[tokio::test(start_paused = true)]
    async fn words_that_were_swallowed_are_said_again() {
        let mut stage = stage();
        let played = stage.exchange(async |agent| {
            let first = agent.prompted().await;
            agent.operator("use tabs");
            agent.prompted().await;
            agent.answers(&first, ended(1));
        });
        assert_eq!(played.await.answers, [ended(1)]);
        assert_eq!(stage.prompt(), ["use tabs"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_a_cancelled_turn_left_open_is_not_waited_for() {
        let mut stage = stage();
        let played = stage.exchange(async |agent| {
            let first = agent.prompted().await;
            agent.updates(&tool("1", "in_progress"));
            agent.operator("use tabs");
            agent.prompted().await;
            agent.answers(&first, json!({"stopReason": "cancelled"}));
        });
        assert_eq!(played.await.answers, [json!({"stopReason": "cancelled"})]);
    }

    #[tokio::test(start_paused = true)]
    async fn of_a_turn_that_breaks_the_answers_are_kept_and_the_words_are_not_lost() {
        let mut stage = stage();
        let played = stage.exchange(async |agent| {
            let first = agent.prompted().await;
            agent.operator("use tabs");
            let second = agent.prompted().await;
            agent.operator("and no bells");
            agent.prompted().await;
            agent.refuses(&second, "busy");
            agent.answers(&first, ended(1));
            agent.updates(&message("on"));
            seconds(1).await;
            agent.dies();
        });
        let exchanged = played.await;
        assert_eq!((exchanged.answers, exchanged.broken), (vec![ended(1)], Some(CallError::Closed)));
        let rest = "[the agent may not have heard the operator: and no bells]\n\
                    [the agent was not told what the operator said: use tabs]\n";
        assert_eq!(stage.rest(), rest);
    }
}
