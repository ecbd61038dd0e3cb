//! What the operator says to an agent at work.
//!
//! Invariant: what was heard while a turn ran is said: into it, else in a prompt behind it, else the log says that it
//! was not.

use std::future::pending;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::session::Session;
use crate::agents::jsonrpc::peer::{CallError, Peer};
use crate::agents::profile::quirks::{BusyPrompt, Steer};
use crate::ports::AgentHints;

/// How long an agent may take to say what became of the operator's words.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long nothing is heard, the turn being over, until nothing more is waited for.
const QUIET: Duration = Duration::from_secs(10);

/// The operator's words.
pub(super) struct Hints {
    heard: AgentHints,
    /// Whether more may come.
    open: bool,
    unsaid: Vec<String>,
}

impl Hints {
    pub(super) fn new(heard: AgentHints) -> Self {
        Self { heard, open: true, unsaid: Vec::new() }
    }

    /// The next; never resolves when there will be none.
    async fn next(&mut self) -> String {
        if self.open {
            match self.heard.recv().await {
                Some(hint) => return hint,
                None => self.open = false,
            }
        }
        pending().await
    }

    /// What has not been said yet.
    pub(super) fn take_unsaid(&mut self) -> Vec<String> {
        while let Ok(hint) = self.heard.try_recv() {
            self.unsaid.push(hint);
        }
        std::mem::take(&mut self.unsaid)
    }
}

impl Session<'_> {
    /// Prompts, and says into the turn what the operator says meanwhile. Words that are said as prompts of their own
    /// have answers of their own: the turn is over when all are there. The answers, the last one last.
    pub(super) async fn exchange(&mut self, session: &str, text: &str) -> Result<Vec<Value>, CallError> {
        let Self { peer, scene, errand, hints, .. } = self;
        let mut prompts = FuturesUnordered::from_iter([prompt(peer, session, text, None)]);
        let mut injections = FuturesUnordered::new();
        let mut answers = Vec::new();
        let queues = errand.profile.quirks.busy_prompt == BusyPrompt::Queue;
        let mut over = false;
        while !prompts.is_empty() {
            tokio::select! {
                Some((hint, answer)) = prompts.next() => match (hint, answer) {
                    (hint, Ok(answer)) => {
                        over |= hint.is_none();
                        answers.push(answer);
                    }
                    (Some(hint), Err(CallError::Refused(_))) => hints.unsaid.push(hint),
                    (_, Err(error)) => return Err(error),
                },
                () = quiet(peer), if over && !queues => break,
                Some(left) = injections.next(), if !injections.is_empty() => hints.unsaid.extend(left),
                hint = hints.next() => {
                    scene.lock().narrative.note(&format!("[the operator says: {hint}]"));
                    match &errand.profile.quirks.steer {
                        Steer::No => hints.unsaid.push(hint),
                        Steer::Prompt => prompts.push(prompt(peer, session, &hint.clone(), Some(hint))),
                        Steer::Method(method) => injections.push(inject(peer, method, session, hint)),
                    }
                }
            }
        }
        while let Some(left) = injections.next().await {
            hints.unsaid.extend(left);
        }
        Ok(answers)
    }
}

/// Resolves when an agent whose turn is over says nothing more: some never answer what went into the turn.
async fn quiet(peer: &Peer) {
    while let Some(left) = QUIET.checked_sub(peer.life().heard.elapsed()).filter(|left| !left.is_zero()) {
        sleep(left).await;
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

/// Says a hint into the turn; resolves to the hint where it was not heard there.
async fn inject(peer: &Peer, method: &str, session: &str, hint: String) -> Option<String> {
    let mut params = words(session, &hint);
    // Else some begin a turn of their own where there is none, and nobody hears its end.
    params["_meta"] = json!({ "steering": { "idleBehavior": "promptRequired" } });
    match timeout(PATIENCE, peer.ask(method, &params)).await {
        Ok(Ok(answer)) => {
            matches!(answer.get("outcome").and_then(Value::as_str), Some("promptRequired" | "startedNewTurn"))
                .then_some(hint)
        }
        Ok(Err(_)) | Err(_) => Some(hint),
    }
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
