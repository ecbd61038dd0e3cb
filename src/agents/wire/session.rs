//! What we say: hello, a prompt, what the operator says into the turn, and that it is enough.
//!
//! Owns the order of the protocol on our side.

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::requests::text;
use super::thread::Thread;
use crate::agents::course::{see_through, shake_hands};
use crate::agents::ending::{Ending, of_error, without_work};
use crate::agents::hints::Hints;
use crate::agents::jsonrpc::peer::{CallError, Peer};
use crate::agents::scene::{Scene, State};
use crate::domain::agent::AgentEnd;

/// The version of the protocol.
const VERSION: &str = "1.10";
/// The hook that comes before each tool call.
const HOOK: &str = "PreToolUse";
/// How long the agent waits for what we say to a hook, in seconds; it goes on without us then. We take microseconds.
const HOOK_TIMEOUT: u64 = 600;
/// The codes for a model that is not set up, not supported, or whose login has expired.
const LOCKED_OUT: &[i64] = &[-32001, -32002, -32004];
/// How long the agent may take to hear the operator.
const HEARS: Duration = Duration::from_secs(5);

/// Our side of the conversation.
pub(super) struct Session<'a> {
    pub(super) peer: Peer,
    pub(super) scene: &'a Scene,
    pub(super) thread: &'a Thread,
    /// What the operator says.
    pub(super) hints: &'a mut Hints,
}

impl Session<'_> {
    /// From hello to the end of the last turn.
    pub(super) async fn converse(&mut self, stop: &CancellationToken, deadline: Instant) -> Ending {
        let (scene, peer) = (self.scene, self.peer.clone());
        let cancel = || {
            let open = scene.session().is_some();
            if open {
                // The answer to the prompt says whether it was heard.
                let _answer = peer.ask("cancel", &json!({}));
            }
            open
        };
        see_through(scene, stop, deadline, self.work(), cancel).await
    }

    async fn work(&mut self) -> Result<(), Ending> {
        self.hello().await?;
        let Some((session, prompt)) = &self.thread.opening else { return Ok(()) };
        self.opened(session);
        self.turn(prompt).await?;
        loop {
            let unsaid = self.hints.prompt(self.scene);
            if unsaid.is_empty() {
                return Ok(());
            }
            self.turn(&unsaid.join("\n\n")).await?;
        }
    }

    fn opened(&self, session: &str) {
        let mut state = self.scene.lock();
        if self.thread.lost {
            state.narrative.note("[the session to go on with is gone; this is a new one]");
        }
        state.session = Some(session.to_owned());
        state.narrative.session(session);
    }

    async fn hello(&self) -> Result<(), Ending> {
        let hello = json!({
            "protocol_version": VERSION,
            "client": { "name": "omk", "version": env!("CARGO_PKG_VERSION") },
            "capabilities": { "supports_question": false, "supports_plan_mode": false },
            "hooks": [{ "id": "omk", "event": HOOK, "matcher": "", "timeout": HOOK_TIMEOUT }],
        });
        let patience = Duration::from_millis(self.scene.profile.quirks.handshake_ms);
        let answer = shake_hands(&self.peer, patience, "initialize", &hello).await?;
        let (server, version) = (&answer["server"], text(&answer, "protocol_version"));
        let about = format!("[{} {}, Wire {version}]", text(server, "name"), text(server, "version"));
        self.scene.lock().narrative.note(&about);
        let unusable = |problem: String| Err(Ending::Unusable(problem));
        match version.split_once('.') {
            Some(("1", _)) => {}
            _ if version.is_empty() => return unusable("it does not say which version of Wire it speaks".to_owned()),
            _ => return unusable(format!("it speaks version {} of Wire, not {VERSION}", version.escape_debug())),
        }
        let hooks = answer.pointer("/hooks/supported_events").and_then(Value::as_array);
        match hooks.is_some_and(|hooks| hooks.iter().any(|hook| hook == HOOK)) {
            true => Ok(()),
            false => unusable(format!("it has no hook {HOOK}, so nothing that it does could be judged")),
        }
    }

    /// One turn, with what the operator says into it.
    async fn turn(&mut self, prompt: &str) -> Result<(), Ending> {
        let scene = self.scene;
        scene.lock().begin_turn();
        let result = self.exchange(prompt).await;
        let mut state = scene.lock();
        state.narrative.pause();
        state.end_calls();
        match result {
            Ok(result) => of_turn(&result, &state, scene),
            Err(CallError::Closed) => Err(Ending::Gone { greeted: true }),
            Err(CallError::Refused(error)) => {
                Err(Ending::Over(of_error(&error, LOCKED_OUT, &scene.profile, scene.here())))
            }
        }
    }

    /// Prompts, to the end of the turn. What the agent does not hear in it is kept for the next prompt.
    async fn exchange(&mut self, prompt: &str) -> Result<Value, CallError> {
        let Self { peer, scene, hints, .. } = self;
        let mut answer = pin!(peer.ask("prompt", &json!({ "user_input": prompt })));
        let mut steers = FuturesUnordered::new();
        let result = loop {
            tokio::select! {
                result = &mut answer => break result,
                Some((hint, heard)) = steers.next(), if !steers.is_empty() => hints.settle(hint, heard),
                hint = hints.next(scene) => {
                    hints.send(&hint);
                    steers.push(steer(peer, hint));
                }
            }
        };
        if result.is_ok() {
            hints.answered();
        }
        while let Some((hint, heard)) = steers.next().await {
            hints.settle(hint, heard);
        }
        result
    }
}

/// Says the operator's words into the turn; the agent reads them behind its step. Resolves to them, and whether it will.
async fn steer(peer: &Peer, hint: String) -> (String, bool) {
    let heard = timeout(HEARS, peer.ask("steer", &json!({ "user_input": hint }))).await;
    (hint, matches!(heard, Ok(Ok(_steered))))
}

/// What the end of a turn means. It is a claim: without work it is none.
fn of_turn(result: &Value, state: &State, scene: &Scene) -> Result<(), Ending> {
    let failed = |detail: String| Err(Ending::Over(AgentEnd::Failed { detail }));
    match (text(result, "status"), state.trouble.as_deref()) {
        ("finished", _) if state.worked => Ok(()),
        ("finished", trouble) => {
            Err(Ending::Over(without_work(trouble, state.only_said(), &scene.profile, scene.here())))
        }
        ("cancelled", _) => failed("the agent cancelled its turn".to_owned()),
        ("max_steps_reached", _) => failed("the turn was cut: the agent's limit of steps was reached".to_owned()),
        (other, _) => failed(format!("the turn ended with `{}`", other.escape_debug())),
    }
}
