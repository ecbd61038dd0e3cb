//! What all sides of one conversation know of it.
//!
//! Short locks only: nothing waits while it holds the state.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::opening::Opened;
use super::usage::Spent;
use crate::agents::errand::Errand;
use crate::agents::narrative::Narrative;
use crate::agents::policy::{Judgement, Policy, ToolCall};
use crate::agents::profile::AgentProfile;
use crate::agents::profile::quirks::CostScope;
use crate::domain::ids::Timestamp;
use crate::ports::AgentSigns;

/// The most tool calls that are remembered at once.
const MOST_CALLS: usize = 1_000;
/// The most refusals that the next prompt explains.
const MOST_REFUSALS: usize = 10;

/// Why the conversation is broken off from our side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Interruption {
    /// A person has to answer something first.
    Question(String),
    /// The protocol is broken.
    Broken(String),
}

/// The scene.
pub(super) struct Scene {
    pub(super) profile: AgentProfile,
    pub(super) policy: Policy,
    pub(super) now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Cancelled when there is an interruption.
    pub(super) interrupted: CancellationToken,
    state: Mutex<State>,
}

/// What changes.
pub(super) struct State {
    pub(super) narrative: Narrative,
    /// The session's id, once it is open.
    pub(super) session: Option<String>,
    /// Whether the turn has shown a message or a tool call.
    pub(super) worked: bool,
    /// Reasons that the agent has not been told.
    pub(super) refused: Vec<String>,
    /// What is known of tool calls that are open.
    pub(super) calls: BTreeMap<String, ToolCall>,
    /// The first interruption.
    pub(super) interruption: Option<Interruption>,
    /// We are on our way out: whatever is asked is cancelled.
    pub(super) leaving: bool,
    /// The session's history is being told again.
    pub(super) replays: bool,
    /// The cost of the session that has been counted, in millionths of a US dollar.
    pub(super) cost_micros: u64,
    /// The last trouble with the model that the agent told us of.
    pub(super) trouble: Option<String>,
}

impl Scene {
    /// The scene of an errand.
    pub(super) fn new(errand: &Errand, events: AgentSigns) -> Self {
        let policy =
            Policy::new(errand.worktree.clone(), errand.access.clone(), errand.rules.clone(), &errand.feedback);
        let state = State {
            narrative: Narrative::new(events),
            session: None,
            worked: false,
            refused: Vec::new(),
            calls: BTreeMap::new(),
            interruption: None,
            leaving: false,
            replays: false,
            cost_micros: cost_before(errand),
            trouble: None,
        };
        Self {
            profile: errand.profile.clone(),
            policy,
            now: Arc::clone(&errand.now),
            interrupted: CancellationToken::new(),
            state: Mutex::new(state),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session's id, once it is open.
    pub(super) fn session(&self) -> Option<String> {
        self.lock().session.clone()
    }

    /// The session is open, and what is heard from now on is new.
    pub(super) fn begin(&self, opened: &Opened) {
        let mut state = self.lock();
        state.session = Some(opened.id.clone());
        state.replays = false;
        if !opened.resumed {
            state.cost_micros = 0;
        }
        state.narrative.session(&opened.id);
    }

    /// A turn begins.
    pub(super) fn begin_turn(&self) {
        let mut state = self.lock();
        state.worked = false;
        state.refused.clear();
    }

    /// Breaks the conversation off; the first reason counts.
    pub(super) fn interrupt(&self, why: Interruption) {
        self.lock().interruption.get_or_insert(why);
        self.interrupted.cancel();
    }

    /// Acts on a judgement: `Err` has what the agent is told.
    pub(super) fn enforce(&self, act: &str, judgement: Judgement) -> Result<(), String> {
        match judgement {
            Judgement::Allow => Ok(()),
            Judgement::Refuse { reason } => {
                self.lock().narrative.note(&format!("[omk refused {act}: {reason}]"));
                Err(reason)
            }
            Judgement::Ask { question } => {
                self.lock().narrative.note(&format!("[omk asks about {act}: {question}]"));
                self.interrupt(Interruption::Question(question));
                Err("this waits for a person's answer".to_owned())
            }
        }
    }

    /// Adds what was used.
    pub(super) fn account(&self, spent: Vec<Spent>) {
        let mut state = self.lock();
        for Spent { usage, id, model } in spent {
            state.narrative.used(usage, id, model);
        }
    }
}

impl State {
    /// Remembers what is known of a tool call; what is new about it wins.
    pub(super) fn learn(&mut self, id: &str, call: ToolCall) {
        if !self.calls.contains_key(id) && self.calls.len() >= MOST_CALLS {
            return;
        }
        let known = self.calls.entry(id.to_owned()).or_default();
        merge(known, call);
    }

    /// A refusal whose reason the protocol did not carry.
    pub(super) fn owe_reason(&mut self, reason: String) {
        if self.refused.len() < MOST_REFUSALS {
            self.refused.push(reason);
        }
    }
}

/// What a total of the agent's has in it of earlier processes.
fn cost_before(errand: &Errand) -> u64 {
    let earlier = errand.opening.as_ref().and_then(|opening| opening.resumption.as_ref());
    let counted = earlier.and_then(|earlier| earlier.used.usd_micros).unwrap_or(0);
    match errand.profile.quirks.cost_scope {
        CostScope::Session => counted,
        CostScope::Process => 0,
    }
}

/// Lays what is new about a call over what was known.
pub(super) fn merge(known: &mut ToolCall, new: ToolCall) {
    if !new.kind.is_empty() {
        known.kind = new.kind;
    }
    known.command = new.command.or(known.command.take());
    if !new.paths.is_empty() {
        known.paths = new.paths;
    }
}
