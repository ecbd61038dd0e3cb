//! What all sides of one conversation know of it.
//!
//! Short locks only: nothing waits while it holds the state.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::ending::{Ending, conclude, of_message};
use super::errand::{Done, Errand};
use super::keeping::{Evidence, Keeping};
use super::links::resolve;
use super::narrative::Narrative;
use super::open_calls::OpenCalls;
use super::policy::{Judgement, Policy, ToolCall};
use super::profile::AgentProfile;
use super::provider::{Refusal, refusal_in};
use super::refusals::Refused;
use super::talk::Aside;
use super::wait::Here;
use super::wait::zones::Zones;
use crate::domain::agent::AgentEnd;
use crate::domain::budget::Usage;
use crate::domain::ids::Timestamp;
use crate::ports::AgentSigns;
use crate::process::drive::Driven;

/// The most refusals that the next prompt explains.
const MOST_REFUSALS: usize = 10;
/// The most calls of its model that are told apart in a turn.
const MOST_CALLS: usize = 10_000;
/// How much of what a turn says is kept to be read when it has ended, in bytes: what says more is no error.
const MOST_SAID: usize = 16 * 1024;

/// Why the conversation is broken off from our side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Interruption {
    /// A person has to answer something first.
    Question(String),
    /// The protocol is broken.
    Broken(String),
}

/// One report of what was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spent {
    pub(super) usage: Usage,
    /// What it belongs to, where a report could be repeated.
    pub(super) id: Option<String>,
    pub(super) model: Option<String>,
}

/// The scene.
pub(super) struct Scene {
    pub(super) profile: AgentProfile,
    pub(super) policy: Policy,
    worktree: PathBuf,
    pub(super) now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    zones: Zones,
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
    /// Whether the turn has shown a tool call.
    acted: bool,
    /// What the turn has said so far.
    said: String,
    /// What the messages of the turn say that it used, by the calls of its model.
    noted: BTreeMap<String, Usage>,
    /// How many turns began, and how many tool calls within this one.
    turns: u64,
    acts: u64,
    /// Whether any sign of a turn was seen since the agent answered us last.
    pub(super) astir: bool,
    /// Reasons that the agent has not been told.
    pub(super) refused: Vec<String>,
    /// All that was refused so far.
    pub(super) refusals: Refused,
    /// The turn's tool calls.
    pub(super) calls: OpenCalls,
    /// The first interruption.
    pub(super) interruption: Option<Interruption>,
    /// The agent tells of the past of a session that goes on.
    pub(super) replaying: bool,
    /// The session that could not be gone on with: what is told of it is no news.
    pub(super) abandoned: Option<String>,
    /// We are on our way out: whatever is asked is cancelled.
    pub(super) leaving: bool,
    /// The cost of the session so far, in millionths of a US dollar.
    pub(super) cost_micros: u64,
    /// Whether this process has said what the session cost.
    pub(super) cost_told: bool,
    /// The last trouble with the model that the agent told us of.
    pub(super) trouble: Option<String>,
    /// Until when it waits, as far as it says so.
    pub(super) waits: Option<Timestamp>,
    /// Until when its provider refuses it, as its account tells.
    pub(super) refused_until: Option<Timestamp>,
    /// How one logs in, in the agent's words; a line for each way.
    pub(super) ways_in: Vec<String>,
}

