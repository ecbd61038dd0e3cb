//! What `omk doctor` found, as a value: for a screen and for scripts.

use std::path::PathBuf;

use serde::Serialize;

use crate::domain::goal::GoalStatus;

/// The kind of the document.
pub const SCHEMA: &str = "omk.doctor/v1";

/// All that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// `omk.doctor/v1`.
    pub schema: &'static str,
    /// The agents: those that somebody asked for, then the others.
    pub agents: Vec<AgentCheck>,
    /// Who works on a goal that names nobody, as far as it was tried; `None` where nobody would.
    pub default: Option<String>,
    /// Everything else, by topic.
    pub checks: Vec<Check>,
}

/// How an agent stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    /// It opened a session.
    Usable,
    /// Its program is there; it says nothing before it works.
    Untried,
    /// Its program is not there, or cannot be started.
    NotInstalled,
    /// It is there and cannot be worked with.
    Unusable,
}

/// One agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AgentCheck {
    /// Its name, as `--agent` takes it.
    pub name: String,
    /// How it stands.
    pub state: AgentState,
    /// Whether the command or the configuration names it.
    pub wanted: bool,
    /// Its program.
    pub program: Option<PathBuf>,
    /// Its version, in its own words.
    pub version: Option<String>,
    /// What it speaks; `None` for those without a profile that speak no protocol before they work.
    pub protocol: Option<String>,
    /// How long it took to open a session, in milliseconds.
    pub answered_ms: Option<u64>,
    /// What it can, where it has a profile.
    pub can: Option<Abilities>,
    /// Whether somebody is logged in, where it opens a session without and its program says so.
    pub login: Option<LoginCheck>,
    /// What is wrong: the cause, and its own words on further lines.
    pub problem: Option<String>,
    /// The commands that mend it, the likeliest first.
    pub mend: Vec<String>,
}

/// What an agent's program says of a login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum LoginCheck {
    /// Somebody is logged in.
    There,
    /// Nobody is.
    Missing {
        /// Its own words.
        words: String,
    },
    /// It gave no answer that is understood.
    NotKnown,
}

/// What an agent can, by its profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Abilities {
    /// Whether its session goes on in another process.
    pub resume: bool,
    /// Whether it hears the operator in the middle of a turn.
    pub steer: bool,
    /// How `omk` meets what it writes.
    pub writes: Control,
    /// How `omk` meets the commands that it runs.
    pub commands: Control,
}

/// How something that an agent does is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// `omk` does it for the agent.
    ThroughUs,
    /// The agent asks, where it asks at all.
    Asked,
    /// It is seen in the worktree afterwards.
    Afterwards,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Worth knowing.
    Note,
    /// It works, for now.
    Warning,
    /// Runs cannot work so.
    Failed,
}

/// What a check is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// The git program, and git repositories.
    Git,
    /// The state directory.
    State,
    /// What confines agents and gates, and what holds their processes.
    Sandbox,
    /// Programs of forges.
    Forge,
}

impl Topic {
    /// The topic as it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Git => "git",
            Self::State => "state",
            Self::Sandbox => "sandbox",
            Self::Forge => "forge",
        }
    }
}

/// One check that is not of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it is about.
    pub topic: Topic,
    /// Its name.
    pub name: &'static str,
    /// How it ended.
    pub verdict: Verdict,
    /// What was found, one phrase.
    pub found: String,
    /// What helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Check {
    /// A check without help.
    pub(super) fn new(topic: Topic, name: &'static str, verdict: Verdict, found: impl Into<String>) -> Self {
        Self { topic, name, verdict, found: found.into(), help: None }
    }

    /// The check with what helps.
    pub(super) fn with_help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

impl AgentCheck {
    /// Whether nobody is logged in, as far as its program knows.
    pub fn lacks_login(&self) -> bool {
        match self.login {
            Some(LoginCheck::Missing { .. }) => true,
            Some(LoginCheck::There | LoginCheck::NotKnown) | None => false,
        }
    }

    /// How that counts: what nobody asked for is no failure, and neither is a login that may not be needed.
    pub fn verdict(&self) -> Verdict {
        match (self.state, self.wanted) {
            (AgentState::Usable, _) if self.lacks_login() => Verdict::Warning,
            (AgentState::Usable | AgentState::Untried, _) => Verdict::Ok,
            (AgentState::NotInstalled | AgentState::Unusable, true) => Verdict::Failed,
            (AgentState::NotInstalled, false) => Verdict::Note,
            (AgentState::Unusable, false) => Verdict::Warning,
        }
    }
}

impl Diagnosis {
    /// The exit code: that of the status in which a goal would end here.
    pub fn exit_code(&self) -> u8 {
        let failed = |topic: Topic| self.checks.iter().any(|it| it.topic == topic && it.verdict == Verdict::Failed);
        if failed(Topic::State) {
            return GoalStatus::FailedInfra.exit_code();
        }
        let agents = self.agents.iter().any(|agent| agent.verdict() == Verdict::Failed);
        if agents || failed(Topic::Git) || failed(Topic::Sandbox) || failed(Topic::Forge) {
            return GoalStatus::BlockedOnExternal.exit_code();
        }
        0
    }
}
