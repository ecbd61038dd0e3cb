//! Runs agents that are spoken to, each in the dialect of its profile's protocol.
//!
//! Owns how a task becomes an errand: the environment, the prompt.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::acp;
use super::cmd;
use super::ending::without_secrets;
use super::environment::{AgentEnvironment, is_on};
use super::errand::{Done, Ears, Errand, Opening, Resumption};
use super::host::{AgentSetup, end_of};
use super::keeping::Evidence;
use super::name::{AgentName, parse_agent_among};
use super::private_home;
use super::profile::{AgentProfile, Protocol};
use super::prompt::{PromptError, prompt, resumed_prompt};
use super::settings::Templates;
use super::streams;
use super::version;
use super::wait::zones::Zones;
use super::wire;
use crate::domain::access::AccessSet;
use crate::domain::agent::{AgentEnd, AgentReport, AgentTask};
use crate::domain::evidence::ArtifactRef;
use crate::process::drive::Limits;
use crate::process::error::ProcessError;
use crate::process::spawn::Launcher;

/// How long a mere handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(60);
/// Between SIGTERM and SIGKILL after a mere handshake.
const HANDSHAKE_GRACE: Duration = Duration::from_secs(2);

/// What is known of an agent; `None` for those that have no profile.
pub(super) fn known(setup: &AgentSetup, agent: &str) -> Option<AgentProfile> {
    match parse_agent_among(agent, &setup.settings.profiles).ok()? {
        AgentName::Script | AgentName::Command(_) => None,
        AgentName::Acp(command) => {
            let mut profile = AgentProfile::plain_acp(&cmd::command_line(&command, &setup.cwd));
            profile.keys = Some(keys(&setup.environment, &profile));
            Some(profile)
        }
        AgentName::Profile(name) => setup.settings.profiles.find(&name).cloned(),
    }
}

/// Which keys of providers an agent gets of its user's, for people.
fn keys(user: &AgentEnvironment, profile: &AgentProfile) -> String {
    let seen = seen(user, profile);
    let (passed, held_back) = seen.keys();
    let named = |names: Vec<&str>| names.join(", ");
    let gets = match passed.is_empty() {
        true => "no key of a provider that it may see is set here (docs/agents.md lists them)".to_owned(),
        false => format!("of the keys that are set here it sees {}", named(passed)),
    };
    match held_back.is_empty() {
        true => gets,
        false => format!("{gets}, and not {}: an [agents.NAME] table with `allow` lets it see more", named(held_back)),
    }
}

/// What an agent sees of its user's environment.
fn seen(user: &AgentEnvironment, profile: &AgentProfile) -> AgentEnvironment {
    let on = |switch: &String| profile.env.get(switch).map_or_else(|| user.has_on(switch), |value| is_on(value));
    let clouds = profile.allow_if.iter().filter(|(switch, _)| on(switch));
    clouds.fold(user.allowing(&profile.allow), |seen, (_, names)| seen.allowing(names))
}

/// The profile of an agent that is spoken to in a dialect of this room; `None` for all others.
pub(super) fn profile_of(setup: &AgentSetup, agent: &str) -> Option<AgentProfile> {
    let profile = known(setup, agent)?;
    match profile.protocol {
        Protocol::Acp | Protocol::ClaudeStreamJson | Protocol::CodexExec | Protocol::KimiWire => Some(profile),
        Protocol::Cmd => None,
    }
}

