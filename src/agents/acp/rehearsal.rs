//! A turn for tests within the crate: the agent is what a test makes of its lines.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use super::files::Files;
use super::first_start::Start;
use super::requests::AcpDialect;
use super::session::Session;
use super::session_file::Records;
use super::site::Site;
use super::steering::Exchanged;
use super::terminals::Terminals;
use crate::agents::hints::Hints;
use crate::agents::jsonrpc::serve::serve;
use crate::agents::profile::quirks::Quirks;
use crate::agents::rehearsal::Rehearsal;
use crate::domain::budget::Usage;
use crate::process::spawn::Launcher;

/// The session that is open.
const SESSION: &str = "s";

/// Our side.
pub(super) struct Stage {
    it: Rehearsal,
    hints: Hints,
    operator: UnboundedSender<String>,
}

/// The agent's side.
pub(super) struct Agent<'a> {
    it: &'a mut Rehearsal,
    operator: &'a UnboundedSender<String>,
}

impl Stage {
    /// With an agent of these quirks, in a session.
    pub(super) fn of(quirks: Quirks) -> Self {
        let it = Rehearsal::of(quirks);
        it.scene.lock().session = Some(SESSION.to_owned());
        let (operator, heard) = unbounded_channel();
        Self { it, hints: Hints::new(heard), operator }
    }

    /// One exchange, while `agent` does its part.
    pub(super) async fn exchange(&mut self, agent: impl AsyncFnOnce(&mut Agent<'_>)) -> Exchanged {
        self.play(async |session| session.exchange(SESSION, "go").await, agent).await
    }

    /// Our side of a conversation, while `agent` does its part.
    pub(super) async fn play<T>(
        &mut self,
        ours: impl AsyncFnOnce(&mut Session<'_>) -> T,
        agent: impl AsyncFnOnce(&mut Agent<'_>),
    ) -> T {
        let Self { it, hints, operator } = self;
        let (scene, peer, inbox) = (Arc::clone(&it.scene), it.peer.clone(), it.inbox.take().expect("one exchange"));
        let errand = crate::agents::rehearsal::errand(it.errand.profile.quirks.clone(), it.errand.worktree.clone());
        let launcher = Launcher::start(PathBuf::from("omk"), "test").expect("a thread");
        let terminals = Arc::new(Terminals::new(launcher, Site::of(&errand), Arc::clone(&scene)));
        let files = Arc::new(Files::new(Arc::clone(&scene), errand.worktree.clone()));
        let mut dialect = AcpDialect::new(Arc::clone(&scene), Arc::clone(&terminals), files);
        let (start, records) = (Start::of(&errand, &CancellationToken::new()).await, Records::new(None));
        let mut session = Session {
            peer: peer.clone(),
            scene: &scene,
            terminals: &terminals,
            errand: &errand,
            hints,
            start,
            records: &records,
            done: false,
        };
        let mut serving = pin!(serve(&peer, inbox, &mut dialect));
        let mut ours = pin!(ours(&mut session));
        let mut agent_side = Agent { it, operator };
        let played = async {
            let mut heard = true;
            loop {
                tokio::select! {
                    played = &mut ours => return played,
                    () = &mut serving, if heard => heard = false,
                }
            }
        };
        tokio::join!(played, agent(&mut agent_side)).0
    }

    /// What is said in the next prompt.
    pub(super) fn prompt(&mut self) -> Vec<String> {
        self.hints.prompt(&self.it.scene)
    }

    /// The log so far, and what was used.
    pub(super) fn told(&self) -> (String, Usage) {
        let narrative = &mut self.it.scene.lock().narrative;
        (String::from_utf8(narrative.finish().into_bytes()).expect("text"), narrative.usage())
    }

    /// What the log says of the operator at the end.
    pub(super) fn rest(self) -> String {
        String::from_utf8(self.hints.finish()).expect("text")
    }
}

impl Agent<'_> {
    /// Waits for a prompt: its id.
    pub(super) async fn prompted(&mut self) -> Value {
        self.asked("session/prompt").await
    }

    /// Waits for a request: its id.
    pub(super) async fn asked(&mut self, method: &str) -> Value {
        let message = self.it.hears().await;
        assert_eq!(message["method"], method, "{message}");
        message["id"].clone()
    }

    /// The operator says something.
    pub(super) fn operator(&self, hint: &str) {
        self.operator.send(hint.to_owned()).expect("somebody listens");
    }

    /// Answers a prompt.
    pub(super) fn answers(&self, id: &Value, result: Value) {
        self.it.says(&json!({"id": id, "result": result}));
    }

    /// Answers a prompt with an error.
    pub(super) fn refuses(&self, id: &Value, why: &str) {
        self.it.says(&json!({"id": id, "error": {"code": -32600, "message": why}}));
    }

    /// Tells of an update.
    pub(super) fn updates(&self, update: &Value) {
        self.updates_of(SESSION, update);
    }

    /// Tells of an update of a session.
    pub(super) fn updates_of(&self, session: &str, update: &Value) {
        let params = json!({"sessionId": session, "update": update});
        self.it.says(&json!({"method": "session/update", "params": params}));
    }

    /// Its program ends.
    pub(super) fn dies(&self) {
        self.it.peer.close();
    }
}

/// An update that says something.
pub(super) fn message(text: &str) -> Value {
    json!({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}})
}

/// An update of a tool call.
pub(super) fn tool(id: &str, status: &str) -> Value {
    json!({"sessionUpdate": "tool_call_update", "toolCallId": id, "title": "cargo build", "status": status})
}
