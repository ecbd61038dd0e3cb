//! The names of those who decide.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::review::Role;

/// Who decided a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ActorName {
    /// Drives the phases, decides the status.
    Controller,
    /// Turns the goal into an accepted plan.
    Planner,
    /// Offers slices, judges attempts.
    Scheduler,
    /// Works on one attempt.
    Worker,
    /// Looks at one change from one side.
    Reviewer(Role),
    /// Merges, gates and bisects batches.
    Integrator,
    /// Watches what is spent.
    Budget,
    /// Keeps the journal.
    Journal,
    /// Starts, restarts and stops the others.
    Supervisor,
    /// The person at the keyboard.
    Operator,
}

impl ActorName {
    /// Every name, reviewers by role.
    pub fn all() -> impl Iterator<Item = Self> {
        [
            Self::Controller,
            Self::Planner,
            Self::Scheduler,
            Self::Worker,
            Self::Integrator,
            Self::Budget,
            Self::Journal,
            Self::Supervisor,
            Self::Operator,
        ]
        .into_iter()
        .chain(Role::ALL.into_iter().map(Self::Reviewer))
    }

    /// The name as scripts read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Controller => "controller",
            Self::Planner => "planner",
            Self::Scheduler => "scheduler",
            Self::Worker => "worker",
            Self::Reviewer(Role::Architect) => "reviewer.architect",
            Self::Reviewer(Role::Code) => "reviewer.code",
            Self::Reviewer(Role::Test) => "reviewer.test",
            Self::Reviewer(Role::Security) => "reviewer.security",
            Self::Reviewer(Role::Performance) => "reviewer.performance",
            Self::Reviewer(Role::AntiSlop) => "reviewer.anti_slop",
            Self::Integrator => "integrator",
            Self::Budget => "budget",
            Self::Journal => "journal",
            Self::Supervisor => "supervisor",
            Self::Operator => "operator",
        }
    }
}

impl fmt::Display for ActorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl From<ActorName> for String {
    fn from(name: ActorName) -> String {
        name.as_str().to_owned()
    }
}

impl TryFrom<String> for ActorName {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::all().find(|name| name.as_str() == text).ok_or_else(|| format!("no actor is called `{text}`"))
    }
}