impl Scene {
    /// The scene of an errand.
    pub(super) fn new(errand: &Errand, events: AgentSigns, log: Keeping) -> Self {
        let policy =
            Policy::new(errand.worktree.clone(), errand.access.clone(), errand.rules.clone(), &errand.feedback);
        let state = State {
            narrative: Narrative::new(events, log),
            session: None,
            worked: false,
            acted: false,
            said: String::new(),
            noted: BTreeMap::new(),
            turns: 0,
            acts: 0,
            astir: false,
            refused: Vec::new(),
            refusals: Refused::default(),
            calls: OpenCalls::default(),
            interruption: None,
            replaying: false,
            abandoned: None,
            leaving: false,
            cost_micros: cost_before(errand),
            cost_told: false,
            trouble: None,
            waits: None,
            refused_until: None,
            ways_in: Vec::new(),
        };
        Self {
            profile: errand.profile.clone(),
            policy,
            worktree: errand.worktree.clone(),
            now: Arc::clone(&errand.now),
            zones: errand.zones.clone(),
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

    /// When and where its words are heard.
    pub(super) fn here(&self) -> Here<'_> {
        Here { now: (self.now)(), zones: &self.zones, told: None }
    }

    /// Breaks the conversation off; the first reason counts.
    pub(super) fn interrupt(&self, why: Interruption) {
        self.lock().interruption.get_or_insert(why);
        self.interrupted.cancel();
    }

    /// What breaks the conversation off.
    pub(super) fn interruption(&self) -> AgentEnd {
        match self.lock().interruption.clone() {
            Some(Interruption::Question(question)) => AgentEnd::Asked { question },
            Some(Interruption::Broken(detail)) => AgentEnd::Failed { detail },
            None => AgentEnd::Stopped,
        }
    }

    /// Takes what is heard beside the conversation.
    pub(super) fn aside(&self, aside: Aside<'_>) {
        match aside {
            Aside::Errors(bytes) => self.lock().narrative.errors(bytes),
            Aside::Vitals(vitals) => self.lock().narrative.vitals(vitals),
        }
    }

    /// What came of the conversation, once its program has ended.
    pub(super) fn done(&self, ending: Ending, driven: Driven, frames: Keeping) -> Done {
        let mut state = self.lock();
        let refused = std::mem::take(&mut state.refusals);
        let words = state.narrative.last_words();
        let locked_out = matches!(ending, Ending::LockedOut(_));
        let end = conclude(ending, &driven, &self.profile, &words, self.here());
        let end = if locked_out { state.with_ways_in(end) } else { end };
        let unless_changed = match end {
            AgentEnd::Finished => of_message(state.only_said(), &self.profile, self.here()),
            AgentEnd::Asked { .. }
            | AgentEnd::Failed { .. }
            | AgentEnd::Unavailable { .. }
            | AgentEnd::Limited { .. }
            | AgentEnd::TimedOut
            | AgentEnd::Stopped
            | AgentEnd::Faulted { .. }
            | AgentEnd::Lapsed => None,
        };
        let narrative = &mut state.narrative;
        let (usage, log) = (narrative.usage(), narrative.finish());
        let survivors = driven.ended.survivors;
        Done { end, unless_changed, usage, evidence: Evidence { log, frames }, survivors, refused }
    }

    /// What the policy says to a tool call. Links within the worktree lead where they lead: the path behind them is
    /// judged.
    pub(super) fn judge(&self, call: &ToolCall) -> Judgement {
        let real = |path: &PathBuf| resolve(&self.worktree, path).unwrap_or_else(|_| path.clone());
        let paths = call.paths.iter().map(real).collect();
        self.policy.tool(&ToolCall { paths, ..call.clone() })
    }

    /// A path as people read it: relative to the worktree where it is within.
    pub(super) fn shown<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.worktree).unwrap_or(path).display()
    }

    /// Acts on a judgement: `Err` has what the agent is told. All that is refused to an agent comes through here.
    pub(super) fn enforce(&self, act: &str, judgement: Judgement) -> Result<(), String> {
        match judgement {
            Judgement::Allow => Ok(()),
            Judgement::Refuse { reason } => {
                let mut state = self.lock();
                state.narrative.note(&format!("[omk refused {act}: {reason}]"));
                state.refusals.note((self.now)(), act, &reason);
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

impl Scene {
    /// The session goes on, and its agent with this sum of its cost, in millionths of a US dollar.
    pub(super) fn goes_on_at(&self, cost_micros: u64) {
        if self.profile.quirks.cost_goes_on {
            self.lock().cost_micros = cost_micros;
        }
    }
}

/// What a session that goes on has cost already, where its agent goes on counting from there.
fn cost_before(errand: &Errand) -> u64 {
    let resumption = errand.opening.as_ref().and_then(|opening| opening.resumption.as_ref());
    let known = resumption.filter(|_| errand.profile.quirks.cost_goes_on).and_then(|it| it.used.usd_micros);
    known.unwrap_or_default()
}

impl State {
    /// A turn begins: nothing of an earlier one goes on.
    pub(super) fn begin_turn(&mut self) {
        (self.worked, self.acted) = (false, false);
        self.said.clear();
        self.noted.clear();
        (self.turns, self.acts) = (self.turns + 1, 0);
        self.refused.clear();
        self.end_calls();
    }

    /// The turn says something.
    pub(super) fn says(&mut self, piece: &str) {
        if !piece.trim().is_empty() {
            (self.worked, self.astir) = (true, true);
        }
        if self.said.len() <= MOST_SAID {
            self.said.push_str(piece);
        }
        self.narrative.speech(piece);
    }

    /// The turn calls a tool.
    pub(super) fn acts(&mut self) {
        (self.worked, self.acted, self.astir) = (true, true, true);
        self.acts += 1;
    }

    /// A message says what its call of the model used. One that is said again with more of the same call replaces the
    /// earlier one: between two tool calls, the same input is the same call.
    pub(super) fn notes(&mut self, usage: Usage, model: Option<String>) {
        let call = format!("message-{}-{}-{}", self.turns, self.acts, usage.input_tokens);
        let known = self.noted.len() < MOST_CALLS || self.noted.contains_key(&call);
        let id = known.then(|| {
            let noted = self.noted.entry(call.clone()).or_default();
            *noted = noted.at_least(&usage);
            call
        });
        self.narrative.used(usage, id, model);
    }

    /// What the messages of the turn said that it used.
    pub(super) fn take_noted(&mut self) -> Usage {
        std::mem::take(&mut self.noted).values().fold(Usage::default(), |sum, usage| sum.plus(usage))
    }

    /// The turn asks for leave to call a tool.
    pub(super) fn asks_leave(&mut self) {
        (self.acted, self.astir) = (true, true);
    }

    /// What a turn said that called no tool; nothing of any other.
    pub(super) fn only_said(&self) -> &str {
        if self.acted || self.said.len() > MOST_SAID { "" } else { &self.said }
    }

    /// No tool works any more. Some agents do not say so of each when a turn ends.
    pub(super) fn end_calls(&mut self) {
        self.calls.end_all();
        self.narrative.tools_ended("its end was not told");
    }

    /// An end for want of a login, with the ways to log in that the agent named.
    pub(super) fn with_ways_in(&self, end: AgentEnd) -> AgentEnd {
        match end {
            AgentEnd::Unavailable { detail } if !self.ways_in.is_empty() => {
                let ways = self.ways_in.join("\n- ");
                AgentEnd::Unavailable { detail: format!("{detail}\nit names these ways to log in:\n- {ways}") }
            }
            AgentEnd::Unavailable { .. }
            | AgentEnd::Finished
            | AgentEnd::Asked { .. }
            | AgentEnd::Failed { .. }
            | AgentEnd::TimedOut
            | AgentEnd::Stopped
            | AgentEnd::Faulted { .. }
            | AgentEnd::Lapsed
            | AgentEnd::Limited { .. } => end,
        }
    }

    /// Its model answers again.
    pub(super) fn relief(&mut self) {
        (self.trouble, self.waits) = (None, None);
    }

    /// Its model gives trouble, and the agent tries again; after a wait, where `until` says so.
    pub(super) fn trouble(&mut self, profile: &AgentProfile, words: String, until: Option<Timestamp>) {
        match refusal_in(&words) {
            Some(Refusal::Limit) => self.narrative.limited(profile.provider.clone(), until, &words),
            Some(Refusal::Billing | Refusal::Login | Refusal::Model) | None => {
                self.narrative.note(&format!("[{words}]"));
            }
        }
        (self.trouble, self.waits) = (Some(words), until);
    }

    /// A refusal whose reason the protocol did not carry.
    pub(super) fn owe_reason(&mut self, reason: String) {
        if self.refused.len() < MOST_REFUSALS {
            self.refused.push(reason);
        }
    }
}
