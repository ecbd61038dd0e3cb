//! Runs gates: one command on one exact tree in a clean directory.
//!
//! Owns a run from its checkout to its result. Never reads configuration from the tree, never runs anything outside a
//! keeper. Invariant: when a result is there, no process of the gate is left and its checkout is gone.

mod environment;
mod hash;
mod listing;
mod output;
mod place;
mod prefixes;
pub mod probe;
pub mod runners;
mod sessions;
pub mod test_output;
pub mod warm;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use hash::gate_hash;

use self::environment::{gate_environment, hash_environment};
use self::listing::{lost_tests, render};
use self::output::GateOutput;
use self::place::{Place, Places};
use self::test_output::{NamedTest, TestOutput, TestReport};
use crate::adapters::remover::Remover;
use crate::domain::evidence::{ArtifactRef, GateOutcome, GateResult, GateScope, TestReading};
use crate::domain::goal::SandboxLevel;
use crate::domain::ids::TreeId;
use crate::domain::order::{Fault, GateOrder};
use crate::domain::redact::redact;
use crate::domain::task::{GateCommand, GateKind};
use crate::ports::{Artifacts, Effect, Gates, Pulse};
use crate::process::drive::{Driven, EndedBy, Heard, Limits, drive};
use crate::process::error::{ProcessError, named};
use crate::process::program::{Exit, Program};
use crate::process::sanitise::tail_lines;
use crate::process::spawn::{Input, Launcher, OutputPlan, Spec};

/// How much of a red gate's output is quoted, in bytes.
const EXCERPT: usize = 4096;

/// Writes a tree's files into an empty directory.
pub trait Export: Send + Sync {
    /// Writes the files of `tree` below `dir`, which is there and empty. Nothing of a repository is left in it.
    fn export(&self, tree: TreeId, dir: PathBuf) -> Effect<Result<(), Fault>>;
    /// Makes `dir` hold exactly the files of `tree`, whatever an earlier run has left there.
    fn refresh(&self, tree: TreeId, dir: PathBuf) -> Effect<Result<(), Fault>>;
}

/// What the runner of gates works with.
pub struct GateSetup {
    /// Starts processes.
    pub launcher: Launcher,
    /// Checks trees out.
    pub export: Arc<dyn Export>,
    /// Keeps logs and test names.
    pub artifacts: Arc<dyn Artifacts>,
    /// Where gates run: `<goal>/gates`, absolute, used by this runner alone. Made when it is needed.
    pub dir: PathBuf,
    /// The owner of what gates leave.
    pub remover: Remover,
    /// The user's environment, of which gates see a few variables.
    pub host: BTreeMap<OsString, OsString>,
    /// The number of the first run: beyond every number that the goal's journal has, so that no evidence is replaced.
    pub first_run: u64,
    /// The confinement in force.
    pub sandbox: SandboxLevel,
}

/// Runs the gates of one goal.
#[derive(Clone)]
pub struct GateRunner {
    inner: Arc<Inner>,
}

struct Inner {
    setup: GateSetup,
    next_run: AtomicU64,
    places: Places,
}

impl GateRunner {
    /// A runner with what it works with.
    pub fn new(setup: GateSetup) -> Self {
        let places = Places::new(setup.dir.clone(), setup.remover.clone());
        let next_run = AtomicU64::new(setup.first_run);
        Self { inner: Arc::new(Inner { setup, next_run, places }) }
    }
}

impl Gates for GateRunner {
    fn run(&self, order: GateOrder, pulse: Pulse, stop: CancellationToken) -> Effect<Result<GateResult, Fault>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.run(order, Watch { pulse, stop }).await })
    }
}

/// Who follows a run from outside, and can stop it.
struct Watch {
    pulse: Pulse,
    stop: CancellationToken,
}

/// What a run has shown.
struct Seen {
    outcome: GateOutcome,
    duration: Duration,
    output: String,
    tests: TestReport,
    reading: TestReading,
    survivors: Vec<String>,
}

