//! What an agent is asked and what it reports, whichever protocol it speaks.
//!
//! Nothing here is evidence: an agent's words are narrative, its edits are judged from the captured tree.

use std::path::PathBuf;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};

use crate::domain::budget::Usage;
use crate::domain::evidence::ArtifactRef;
use crate::domain::ids::{AttemptRef, GoalId, Timestamp};
use crate::domain::refusal::Refusals;
use crate::domain::task::Assignment;
use crate::domain::vitals::Vitals;

/// One attempt's order to an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentTask {
    /// The goal's name.
    pub goal: GoalId,
    /// The goal's text.
    pub goal_text: String,
    /// What must hold of the whole goal's result, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub criteria: Vec<String>,
    /// What must not happen on the way there, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<String>,
    /// What is to be done.
    pub assignment: Assignment,
    /// The worktree, an absolute path: the agent's working directory.
    pub worktree: PathBuf,
    /// The longest it may take, in milliseconds.
    pub timeout_ms: u64,
    /// Between SIGTERM and SIGKILL when it is stopped, in milliseconds.
    pub grace_ms: u64,
    /// How often its keeper is asked after its processes, in milliseconds.
    pub pulse_ms: u64,
    /// How long its processes may live when the keeper is no longer asked, in milliseconds.
    pub lease_ms: u64,
}

impl AgentTask {
    /// The attempt that it is about.
    pub fn attempt(&self) -> AttemptRef {
        AttemptRef {
            slice: self.assignment.spec.id.clone(),
            attempt: self.assignment.attempt,
            epoch: self.assignment.epoch,
        }
    }
}

/// What an agent lets us see while it works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AgentEvent {
    /// Something it says.
    Message {
        /// Its words.
        text: String,
    },
    /// What a call to its model used; adds to what it reported before.
    Usage {
        /// The increment.
        #[serde(flatten)]
        usage: Usage,
        /// The message that it belongs to: a second report of the same one replaces the first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The model, in the agent's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
    },
    /// It has begun a session, or goes on with one.
    Session {
        /// Its name for it.
        id: String,
    },
    /// A tool call begins, or ends.
    Tool {
        /// Tells calls apart.
        id: String,
        /// What it does, one line.
        title: String,
        /// Whether it has ended.
        #[serde(default)]
        done: bool,
    },
    /// The provider of its model takes no requests for now; whether the agent itself waits is its affair.
    Limited {
        /// The provider.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provider: Option<String>,
        /// When it takes requests again, where that is stated and can be read.
        #[serde(default, deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
        /// Its words.
        #[serde(default)]
        detail: String,
    },
    /// A further task that it proposes.
    Propose {
        /// One line.
        title: String,
        /// The rest.
        #[serde(default)]
        description: String,
    },
    /// A question that only a person can answer.
    Ask {
        /// The question.
        text: String,
    },
    /// It claims to be done.
    Done {
        /// What it did, in its words.
        #[serde(default)]
        summary: String,
    },
}

/// Reads a moment, and takes anything else for none: a limit counts whatever its stated end looks like.
fn readable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stated {
        Moment(Timestamp),
        Other(IgnoredAny),
    }
    Ok(match Stated::deserialize(deserializer)? {
        Stated::Moment(at) => Some(at),
        Stated::Other(IgnoredAny) => None,
    })
}

/// A sign of an agent at work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentSign {
    /// Something that it lets us see.
    Event(AgentEvent),
    /// It printed something, whatever it was; said a few times a second at most.
    Output,
    /// Its keeper answered.
    Vitals(Vitals),
}

/// How an agent's process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AgentEnd {
    /// Exit status 0.
    Finished,
    /// It asked something and ended.
    Asked {
        /// The question.
        question: String,
    },
    /// Another exit status, or a protocol that broke.
    Failed {
        /// What was seen, with the last lines of its stderr.
        detail: String,
    },
    /// Not installed, not executable, not logged in: no attempt can succeed.
    Unavailable {
        /// The cause.
        detail: String,
    },
    /// It ended because the provider of its model takes no requests for now.
    Limited {
        /// The provider, where the agent names it.
        provider: Option<String>,
        /// When it takes requests again, where that is stated.
        until: Option<Timestamp>,
        /// Its words.
        detail: String,
    },
    /// Killed at its timeout.
    TimedOut,
    /// Killed because we were asked to stop.
    Stopped,
    /// Killed by its keeper, because we stood still for longer than the lease: no word of the agent.
    Lapsed,
    /// Our own machinery failed before it could work, and that says nothing of the agent.
    Faulted {
        /// What failed.
        detail: String,
    },
}

/// The built-in agent, as goals name it: it runs what the plan says and uses no model.
pub const SCRIPT: &str = "script";

/// What came of one run of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentReport {
    /// How it ended.
    pub end: AgentEnd,
    /// What the end is instead if the attempt changed nothing: its final message reports a refusal of its provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unless_changed: Option<Box<AgentEnd>>,
    /// How long it took.
    pub duration_ms: u64,
    /// What it said it used, in all.
    pub usage: Usage,
    /// What it printed, bounded, escape sequences made harmless.
    pub log: Option<ArtifactRef>,
    /// The raw lines of the conversation, bounded, keys and tokens taken out; of an agent that is spoken to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames: Option<ArtifactRef>,
    /// Processes that outlived it and were killed, as `pid name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub survivors: Vec<String>,
    /// What the policy refused to it.
    #[serde(default, skip_serializing_if = "Refusals::is_empty")]
    pub refused: Box<Refusals>,
}

impl AgentReport {
    /// The report of an agent of which no more is known.
    pub fn bare(end: AgentEnd, duration_ms: u64) -> Self {
        Self {
            end,
            unless_changed: None,
            duration_ms,
            usage: Usage::default(),
            log: None,
            frames: None,
            survivors: Vec::new(),
            refused: Box::default(),
        }
    }
}

impl AgentReport {
    /// Whether `agent` worked and did not say what that used.
    pub fn withholds_use(&self, agent: &str) -> bool {
        let worked = match &self.end {
            AgentEnd::Unavailable { .. } | AgentEnd::Limited { .. } | AgentEnd::Faulted { .. } => false,
            AgentEnd::Finished
            | AgentEnd::Asked { .. }
            | AgentEnd::Failed { .. }
            | AgentEnd::TimedOut
            | AgentEnd::Stopped
            | AgentEnd::Lapsed => true,
        };
        worked && agent != SCRIPT && self.usage.is_nothing()
    }
}
