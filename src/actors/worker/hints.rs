//! What the operator says to the agent of an attempt: kept until the agent begins, passed on while it works.
//!
//! Never records anything: the words are durable before they come here, so that what an agent did not hear is told to
//! the next attempt. Invariant: no word is passed on once the agent has ended.

use actix::{Context, Handler};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::WorkerActor;
use crate::domain::control::Told;
use crate::messages::operator::TellAgent;
use crate::ports::AgentHints;

/// The way of words to the agent of an attempt.
pub(super) struct Hints {
    said: Option<UnboundedSender<String>>,
    /// Until the agent begins.
    heard: Option<AgentHints>,
}

impl Hints {
    /// Before the agent begins.
    pub(super) fn open() -> Self {
        let (said, heard) = unbounded_channel();
        Self { said: Some(said), heard: Some(heard) }
    }

    /// The agent's end of it, with what was said already.
    pub(super) fn agent_begins(&mut self) -> AgentHints {
        self.heard.take().unwrap_or_else(|| unbounded_channel().1)
    }

    /// No agent works under the attempt any more.
    pub(super) fn close(&mut self) {
        (self.said, self.heard) = (None, None);
    }

    fn say(&self, text: String) -> Told {
        match &self.said {
            Some(said) if said.send(text).is_ok() => Told::Agent,
            Some(_) | None => Told::NextAttempt,
        }
    }
}

impl Handler<TellAgent> for WorkerActor {
    type Result = ();
    fn handle(&mut self, words: TellAgent, _ctx: &mut Context<Self>) {
        let told = self.hints.say(words.text);
        // Whoever said it may have gone away again.
        drop(words.reply_to.send(Ok(told)));
    }
}