impl Inner {
    async fn run(&self, order: GateOrder, watch: Watch) -> Result<GateResult, Fault> {
        let number = self.next_run.fetch_add(1, Ordering::Relaxed);
        let place = self.places.take(&order.gate.name, order.cold, number);
        let environment = gate_environment(&self.setup.host, &place);
        let env_hash = hash_environment(&environment, &place);
        let seen = match watch.stop.is_cancelled() {
            true => Seen::without_output(GateOutcome::Stopped),
            false => self.run_at(&order, &place, environment, &watch).await?,
        };
        let label = format!("gates/{}.{}.{number}", scope_label(&order.scope), order.gate.name);
        let log = self.setup.artifacts.put(&format!("{label}.log"), seen.output.clone().into_bytes()).await?;
        let test_names = self.keep_names(&label, &seen.tests).await?;
        let lost_tests = self.lost(&order, &seen).await?;
        let green = seen.outcome.is_green();
        Ok(GateResult {
            gate: order.gate.name.clone(),
            kind: order.gate.kind,
            required: order.gate.required,
            tree: order.tree,
            gate_hash: gate_hash(&order.gate),
            env_hash,
            sandbox: self.setup.sandbox,
            outcome: seen.outcome,
            duration_ms: u64::try_from(seen.duration.as_millis()).unwrap_or(u64::MAX),
            cold: order.cold,
            tests: seen.tests.count(),
            reading: Some(seen.reading),
            compared: order.base_tests.is_some(),
            test_names,
            lost_tests,
            log,
            excerpt: if green { String::new() } else { tail_lines(seen.output.trim_end(), EXCERPT).to_owned() },
            survivors: seen.survivors,
        })
    }

    /// Checks out, runs, and clears away, whatever came of it.
    async fn run_at(
        &self,
        order: &GateOrder,
        place: &Place,
        environment: Vec<(OsString, OsString)>,
        watch: &Watch,
    ) -> Result<Seen, Fault> {
        place.prepare().await?;
        let written = match place.is_warm() {
            true => self.setup.export.refresh(order.tree.clone(), place.tree()).await,
            false => self.setup.export.export(order.tree.clone(), place.tree()).await,
        };
        let seen = match written {
            Ok(()) => self.execute(order, place, environment, watch).await,
            Err(fault) => Err(fault),
        };
        place.clear().await;
        seen
    }

    async fn execute(
        &self,
        order: &GateOrder,
        place: &Place,
        env: Vec<(OsString, OsString)>,
        watch: &Watch,
    ) -> Result<Seen, Fault> {
        let (program, args) = argv(&order.gate.command);
        let program = Program { program, args, env, cwd: place.tree() };
        let started = Instant::now();
        let spec = Spec {
            program,
            input: Input::Null,
            output: OutputPlan::Merged,
            lease: Duration::from_millis(order.lease_ms),
        };
        let running = match self.setup.launcher.launch_until(spec, &watch.stop).await {
            Ok(running) => running,
            Err(ProcessError::Unstartable { program, detail }) => {
                return Ok(Seen::unstartable(format!("{program}: {detail}")));
            }
            Err(ProcessError::Stopped { .. }) => return Ok(Seen::without_output(GateOutcome::Stopped)),
            Err(error) => return Err(fault_of(order, &error)),
        };
        let mut output = GateOutput::default();
        let mut tests = (order.gate.kind == GateKind::Test).then(TestOutput::default);
        let limits = Limits {
            timeout: Duration::from_millis(order.gate.timeout_ms),
            grace: Duration::from_millis(order.grace_ms),
            pulse: Duration::from_millis(order.pulse_ms),
        };
        let mut sink = |heard: Heard<'_>| match heard {
            Heard::Bytes(_, bytes) => {
                output.push(bytes);
                if let Some(tests) = &mut tests {
                    tests.push(bytes);
                }
            }
            Heard::Vitals(vitals) => drop(watch.pulse.send(vitals)),
        };
        let driven = drive(running, limits, &watch.stop, &mut sink).await;
        let exit = outcome_of(&driven).map_err(|detail| Fault { what: what(order), detail })?;
        let tests = tests.map(TestOutput::finish);
        Ok(Seen {
            outcome: tests.as_ref().map_or(exit.clone(), |tests| or_contradicted(exit, tests)),
            duration: started.elapsed(),
            output: output.finish(),
            reading: tests.as_ref().map_or(TestReading::NotRead, TestReport::reading),
            tests: tests.map(without_secrets).unwrap_or_default(),
            survivors: driven.ended.survivors,
        })
    }

    async fn keep_names(&self, label: &str, tests: &TestReport) -> Result<Option<ArtifactRef>, Fault> {
        if tests.names.is_empty() {
            return Ok(None);
        }
        self.setup.artifacts.put(&format!("{label}.tests"), render(&tests.names).into_bytes()).await.map(Some)
    }

    /// Only a green run is compared: a red one may have stopped before its last test.
    async fn lost(&self, order: &GateOrder, seen: &Seen) -> Result<Vec<String>, Fault> {
        match &order.base_tests {
            Some(base) if seen.outcome.is_green() && !seen.tests.names_overflowed => {
                let base = self.setup.artifacts.fetch(base).await?;
                Ok(lost_tests(&String::from_utf8_lossy(&base), &seen.tests))
            }
            Some(_) | None => Ok(Vec::new()),
        }
    }
}

