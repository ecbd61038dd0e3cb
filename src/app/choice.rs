//! Who works on a new goal: the agents that were named, each checked to be there, or the first that answers.
//!
//! Decided once, when the goal is created, and frozen in its charter: a resumed goal goes on with the same agents.

use tokio_util::sync::CancellationToken;

use crate::agents::environment::AgentEnvironment;
use crate::agents::greeting::{Answer, Meeting};
use crate::agents::host::{AgentHost, probe_among};
use crate::agents::name::parse_agent_among;
use crate::app::Omk;
use crate::app::create::usage;
use crate::app::error::AppError;
use crate::app::meeting::{HostFor, greeter};
use crate::app::request::GoalRequest;
use crate::domain::agent::SCRIPT;
use crate::domain::goal::GoalStatus;
use crate::domain::task::SliceSpec;
use crate::workflow::plan_file::PlanText;

/// The built-in agents in the order in which they are tried where nobody names one: the one with the best control
/// first, then those of a provider by their second way.
pub const ORDER: [&str; 8] = ["kimi", "claude", "codex", "opencode", "gemini", "claude-code", "codex-exec", "kimi-cli"];

/// Who works on a goal.
#[derive(Debug, Default)]
pub(super) struct Staff {
    /// The agent of the slices that name none and have no `run`.
    pub(super) agent: Option<String>,
    /// Who stands in for it.
    pub(super) stand_ins: Vec<String>,
}

/// An agent that nobody named, and how it answered.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) agent: String,
    pub(super) meeting: Meeting,
    /// Those before it that answered too, and say that nobody is logged in.
    pub(super) passed_over: Vec<&'static str>,
}

impl Chosen {
    /// What the user is told of it.
    pub(super) fn note(&self) -> String {
        let took = self.meeting.took.as_millis();
        let login = match (self.meeting.without_login(), self.meeting.mend.first()) {
            (Some(words), Some(mend)) => format!("; nobody is logged in: {words}; log in with `{mend}`"),
            (Some(words), None) => format!("; nobody is logged in: {words}"),
            (None, _) if self.passed_over.is_empty() => String::new(),
            (None, _) => format!("; nobody is logged in with {}", self.passed_over.join(", ")),
        };
        format!("agent {}: nobody named one, and it is the first that answers (in {took}ms){login}", self.agent)
    }
}

impl Omk {
    /// The agents of a goal and of its slices, which get their names as the goal keeps them. `chosen` is what is used
    /// where a slice needs an agent and nobody named one.
    pub(super) fn staff(
        &self,
        request: &GoalRequest,
        slices: &mut [SliceSpec],
        chosen: Option<&Chosen>,
        plan: Option<&PlanText>,
    ) -> Result<Staff, AppError> {
        for slice in slices.iter_mut() {
            if let Some(name) = &slice.agent {
                let checked = self.of_slice(name);
                let place = || plan.map(|plan| format!("{}: ", plan.place_of_agent(&slice.id))).unwrap_or_default();
                slice.agent = Some(checked.map_err(|error| about(&format!("{}slice `{}`", place(), slice.id), error))?);
            }
        }
        let named = request.agents.first().or(self.config.agent.as_ref());
        let agent = match (named, chosen) {
            (Some(name), _) => Some(self.checked(name)?),
            (None, chosen) => chosen.map(|chosen| chosen.agent.clone()),
        };
        let waiting = slices.iter().find(|slice| slice.run.is_none() && slice.agent.is_none());
        if let (Some(SCRIPT), Some(slice)) = (agent.as_deref(), waiting) {
            let only = "and the built-in agent does nothing else";
            return Err(blocked(format!("slice `{}` has no `run`, {only}", slice.id), Vec::new()));
        }
        let others = match request.agents.as_slice() {
            [] | [_] => self.config.stand_ins.as_slice(),
            [_, others @ ..] => others,
        };
        let mut stand_ins: Vec<String> = Vec::new();
        for name in others {
            let name = self.checked(name)?;
            if agent.as_ref() != Some(&name) && !stand_ins.contains(&name) {
                stand_ins.push(name);
            }
        }
        Ok(Staff { agent, stand_ins })
    }

    fn of_slice(&self, name: &str) -> Result<String, AppError> {
        let agent = self.checked(name)?;
        match agent.as_str() {
            SCRIPT => {
                let help = ["leave `agent` out and give the slice a `run`"];
                Err(usage("the built-in agent only does a slice's `run`", &help))
            }
            _ => Ok(agent),
        }
    }

