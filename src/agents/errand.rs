//! One run of an agent that is spoken to: what goes in, what comes out, whichever dialect it speaks.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::keeping::Evidence;
use super::policy::CommandRules;
use super::profile::AgentProfile;
use super::refusals::Refused;
use super::wait::zones::Zones;
use crate::domain::access::AccessSet;
use crate::domain::agent::AgentEnd;
use crate::domain::budget::Usage;
use crate::domain::ids::Timestamp;
use crate::domain::task::Feedback;
use crate::ports::{AgentHints, AgentSigns};
use crate::process::drive::Limits;

/// What is to be done with an agent.
pub(super) struct Errand {
    pub(super) profile: AgentProfile,
    /// What tells it from others, for people: goal, slice and attempt.
    pub(super) name: String,
    /// What is said first; `None` only opens a session and leaves.
    pub(super) opening: Option<Opening>,
    /// The worktree: absolute, no symbolic links.
    pub(super) worktree: PathBuf,
    pub(super) access: AccessSet,
    pub(super) rules: CommandRules,
    pub(super) feedback: Vec<Feedback>,
    /// The agent's environment, which the commands that it runs through us get as well.
    pub(super) env: Vec<(OsString, OsString)>,
    /// Where it keeps its sessions.
    pub(super) home: Option<PathBuf>,
    pub(super) limits: Limits,
    /// How long its processes may live when their keepers are not asked.
    pub(super) lease: Duration,
    /// The present moment by the wall clock.
    pub(super) now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// In whose time it tells times.
    pub(super) zones: Zones,
}

/// What is said first.
pub(super) struct Opening {
    /// The prompt of a new session.
    pub(super) prompt: String,
    /// The session to go on with; where it cannot be found any more, a new one is begun.
    pub(super) resumption: Option<Resumption>,
}

/// A session that an earlier process of the agent began.
pub(super) struct Resumption {
    /// The agent's name for it.
    pub(super) session: String,
    /// What is said in it first: it knows the task.
    pub(super) prompt: String,
    /// What it has used already.
    pub(super) used: Usage,
}

/// How a conversation is heard, and what the operator says into it.
pub(super) struct Ears {
    /// Where its signs go.
    pub(super) events: AgentSigns,
    /// What the operator says; it may end at any time.
    pub(super) hints: AgentHints,
    /// Where it is kept what is heard.
    pub(super) evidence: Evidence,
}

/// What came of it.
pub(super) struct Done {
    pub(super) end: AgentEnd,
    /// What the end is instead if nothing was changed.
    pub(super) unless_changed: Option<AgentEnd>,
    pub(super) usage: Usage,
    pub(super) evidence: Evidence,
    pub(super) survivors: Vec<String>,
    /// What the policy refused to it.
    pub(super) refused: Refused,
}

impl Done {
    /// The end of an errand whose agent was not spoken to.
    pub(super) fn unspoken(end: AgentEnd, evidence: Evidence) -> Self {
        let (usage, survivors, refused) = (Usage::default(), Vec::new(), Refused::default());
        Self { end, unless_changed: None, usage, evidence, survivors, refused }
    }
}