impl Seen {
    fn without_output(outcome: GateOutcome) -> Self {
        let (tests, reading) = (TestReport::default(), TestReading::NotRead);
        Self { outcome, duration: Duration::ZERO, output: String::new(), tests, reading, survivors: Vec::new() }
    }

    fn unstartable(detail: String) -> Self {
        let output = format!("{detail}\n");
        Self { output, ..Self::without_output(GateOutcome::Unstartable { detail }) }
    }
}

/// A test's name can hold what it was given.
fn without_secrets(tests: TestReport) -> TestReport {
    let names = tests.names.into_iter().map(|test| NamedTest { name: redact(&test.name), ..test }).collect();
    TestReport { names, ..tests }
}

fn argv(command: &GateCommand) -> (OsString, Vec<OsString>) {
    match command {
        GateCommand::Shell(line) => ("sh".into(), vec!["-c".into(), line.into()]),
        GateCommand::Argv(words) => {
            let mut words = words.iter().map(OsString::from);
            (words.next().unwrap_or_default(), words.collect())
        }
    }
}

/// The verdict; `Err` where our own machinery ended the gate, which says nothing about its tree.
fn outcome_of(driven: &Driven) -> Result<GateOutcome, String> {
    match (driven.by, driven.ended.exit) {
        (EndedBy::Timeout, _) => Ok(GateOutcome::TimedOut),
        (EndedBy::Stop, _) => Ok(GateOutcome::Stopped),
        (EndedBy::Itself, Exit::Code(0)) => Ok(GateOutcome::Green),
        (EndedBy::Itself, exit) => Ok(GateOutcome::Red { exit: exit.status() }),
        (EndedBy::Lease, _) => Err("omk stood still for longer than the lease, so its keeper ended it".to_owned()),
        (EndedBy::KeeperLost, _) => Err(format!("its keeper died; killed {}", named(&driven.ended.survivors))),
    }
}

/// An exit status of 0 counts for nothing where the runners' own summaries say otherwise: a pipe may swallow a status.
fn or_contradicted(exit: GateOutcome, tests: &TestReport) -> GateOutcome {
    match exit {
        GateOutcome::Green if tests.failed() > 0 => GateOutcome::TestsFailed { failed: tests.failed() },
        GateOutcome::Green if tests.ran_none() => GateOutcome::NoTests,
        exit => exit,
    }
}

fn scope_label(scope: &GateScope) -> String {
    match scope {
        GateScope::Base => "base".to_owned(),
        GateScope::Attempt { slice, attempt } => format!("{slice}.{attempt}"),
        GateScope::Batch { batch } => format!("batch-{batch}"),
        GateScope::Tip => "tip".to_owned(),
    }
}

fn fault_of(order: &GateOrder, error: &ProcessError) -> Fault {
    let cause = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
    Fault { what: what(order), detail: format!("failed to {error}{cause}") }
}

fn what(order: &GateOrder) -> String {
    format!("run the gate `{}`", order.gate.name)
}