    /// A name as the goal keeps it, checked to be there.
    fn checked(&self, name: &str) -> Result<String, AppError> {
        let profiles = &self.config.agents.profiles;
        let spoken = parse_agent_among(name, profiles).map_err(|error| usage(error.to_string(), &[UNKNOWN]))?;
        let environment = AgentEnvironment::pick(self.variables.clone(), &[]);
        // As it was typed: the anchored command may be quoted, and then only a shell could tell what it runs.
        probe_among(&spoken.to_string(), &self.place.cwd, &environment, profiles)
            .map_err(|problem| blocked(problem, Vec::new()))?;
        Ok(spoken.anchored(&self.place.cwd))
    }

    /// Whether somebody has to be chosen for a goal of these slices; none means that the goal's text becomes them.
    pub(super) fn needs_a_choice(&self, request: &GoalRequest, slices: &[SliceSpec]) -> bool {
        let named = !request.agents.is_empty() || self.config.agent.is_some();
        let open = slices.is_empty() || slices.iter().any(|slice| slice.run.is_none() && slice.agent.is_none());
        !named && open
    }

    /// The first agent of [`ORDER`] that is installed and opens a session, tried one after the other until `stop` is
    /// cancelled. One that says that nobody is logged in is taken where there is no other. Blocks.
    pub(super) fn choose(&self, stop: &CancellationToken) -> Result<Chosen, AppError> {
        let HostFor { host, place, runtime } = greeter(self, "choice")?;
        let found = runtime.block_on(self.first_that_answers(&host, place.path(), stop));
        found.map_err(|refused| blocked(NOBODY.to_owned(), refused))
    }

    async fn first_that_answers(
        &self,
        host: &AgentHost,
        place: &std::path::Path,
        stop: &CancellationToken,
    ) -> Result<Chosen, Vec<String>> {
        let (mut missing, mut refused) = (Vec::new(), Vec::new());
        let mut without_login: Vec<(&'static str, Meeting)> = Vec::new();
        for name in ORDER.into_iter().filter(|name| self.config.agents.profiles.find(name).is_some()) {
            if stop.is_cancelled() {
                break;
            }
            let meeting = host.meet(name, place.to_owned(), stop.clone()).await;
            let mend = meeting.mend.first().map(|command| format!("; mend it with `{command}`")).unwrap_or_default();
            match &meeting.answer {
                Answer::Session | Answer::Silent if meeting.without_login().is_some() => {
                    without_login.push((name, meeting));
                }
                Answer::Session | Answer::Silent => {
                    let passed_over = without_login.into_iter().map(|(name, _)| name).collect();
                    return Ok(Chosen { agent: name.to_owned(), meeting, passed_over });
                }
                Answer::Missing(_) => missing.push(name),
                Answer::Refused(problem) => refused.push(format!("{name}: {problem}{mend}")),
            }
        }
        if let Some((name, meeting)) = without_login.into_iter().next() {
            return Ok(Chosen { agent: name.to_owned(), meeting, passed_over: Vec::new() });
        }
        if !missing.is_empty() {
            refused.push(format!("not installed: {}", missing.join(", ")));
        }
        Err(refused)
    }
}

/// What helps with an agent that nobody knows.
const UNKNOWN: &str = "`omk doctor` lists the agents; [agents.NAME] of the configuration adds one (docs/agents.md)";
/// What is said where nobody can be chosen.
const NOBODY: &str = "a slice has no `run`, no agent is named, and no built-in agent is installed and answers";

/// The same refusal, with what it is about.
fn about(what: &str, error: AppError) -> AppError {
    let with = |message: String| format!("{what}: {message}");
    match error {
        AppError::Usage { message, help } => AppError::Usage { message: with(message), help },
        AppError::Blocked { status, message, help } => AppError::Blocked { status, message: with(message), help },
        AppError::Infra { message, help } => AppError::Infra { message: with(message), help },
        AppError::Internal(error) => AppError::Internal(error),
    }
}

fn blocked(message: String, mut help: Vec<String>) -> AppError {
    help.push("`omk doctor` tries every agent and says what mends it".to_owned());
    help.push("or name one that is installed: --agent \"cmd:<command>\"; or give the slices a `run`".to_owned());
    AppError::Blocked { status: GoalStatus::BlockedOnExternal, message, help }
}