/// Works on a task to its end.
pub(super) async fn run(
    setup: &AgentSetup,
    profile: AgentProfile,
    task: &AgentTask,
    ears: Ears,
    stop: &CancellationToken,
) -> AgentReport {
    let started = Instant::now();
    let done = match errand(setup, profile, task).await {
        Ok(_) if stop.is_cancelled() => Err(AgentEnd::Stopped),
        Ok(errand) => speak(errand, &setup.launcher, ears, stop).await.map_err(end_of),
        Err(end) => Err(end),
    };
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    match done {
        Ok(Done { end, unless_changed, usage, evidence: Evidence { log, frames }, survivors, refused }) => {
            let (mut refused, list) = refused.into_parts();
            if !refused.is_empty() {
                refused.list = keep(setup, &format!("policy/{}.jsonl", task.attempt()), list).await;
            }
            let (frames, log) = tokio::join!(frames.finish(), log.finish());
            let (unless_changed, refused) = (unless_changed.map(Box::new), Box::new(refused));
            AgentReport { end, unless_changed, duration_ms, usage, log, frames, survivors, refused }
        }
        Err(end) => AgentReport::bare(end, duration_ms),
    }
}

/// Speaks the dialect of the errand's agent.
pub(super) async fn speak(
    errand: Errand,
    launcher: &Launcher,
    ears: Ears,
    stop: &CancellationToken,
) -> Result<Done, ProcessError> {
    if let Some(end) = version::refusal(&errand, launcher, stop).await? {
        return Ok(Done::unspoken(end, ears.evidence));
    }
    let done = match errand.profile.protocol {
        Protocol::Acp => acp::run(errand, launcher, ears, stop).await?,
        Protocol::ClaudeStreamJson | Protocol::CodexExec => streams::run(errand, launcher, ears, stop).await?,
        Protocol::KimiWire => wire::run(errand, launcher, ears, stop).await?,
        Protocol::Cmd => {
            unreachable!("`profile_of` lets no other protocol through")
        }
    };
    let unless_changed = done.unless_changed.map(without_secrets);
    Ok(Done { end: without_secrets(done.end), unless_changed, ..done })
}

async fn keep(setup: &AgentSetup, name: &str, bytes: Vec<u8>) -> Option<ArtifactRef> {
    match setup.artifacts.put(name, bytes).await {
        Ok(kept) => Some(kept),
        Err(fault) => {
            tracing::warn!(name, %fault, "what an agent was refused is not kept");
            None
        }
    }
}

async fn errand(setup: &AgentSetup, profile: AgentProfile, task: &AgentTask) -> Result<Errand, AgentEnd> {
    furnish(&setup.environment, &profile)?;
    let (asked, templates) = (task.clone(), setup.settings.templates.clone());
    let made = tokio::task::spawn_blocking(move || {
        let worktree = asked.worktree.canonicalize().unwrap_or_else(|_| asked.worktree.clone());
        (opening(&asked, &templates), worktree)
    });
    let failed = |detail: String| AgentEnd::Failed { detail };
    let (opening, worktree) = made.await.map_err(|error| failed(format!("its prompt cannot be made: {error}")))?;
    // The templates are the user's: no attempt can do better.
    let opening = opening.map_err(|error| AgentEnd::Unavailable { detail: format!("failed to {error}") })?;
    let ours = names(task);
    Ok(Errand {
        name: format!("{}.{}.{}", task.goal, task.assignment.spec.id, task.assignment.attempt),
        opening: Some(opening),
        access: task.assignment.spec.access.clone(),
        rules: setup.settings.rules.clone(),
        feedback: task.assignment.feedback.clone(),
        limits: Limits {
            timeout: Duration::from_millis(task.timeout_ms),
            grace: Duration::from_millis(task.grace_ms),
            pulse: Duration::from_millis(task.pulse_ms),
        },
        lease: Duration::from_millis(task.lease_ms),
        ..plain(setup, profile, worktree, &ours)
    })
}

