//! What the operator says to an agent at work.
//!
//! Invariant: nothing that was heard is lost while the session lives: what cannot be said into the turn is said in a
//! prompt behind it.

use std::future::pending;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::session::Session;
use crate::agents::jsonrpc::peer::CallError;
use crate::agents::profile::quirks::Steer;
use crate::ports::AgentHints;

/// How long an agent may take to say what became of the operator's words.
const PATIENCE: Duration = Duration::from_secs(5);

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

    fn keep(&mut self, hint: String) {
        self.unsaid.push(hint);
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
    /// Prompts, and says into the turn what the operator says meanwhile; the answers of all prompts, the last one last.
    pub(super) async fn exchange(&self, session: &str, text: &str, hints: &mut Hints) -> Result<Vec<Value>, CallError> {
        let mut prompts = FuturesUnordered::from_iter([self.prompt(session, text, None)]);
        let mut injections = FuturesUnordered::new();
        let mut answers = Vec::new();
        while !prompts.is_empty() {
            tokio::select! {
                Some((hint, answer)) = prompts.next() => match (hint, answer) {
                    (_, Ok(answer)) => answers.push(answer),
                    (Some(hint), Err(CallError::Refused(_))) => hints.keep(hint),
                    (_, Err(error)) => return Err(error),
                },
                Some(left) = injections.next(), if !injections.is_empty() => hints.unsaid.extend(left),
                hint = hints.next() => {
                    self.scene.lock().narrative.note(&format!("[the operator: {hint}]"));
                    match &self.errand.profile.quirks.steer {
                        Steer::No => hints.keep(hint),
                        Steer::Prompt => {
                            let text = framed(&hint);
                            prompts.push(self.prompt(session, &text, Some(hint)));
                        }
                        Steer::Method(method) => injections.push(self.inject(method, session, hint)),
                    }
                }
            }
        }
        while let Some(left) = injections.next().await {
            hints.unsaid.extend(left);
        }
        Ok(answers)
    }

    /// A prompt, on its way when this returns.
    fn prompt<'s>(
        &self,
        session: &str,
        text: &str,
        hint: Option<String>,
    ) -> impl Future<Output = (Option<String>, Result<Value, CallError>)> + use<'s> {
        let asked = self.peer.ask("session/prompt", &said_in(session, text));
        async move { (hint, asked.await) }
    }

    /// Says a hint into the turn; resolves to the hint where it could not be said.
    async fn inject(&self, method: &str, session: &str, hint: String) -> Option<String> {
        let mut params = said_in(session, &framed(&hint));
        // Else some begin a turn of their own when there is none, of which nobody would hear the end.
        params["_meta"] = json!({ "steering": { "idleBehavior": "promptRequired" } });
        let outcome = match timeout(PATIENCE, self.peer.ask(method, &params)).await {
            Ok(Ok(answer)) => answer.get("outcome").and_then(Value::as_str).unwrap_or("injected").to_owned(),
            Ok(Err(_)) | Err(_) => return Some(hint),
        };
        matches!(outcome.as_str(), "promptRequired" | "startedNewTurn").then_some(hint)
    }
}

fn said_in(session: &str, text: &str) -> Value {
    json!({ "sessionId": session, "prompt": [{ "type": "text", "text": text }] })
}

/// A hint as it is said in the middle of a turn.
fn framed(hint: &str) -> String {
    format!("From the operator, about the task that you are working on:\n{hint}\nGo on with the task, minding that.")
}

/// The prompt after a turn that ended with refusals, or too early for what the operator said.
pub(super) fn go_on(refused: &[String], unsaid: &[String]) -> String {
    let list = |of: &[String]| of.iter().map(|one| format!("- {one}")).collect::<Vec<_>>().join("\n");
    let refusals = format!(
        "A call of yours was refused, not by the user but by the rules of this task:\n{}\nGo on with the task without \
         it, and finish it.",
        list(refused)
    );
    let said = unsaid.iter().map(|hint| framed(hint));
    let parts: Vec<_> = (!refused.is_empty()).then_some(refusals).into_iter().chain(said).collect();
    parts.join("\n\n")
}
