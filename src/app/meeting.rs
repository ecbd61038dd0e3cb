//! A host of agents that are only met: outside of any goal, in a throw-away directory, with nothing kept.

use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::adapters::clock::SystemClock;
use crate::agents::environment::AgentEnvironment;
use crate::agents::host::{AgentHost, AgentSetup};
use crate::app::Omk;
use crate::app::create::infra;
use crate::app::error::AppError;
use crate::app::event_loop::event_loop;
use crate::domain::evidence::ArtifactRef;
use crate::domain::order::Fault;
use crate::ports::{Artifacts, Effect, Growing};
use crate::process::orphans;
use crate::process::spawn::Launcher;

/// A host, the event loop that it runs on, and the directory that its agents are met in.
pub(super) struct HostFor {
    pub(super) host: AgentHost,
    pub(super) place: Place,
    pub(super) runtime: Runtime,
}

/// A directory that goes with this value.
pub(super) struct Place {
    path: PathBuf,
    _dir: TempDir,
}

impl Place {
    /// Where it is: absolute, no symbolic links.
    pub(super) fn path(&self) -> &std::path::Path {
        &self.path
    }
}

/// Nothing of a mere meeting is kept.
#[derive(Debug)]
struct Unkept;

impl Growing for Unkept {
    fn push(&mut self, _bytes: &[u8]) {}

    fn finish(self: Box<Self>) -> Effect<Result<ArtifactRef, Fault>> {
        Box::pin(std::future::ready(Err(nothing("it"))))
    }
}

impl Artifacts for Unkept {
    fn put(&self, name: &str, _bytes: Vec<u8>) -> Effect<Result<ArtifactRef, Fault>> {
        Box::pin(std::future::ready(Err(nothing(name))))
    }

    fn grow(&self, _name: &str, _ends: usize) -> Box<dyn Growing> {
        Box::new(Self)
    }

    fn fetch(&self, artifact: &ArtifactRef) -> Effect<Result<Vec<u8>, Fault>> {
        Box::pin(std::future::ready(Err(nothing(&artifact.path.to_string()))))
    }
}

fn nothing(name: &str) -> Fault {
    Fault { what: format!("keep {name}"), detail: "an agent that is only met leaves nothing".to_owned() }
}

/// A host for meetings; `owner` is what its processes are marked with.
pub(super) fn greeter(omk: &Omk, owner: &str) -> Result<HostFor, AppError> {
    let failed = |what: &str, error: &dyn std::fmt::Display| infra(format!("failed to {what}: {error}"));
    orphans::adopt().map_err(|error| failed("become the parent of what dead keepers leave", &error))?;
    let dir = tempfile::Builder::new().prefix("omk-meeting-").tempdir();
    let dir = dir.map_err(|error| failed("make a throw-away directory", &error))?;
    let path = dir.path().canonicalize().map_err(|error| failed("find a throw-away directory", &error))?;
    let runtime = event_loop().map_err(|error| failed("start an event loop", &error))?;
    let host = AgentHost::new(AgentSetup {
        launcher: Launcher::start(omk.omk.clone(), owner).map_err(|error| failed("start agents", &error))?,
        artifacts: Arc::new(Unkept),
        omk: omk.omk.clone(),
        cwd: omk.place.cwd.clone(),
        tasks: path.join("tasks"),
        environment: AgentEnvironment::pick(omk.variables.clone(), &[]),
        clock: Arc::new(SystemClock),
        settings: omk.config.agents.clone(),
    });
    Ok(HostFor { host, place: Place { path, _dir: dir }, runtime })
}
