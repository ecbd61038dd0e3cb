//! Runs agents of every dialect under keepers.
//!
//! Owns one run from its task to its report. Invariant: when the report is there no process of the agent is left.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::cmd;
use super::conversation::{Conversation, MissingProgram};
use super::conversing;
use super::environment::AgentEnvironment;
use super::errand::Ears;
use super::keeping::{self, Evidence};
use super::name::{AgentName, parse_agent_among};
use super::profile::{AgentProfile, Profiles};
use super::script::SCRIPT_VERB;
use super::settings::AgentSettings;
use super::task_document::{TaskDocument, TaskFile};
use crate::domain::agent::{AgentEnd, AgentReport, AgentTask};
use crate::domain::budget::Usage;
use crate::ports::{AgentHints, AgentSigns, Agents, Artifacts, Clock, Effect};
use crate::process::drive::{Driven, Limits, drive};
use crate::process::error::ProcessError;
use crate::process::program::Program;
use crate::process::spawn::{Input, Launcher, OutputPlan, Spec};

/// What the host of agents works with.
pub struct AgentSetup {
    /// Starts processes.
    pub launcher: Launcher,
    /// Keeps the logs.
    pub artifacts: Arc<dyn Artifacts>,
    /// This program's binary: the script agent is one of its hidden verbs.
    pub omk: PathBuf,
    /// Where `omk` was invoked: a relative command of the user's is looked for there. Absolute.
    pub cwd: PathBuf,
    /// A directory outside every worktree for the files that hold tasks; made when it is needed. Absolute.
    pub tasks: PathBuf,
    /// What agents see of the user's environment.
    pub environment: AgentEnvironment,
    /// Tells when a provider's limit ends.
    pub clock: Arc<dyn Clock>,
    /// What the user configured of agents.
    pub settings: AgentSettings,
}

/// The agents of one goal.
#[derive(Clone)]
pub struct AgentHost {
    pub(super) setup: Arc<AgentSetup>,
    /// The file in which its user configures agents, there or not.
    file: Option<PathBuf>,
}

impl AgentHost {
    /// A host with what it works with.
    pub fn new(setup: AgentSetup) -> Self {
        Self { setup: Arc::new(setup), file: None }
    }

    /// The same host, which names the file where a profile that is gone has to be.
    pub fn configured_in(self, file: Option<PathBuf>) -> Self {
        Self { file, ..self }
    }

    /// What became of a task whose agent was known when the goal was created, and is not any more.
    fn gone(&self, agent: &str) -> Option<AgentReport> {
        let name = parse_agent_among(agent, &self.setup.settings.profiles).err()?.name;
        let detail = format!(
            "agent `{name}` is not known any more: put [agents.{name}] back into {}, then resume (a goal keeps its \
             agent's name, reads its profile anew at each start, and takes no other agent later)",
            self.file.as_ref()?.display()
        );
        Some(AgentReport::bare(AgentEnd::Unavailable { detail }, 0))
    }
}

/// Whether an agent can be used at all, without starting it: `Err` has the cause in one sentence. A relative command
/// is looked for at `cwd`.
pub fn probe_among(agent: &str, cwd: &Path, env: &AgentEnvironment, profiles: &Profiles) -> Result<(), String> {
    let path = env.value("PATH").map(|path| path.as_os_str());
    match parse_agent_among(agent, profiles) {
        Ok(AgentName::Script) => Ok(()),
        Ok(AgentName::Command(command) | AgentName::Acp(command)) => cmd::probe(&command, cwd, path),
        Ok(AgentName::Profile(name)) => match profiles.find(&name) {
            Some(profile) => probe_profile(profile, cwd, env),
            None => Err(format!("agent `{name}` has no profile")),
        },
        Err(unknown) => Err(unknown.to_string()),
    }
}

fn probe_profile(profile: &AgentProfile, cwd: &Path, env: &AgentEnvironment) -> Result<(), String> {
    let path = profile.env.get("PATH").map(OsString::from).or_else(|| env.value("PATH").cloned());
    let program = profile.command.first().map(String::as_str).unwrap_or_default();
    cmd::probe(program, cwd, path.as_deref()).map_err(|problem| format!("{problem}; {}", profile.mend()))
}

impl Agents for AgentHost {
    fn probe(&self, agent: &str) -> Effect<Result<(), String>> {
        let AgentSetup { cwd, environment, settings, .. } = &*self.setup;
        Box::pin(std::future::ready(probe_among(agent, cwd, environment, &settings.profiles)))
    }

    fn hears(&self, agent: &str) -> bool {
        let profiles = &self.setup.settings.profiles;
        match parse_agent_among(agent, profiles) {
            Ok(AgentName::Profile(name)) => profiles.find(&name).is_some_and(AgentProfile::hears),
            Ok(AgentName::Script | AgentName::Command(_) | AgentName::Acp(_)) | Err(_) => false,
        }
    }

    fn expect(&self) {
        self.setup.launcher.expect();
    }

    fn run(
        &self,
        task: AgentTask,
        events: AgentSigns,
        hints: AgentHints,
        stop: CancellationToken,
    ) -> Effect<AgentReport> {
        let (setup, gone) = (Arc::clone(&self.setup), self.gone(&task.assignment.agent));
        Box::pin(async move {
            if let Some(report) = gone {
                return report;
            }
            match conversing::profile_of(&setup, &task.assignment.agent) {
                Some(profile) => {
                    let evidence = Evidence::of(&task.attempt(), &*setup.artifacts);
                    conversing::run(&setup, profile, &task, Ears { events, hints, evidence }, &stop).await
                }
                None => setup.run(&task, events, &stop).await,
            }
        })
    }
}

