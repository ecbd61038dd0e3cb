//! How a conversation begins: hello, and a session, new or gone on with.
//!
//! A session that cannot be gone on with is no reason to give up: a new one is begun, in the same program. Invariant:
//! what an agent tells of the past of a session is no news.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use super::session::Session;
use super::ways_in::ways_in;
use crate::agents::course::shake_hands;
use crate::agents::ending::{Ending, words_of};
use crate::agents::errand::Opening;
use crate::agents::jsonrpc::peer::CallError;
use crate::agents::profile::quirks::Resume;

/// The version of the protocol.
const VERSION: u64 = 1;

impl Session<'_> {
    /// Says hello; returns what the agent says that it can.
    pub(super) async fn hello(&self) -> Result<Value, Ending> {
        let quirks = &self.errand.profile.quirks;
        let hello = json!({
            "protocolVersion": VERSION,
            "clientCapabilities": {
                "fs": { "readTextFile": quirks.fs_read_cap, "writeTextFile": quirks.fs_write_cap },
                "terminal": quirks.terminal_cap,
            },
            "clientInfo": { "name": "omk", "version": env!("CARGO_PKG_VERSION") },
        });
        let answer = self.shake_hands("initialize", &hello).await?;
        let info = |name: &str| answer.pointer(name).and_then(Value::as_str).unwrap_or("?").to_owned();
        let about = format!("[{} {}]", info("/agentInfo/name"), info("/agentInfo/version"));
        {
            let mut state = self.scene.lock();
            state.narrative.note(&about);
            state.ways_in = ways_in(&answer, &self.errand.profile.command);
        }
        let generation = quirks.generation.as_ref();
        if let Some(Err(problem)) = generation.and_then(|it| it.judge(&info("/agentInfo/version"))) {
            return Err(Ending::Unusable(problem));
        }
        match answer.get("protocolVersion").and_then(Value::as_u64) {
            Some(VERSION) => Ok(answer.get("agentCapabilities").cloned().unwrap_or_default()),
            Some(other) => Err(Ending::Unusable(format!("it speaks version {other} of the protocol, not {VERSION}"))),
            None => Err(Ending::Unusable("it does not say which version of the protocol it speaks".to_owned())),
        }
    }

    /// The session that an earlier process began, or a new one; and what is said in it first.
    pub(super) async fn open(&self, opening: &Opening, offers: &Value) -> Result<(String, String), Ending> {
        if let Some(resumption) = &opening.resumption {
            if let Some(answer) = self.resume(&resumption.session, offers).await? {
                self.set_mode(&resumption.session, &answer).await?;
                // Where this offers no choice, the session has kept the model that it began with.
                self.set_model(&resumption.session, &answer).await?;
                return Ok((resumption.session.clone(), resumption.prompt.clone()));
            }
            let mut state = self.scene.lock();
            state.narrative.note("[the session to go on with is gone; this is a new one]");
            state.cost_micros = 0;
            state.cost_told = false;
            // It may go on telling of it: an answer that came too late is behind that.
            state.abandoned = Some(resumption.session.clone());
        }
        let session = self.begin().await?;
        self.scene.lock().abandoned.take_if(|abandoned| *abandoned == session);
        Ok((session, opening.prompt.clone()))
    }

    /// Begins a session.
    pub(super) async fn begin(&self) -> Result<String, Ending> {
        let mut place = json!({ "cwd": self.errand.worktree, "mcpServers": [] });
        let meta = &self.errand.profile.quirks.session_meta;
        if !meta.is_empty() {
            place["_meta"] = named(&Value::Object(meta.clone()), &self.errand.name);
        }
        let answer = self.shake_hands("session/new", &place).await?;
        let id = answer.get("sessionId").and_then(Value::as_str);
        let id = id.ok_or_else(|| Ending::Unusable("it opened a session without an id".to_owned()))?.to_owned();
        self.set_mode(&id, &answer).await?;
        if !self.set_model(&id, &answer).await? {
            let problem = "it lets nobody choose its model; leave `model` out, or put it into its command or settings";
            return Err(Ending::Unusable(problem.to_owned()));
        }
        Ok(id)
    }

    /// Goes on with a session; `None` where the agent cannot, for whatever reason. Where the program ends of it, the
    /// scene is left as it tells of the past.
    async fn resume(&self, session: &str, offers: &Value) -> Result<Option<Value>, Ending> {
        let quirks = &self.errand.profile.quirks;
        let Some(method) = way_back(&quirks.resume, offers) else { return Ok(None) };
        let place = json!({ "sessionId": session, "cwd": self.errand.worktree, "mcpServers": [] });
        let patience = Duration::from_millis(quirks.handshake_ms);
        self.scene.lock().replaying = true;
        let problem = match timeout(patience, self.peer.ask(method, &place)).await {
            Ok(Err(CallError::Closed)) => return Err(Ending::Gone { greeted: false }),
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(CallError::Refused(error))) => Err(words_of(&error)),
            Err(_elapsed) => Err(format!("no answer within {patience:?}")),
        };
        let mut state = self.scene.lock();
        state.replaying = false;
        match problem {
            Ok(answer) => Ok(Some(answer)),
            Err(problem) => {
                state.narrative.note(&format!("[{method}: {problem}]"));
                Ok(None)
            }
        }
    }

    /// Asks something that has to be answered before any work.
    pub(super) async fn shake_hands(&self, method: &str, params: &Value) -> Result<Value, Ending> {
        let patience = Duration::from_millis(self.errand.profile.quirks.handshake_ms);
        shake_hands(&self.peer, patience, method, params).await
    }
}