/// What tells an agent, and whatever it starts, for whom it works.
pub(super) fn names(task: &AgentTask) -> [(&'static str, String); 3] {
    [
        ("OMK_GOAL_ID", task.goal.as_str().to_owned()),
        ("OMK_SLICE_ID", task.assignment.spec.id.as_str().to_owned()),
        ("OMK_ATTEMPT", task.assignment.attempt.to_string()),
    ]
}

/// What is said first. Reads files: blocks.
fn opening(task: &AgentTask, templates: &Templates) -> Result<Opening, PromptError> {
    let resumption = task.assignment.session.as_ref().map(|session| {
        let prompt = resumed_prompt(task, session, templates.resumed.as_deref())?;
        Ok(Resumption { session: session.id.clone(), prompt, used: session.used })
    });
    Ok(Opening { prompt: prompt(task, templates.prompt.as_deref())?, resumption: resumption.transpose()? })
}

/// An errand that only opens a session.
pub(super) fn plain(setup: &AgentSetup, profile: AgentProfile, worktree: PathBuf, ours: &[(&str, String)]) -> Errand {
    let clock = Arc::clone(&setup.clock);
    let env = environment(&setup.environment, &profile, ours);
    let zone = env.iter().find(|(name, _)| name == "TZ");
    Errand {
        home: home(&setup.environment, &profile),
        zones: Zones::of_machine(zone.map(|(_, value)| value.as_os_str())),
        env,
        name: String::new(),
        opening: None,
        worktree,
        access: AccessSet::default(),
        rules: setup.settings.rules.clone(),
        feedback: Vec::new(),
        limits: Limits { timeout: HANDSHAKE, grace: HANDSHAKE_GRACE, pulse: HANDSHAKE },
        lease: HANDSHAKE * 2,
        now: Arc::new(move || clock.now()),
        profile,
    }
}

/// What an agent gets: the user's variables that it may see, what keeps it quiet unless the user says otherwise, what
/// its profile sets, and ours.
pub(super) fn environment(
    user: &AgentEnvironment,
    profile: &AgentProfile,
    ours: &[(&str, String)],
) -> Vec<(OsString, OsString)> {
    let seen = seen(user, profile);
    let quirks = &profile.quirks;
    let unset = quirks.quiet_env.iter().chain(&quirks.retry_env).filter(|(name, _)| seen.value(name).is_none());
    let mut more: BTreeMap<String, OsString> = unset.map(|(name, value)| (name.clone(), value.into())).collect();
    more.extend(profile.env.iter().map(|(name, value)| (name.clone(), value.into())));
    if let (Some(variable), Some(model)) = (&profile.model_env, &profile.model) {
        more.insert(variable.clone(), model.into());
    }
    if let Some((home, private)) = profile.home.as_ref().and_then(|home| Some((home, home.private.as_ref()?))) {
        more.insert(home.variable.clone(), private.into());
    }
    more.extend(ours.iter().map(|(name, value)| ((*name).to_owned(), value.into())));
    seen.with(more)
}

/// Where the agent keeps its sessions.
fn home(user: &AgentEnvironment, profile: &AgentProfile) -> Option<PathBuf> {
    let private = profile.home.as_ref()?.private.clone();
    private.or_else(|| users_home(user, profile))
}

/// Where the agent keeps them for its user.
fn users_home(user: &AgentEnvironment, profile: &AgentProfile) -> Option<PathBuf> {
    let home = profile.home.as_ref()?;
    let seen = seen(user, profile);
    let set = profile.env.get(&home.variable).map(PathBuf::from);
    let users = profile.env.get("HOME").map(OsString::from).or_else(|| seen.value("HOME").cloned());
    let usual = || Some(Path::new(&users?).join(&home.usual));
    set.or_else(|| seen.value(&home.variable).map(PathBuf::from)).or_else(usual)
}

/// Makes the private home of an agent that has one, with the user's login in it.
pub(super) fn furnish(user: &AgentEnvironment, profile: &AgentProfile) -> Result<(), AgentEnd> {
    let Some(home) = &profile.home else { return Ok(()) };
    let (Some(private), Some(users)) = (&home.private, users_home(user, profile)) else { return Ok(()) };
    private_home::furnish(private, &users, &home.login).map_err(|error| AgentEnd::Unavailable {
        detail: format!("{}: failed to make its private home {}: {error}", profile.name, private.display()),
    })
}