/// How an agent is started that gets its task as a document.
struct Order {
    argv: Vec<OsString>,
    missing: MissingProgram,
    /// What the user configured of it; nothing, where it has no name of its own.
    profile: AgentProfile,
}

/// A run that came to its end by way of a process.
struct Heard {
    driven: Driven,
    conversation: Conversation,
    missing: MissingProgram,
}

impl AgentSetup {
    async fn run(&self, task: &AgentTask, events: AgentSigns, stop: &CancellationToken) -> AgentReport {
        let started = Instant::now();
        let heard = self.converse(task, events, stop).await;
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let report =
            |end, usage, log, survivors| AgentReport { usage, log, survivors, ..AgentReport::bare(end, duration_ms) };
        match heard {
            Err(end) => report(end, Usage::default(), None, Vec::new()),
            Ok(Heard { driven, conversation, missing }) => {
                let (end, usage, log) = conversation.conclude(&driven, missing);
                report(end, usage, log.finish().await, driven.ended.survivors)
            }
        }
    }

    async fn converse(
        &self,
        task: &AgentTask,
        events: AgentSigns,
        stop: &CancellationToken,
    ) -> Result<Heard, AgentEnd> {
        if stop.is_cancelled() {
            return Err(AgentEnd::Stopped);
        }
        let Order { argv, missing, profile } = self.order(task)?;
        conversing::furnish(&self.environment, &profile)?;
        let document = serde_json::to_vec(&TaskDocument::of(task))
            .map_err(|error| AgentEnd::Faulted { detail: format!("failed to write its task as JSON: {error}") })?;
        let attempt = task.attempt();
        let file = TaskFile::create(&self.tasks, &format!("{attempt}.json"), &document)
            .map_err(|error| AgentEnd::Faulted { detail: format!("failed to write its task file: {error}") })?;
        let program = self.program(task, argv, &profile, &file);
        let lease = Duration::from_millis(task.lease_ms);
        let spec = Spec { program, input: Input::Bytes(document), output: OutputPlan::Split, lease };
        let running = self.launcher.launch_until(spec, stop).await.map_err(end_of)?;
        let clock = Arc::clone(&self.clock);
        let mut conversation = Conversation::new(
            events,
            profile.provider,
            Arc::new(move || clock.now()),
            keeping::log(&attempt, &*self.artifacts),
        );
        let limits = Limits {
            timeout: Duration::from_millis(task.timeout_ms),
            grace: Duration::from_millis(task.grace_ms),
            pulse: Duration::from_millis(task.pulse_ms),
        };
        let driven = drive(running, limits, stop, &mut |heard| conversation.hear(heard)).await;
        Ok(Heard { driven, conversation, missing })
    }

    /// How the task's agent is started.
    fn order(&self, task: &AgentTask) -> Result<Order, AgentEnd> {
        let unavailable = |detail: String| AgentEnd::Unavailable { detail };
        let bare = |argv, missing| Order { argv, missing, profile: AgentProfile::default() };
        match parse_agent_among(&task.assignment.agent, &self.settings.profiles) {
            Ok(AgentName::Script) => {
                Ok(bare(vec![self.omk.clone().into_os_string(), SCRIPT_VERB.into()], MissingProgram::IsTheTask))
            }
            Ok(AgentName::Command(command)) => {
                let line = cmd::command_line(&command, &self.cwd);
                Ok(bare(vec!["sh".into(), "-c".into(), line.into()], MissingProgram::IsTheAgent))
            }
            Ok(AgentName::Profile(name)) => {
                let profile = self.settings.profiles.find(&name).cloned();
                let profile = profile.ok_or_else(|| unavailable(format!("agent `{name}` has no profile")))?;
                let argv = cmd::words(&profile.command, &self.cwd);
                Ok(Order { argv, missing: MissingProgram::IsTheAgent, profile })
            }
            Ok(AgentName::Acp(name)) => Err(unavailable(format!("acp:{name}: it is spoken to, not given a file"))),
            Err(unknown) => Err(unavailable(unknown.to_string())),
        }
    }

    fn program(&self, task: &AgentTask, argv: Vec<OsString>, profile: &AgentProfile, file: &TaskFile) -> Program {
        let mut env = conversing::environment(&self.environment, profile, &conversing::names(task));
        env.push(("OMK_TASK_FILE".into(), file.path().into()));
        let mut argv = argv.into_iter();
        Program { program: argv.next().unwrap_or_default(), args: argv.collect(), env, cwd: task.worktree.clone() }
    }
}

/// What a failure of our own machinery means for the attempt. A program that cannot be started will not be there the
/// next time either.
pub(super) fn end_of(error: ProcessError) -> AgentEnd {
    let detail = match std::error::Error::source(&error) {
        Some(source) => format!("failed to {error}: {source}"),
        None => format!("failed to {error}"),
    };
    match error {
        ProcessError::Unstartable { .. } => AgentEnd::Unavailable { detail },
        ProcessError::Exhausted { .. }
        | ProcessError::NoKeeper { .. }
        | ProcessError::KeeperLost { .. }
        | ProcessError::KeeperSilent { .. }
        | ProcessError::LauncherGone => AgentEnd::Faulted { detail },
        ProcessError::Stopped { .. } => AgentEnd::Stopped,
    }
}