/// The same with the name in its texts.
fn named(meta: &Value, name: &str) -> Value {
    match meta {
        Value::String(text) => text.replace("{name}", name).into(),
        Value::Array(all) => all.iter().map(|one| named(one, name)).collect(),
        Value::Object(all) => Value::Object(all.iter().map(|(key, one)| (key.clone(), named(one, name))).collect()),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_)) => plain.clone(),
    }
}

/// The request that goes on with a session, as far as the agent's offers are to be believed: one without a replay is
/// better.
fn way_back(quirk: &Resume, offers: &Value) -> Option<&'static str> {
    let silently = offers.pointer("/sessionCapabilities/resume").is_some_and(|offer| !offer.is_null());
    let by_load = offers.get("loadSession").and_then(Value::as_bool) == Some(true);
    match quirk {
        Resume::Offered if silently => Some("session/resume"),
        Resume::Offered if by_load => Some("session/load"),
        Resume::Resume => Some("session/resume"),
        Resume::Load => Some("session/load"),
        Resume::Offered | Resume::No | Resume::Flag(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::acp::rehearsal::{Stage, message};
    use crate::agents::errand::Resumption;
    use crate::agents::profile::quirks::Quirks;
    use crate::domain::budget::Usage;

    #[tokio::test(start_paused = true)]
    async fn a_session_that_was_given_up_tells_nothing_in_the_new_one() {
        let mut stage = Stage::of(Quirks { resume: Resume::Load, ..Quirks::default() });
        let resumption = Resumption { session: "old".into(), prompt: "go on".into(), used: Usage::default() };
        let opening = Opening { prompt: "begin".into(), resumption: Some(resumption) };
        let cost = json!({"sessionUpdate": "usage_update", "cost": {"amount": 0.5, "currency": "USD"}});
        let ours = async |session: &mut Session<'_>| {
            let opened = session.open(&opening, &Value::Null).await;
            session.peer.ask("more", &json!({})).await.expect("an answer");
            opened
        };
        let opened = stage.play(ours, async |agent| {
            agent.asked("session/load").await;
            agent.updates_of("old", &message("old words\n"));
            let new = agent.asked("session/new").await;
            agent.answers(&new, json!({"sessionId": "new"}));
            let more = agent.asked("more").await;
            agent.updates_of("old", &message("older words\n"));
            agent.updates_of("old", &cost);
            agent.updates_of("below", &message("of a subagent\n"));
            agent.updates_of("new", &message("on\n"));
            agent.answers(&more, json!({}));
        });
        assert_eq!(opened.await, Ok(("new".to_owned(), "begin".to_owned())));
        let log = "[session/load: no answer within 30s]\n[the session to go on with is gone; this is a new one]\n\
                   of a subagent\non\n";
        assert_eq!(stage.told(), (log.to_owned(), Usage::default()));
    }

    #[test]
    fn a_session_is_named_wherever_its_agent_wants_the_name() {
        let meta = json!({"it": {"options": {"title": "omk {name}", "all": ["{name}", 1, null]}}});
        let expected = json!({"it": {"options": {"title": "omk g.one.1", "all": ["g.one.1", 1, null]}}});
        assert_eq!(named(&meta, "g.one.1"), expected);
    }

    #[test]
    fn the_way_back_is_the_known_one_or_what_is_offered() {
        let ways =
            |offers: Value| [Resume::Offered, Resume::Resume, Resume::Load].map(|quirk| way_back(&quirk, &offers));
        let (load, resume) = (Some("session/load"), Some("session/resume"));
        assert_eq!(ways(json!({"loadSession": true, "sessionCapabilities": {"resume": {}}})), [resume, resume, load]);
        assert_eq!(ways(json!({"loadSession": true})), [load, resume, load]);
        assert_eq!(ways(json!({"sessionCapabilities": {"resume": null}, "loadSession": false})), [None, resume, load]);
        assert_eq!(way_back(&Resume::No, &json!({"loadSession": true})), None);
    }
}
