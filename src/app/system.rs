//! One run of a goal: builds the effects, wires the supervisor, serves the control socket, and waits for the end.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use actix::{Addr, System};
use anyhow::Context as _;
use tokio::sync::{mpsc, oneshot};

use crate::actors::supervisor::{Run, Supervisor};
use crate::adapters::clock::SystemClock;
use crate::adapters::gate::{Export, GateRunner, GateSetup};
use crate::adapters::git::program::{GitProgram, SystemGit};
use crate::adapters::git::workspace::GitWorkspace;
use crate::agents::environment::AgentEnvironment;
use crate::agents::host::{AgentHost, AgentSetup};
use crate::agents::settings::AgentSettings;
use crate::app::config::location;
use crate::app::event_loop::event_loop;
use crate::app::losses;
use crate::app::recovery::{self, Halt};
use crate::app::serve::{Reply, serve};
use crate::app::shutdown::{Signals, Stopped, stopped_by};
use crate::app::surplus;
use crate::app::watchdog::Watchdog;
use crate::domain::control::{ControlReply, Stop};
use crate::domain::event::{ActorName, Draft, Event};
use crate::domain::fact::{Fact, GoalFact, SupervisionFact};
use crate::domain::goal::{Charter, Drive, GoalStatus};
use crate::domain::ids::TreeId;
use crate::domain::order::Fault;
use crate::messages::goal::StopRun;
use crate::messages::lifecycle::RunOver;
use crate::ports::{Artifacts, Clock, Effect, Effects, Journal, Workspace};
use crate::process::orphans;
use crate::process::spawn::Launcher;
use crate::store::artifacts::GoalArtifacts;
use crate::store::journal::Opened;
use crate::store::layout::GoalDir;
use crate::store::lock::this_process;
use crate::store::server::{Ask, ControlServer};
use crate::workflow::state::GoalState;

/// What one run needs from outside.
pub(super) struct Order {
    /// The goal's directory.
    pub(super) dir: GoalDir,
    /// Its journal, open for appends.
    pub(super) opened: Opened,
    /// How far to go.
    pub(super) drive: Drive,
    /// Facts that come before the run: what the operator said when it was taken up.
    pub(super) before: Vec<Fact>,
    /// This program's binary.
    pub(super) omk: PathBuf,
    /// The working directory of the command.
    pub(super) cwd: PathBuf,
    /// The environment of the command.
    pub(super) variables: BTreeMap<OsString, OsString>,
    /// What the user configured of agents.
    pub(super) agents: AgentSettings,
    /// Gets every durable record, in order.
    pub(super) observer: mpsc::UnboundedSender<Event>,
}

/// How long the last answers on the control socket may take to be written.
const LAST_ANSWERS: std::time::Duration = std::time::Duration::from_secs(1);

/// How a run came back.
pub(super) struct Outcome {
    /// How it ended.
    pub(super) over: RunOver,
    /// The signal that stopped it, where one did.
    pub(super) signal: Option<i32>,
}

/// Lets the gate runner check trees out of the workspace.
struct Checkout(GitWorkspace);

impl Export for Checkout {
    fn export(&self, tree: TreeId, dir: PathBuf) -> Effect<Result<(), Fault>> {
        self.0.export(tree, dir)
    }

    fn refresh(&self, tree: TreeId, dir: PathBuf) -> Effect<Result<(), Fault>> {
        self.0.refresh(tree, dir)
    }
}

/// Runs a goal in this process until it settles.
pub(super) fn run(order: Order) -> anyhow::Result<Outcome> {
    let runtime = event_loop().context("failed to start the event loop")?;
    let system = System::with_tokio_rt(|| runtime);
    system.block_on(async move {
        let outcome = drive(order).await;
        System::current().stop();
        outcome
    })
}

async fn drive(order: Order) -> anyhow::Result<Outcome> {
    let mut signals = Signals::install().context("failed to listen for signals")?;
    let Order { dir, opened, drive, before, omk, cwd, variables, agents, observer } = order;
    let Opened { journal, events, torn } = opened;
    let server = ControlServer::bind(journal.lock())?;
    let journal: Arc<dyn Journal> = Arc::new(journal);
    let mut taking = Taking { state: GoalState::replay(&events), journal: Arc::clone(&journal), observer };
    taking
        .record(torn.map(|torn| Fact::Supervision(SupervisionFact::TailCut { bytes: torn.bytes })), ActorName::Journal)
        .await?;
    let charter = taking.state.goal.charter.clone().context("the journal does not begin with the goal's creation")?;
    let first_gate = taking.state.last.as_ref().map_or(1, |(seq, ..)| seq.0 + 1);
    let git = Arc::new(SystemGit::default());
    let parts = Parts { dir, charter: Arc::clone(&charter), omk, cwd, variables, agents, journal, first_gate, git };
    let recovered = taking.recover(&parts, before).await?;
    let steps = recovered.as_ref().ok().cloned();
    let effects = match recovered {
        Ok(workspace) => parts.effects(workspace).map_err(|problem| Halt::passing(&charter, &format!("{problem:#}"))),
        Err(halt) => Err(halt),
    };
    let effects = match effects {
        Ok(effects) => effects,
        Err(halt) => return taking.halted(halt).await,
    };
    let Taking { state, observer, .. } = taking;
    let (over, ended) = oneshot::channel();
    let holder = this_process();
    let _watchdog = Watchdog::start(&charter.id, charter.settings.lease_ms).context("failed to watch the run")?;
    let supervisor = Supervisor::start(Run { charter, drive, holder, state, effects, observer, over });
    let (asks, asked) = mpsc::channel(16);
    let mut serving = tokio::task::spawn_local(server.serve(asks));
    let outcome = wait(&supervisor, ended, asked, &mut signals).await;
    // Until the answers are written. A client that does not read its answer must not hold the end of the run up.
    if tokio::time::timeout(LAST_ANSWERS, &mut serving).await.is_err() {
        serving.abort();
    }
    // The end of the event loop waits for every step that is still under way, and nobody needs it any more.
    if let Some(steps) = steps {
        steps.abandon();
        steps.remover().halt();
    }
    if let Ok(outcome) = &outcome {
        surplus::set_aside(&parts.dir, outcome.over.status);
    }
    outcome
}

/// Appends facts outside of a run.
pub(super) async fn record(
    journal: &Arc<dyn Journal>,
    facts: impl IntoIterator<Item = Fact>,
    actor: ActorName,
) -> anyhow::Result<Vec<Event>> {
    let drafts: Vec<_> = facts.into_iter().map(|fact| Draft { actor, cause: None, attempt: None, fact }).collect();
    if drafts.is_empty() {
        return Ok(Vec::new());
    }
    Ok(journal.append(SystemClock.now(), drafts).await?)
}

/// A goal between its lock and its run: what is found is journalled, and shown like the records of the run.
struct Taking {
    state: GoalState,
    journal: Arc<dyn Journal>,
    observer: mpsc::UnboundedSender<Event>,
}

impl Taking {
    async fn record(&mut self, facts: impl IntoIterator<Item = Fact>, actor: ActorName) -> anyhow::Result<()> {
        for event in record(&self.journal, facts, actor).await? {
            self.state.apply(&event);
            // Nobody has to watch.
            let _ = self.observer.send(event);
        }
        Ok(())
    }

    /// Clears away what the run before left, opens the goal's repository, and takes up what `before` asks for. The
    /// inner error is a goal that cannot go on; the outer one a journal that cannot be written.
    async fn recover(&mut self, parts: &Parts, mut before: Vec<Fact>) -> anyhow::Result<Result<GitWorkspace, Halt>> {
        let charter = &parts.charter;
        let leftovers = match recovery::clear(&parts.dir, &self.state, charter) {
            Ok(leftovers) => leftovers,
            Err(halt) => return Ok(Err(halt)),
        };
        let said = (!leftovers.is_empty()).then_some(Fact::Supervision(SupervisionFact::LeftoversCleared(leftovers)));
        self.record(said, ActorName::Supervisor).await?;
        if self.state.goal.stop == Some(Stop::Cancel) && self.state.goal.status != Some(GoalStatus::Ready) {
            return Ok(Err(Halt::cancelled(charter)));
        }
        let workspace = match parts.workspace() {
            Ok(workspace) => workspace,
            Err(fault) => return Ok(Err(Halt::passing(charter, &fault))),
        };
        match losses::losses(&workspace, &self.state, charter).await {
            Ok(losses) => {
                losses.freshen(&mut before);
                self.record(losses.history, ActorName::Integrator).await?;
                self.record(losses.facts, ActorName::Scheduler).await?;
                self.record(before, ActorName::Operator).await?;
                Ok(Ok(workspace))
            }
            Err(halt) => Ok(Err(halt)),
        }
    }

    /// The goal cannot go on: says so in the journal. What is `ready` stays so.
    async fn halted(mut self, halt: Halt) -> anyhow::Result<Outcome> {
        let Halt { reason, next, status } = halt;
        if self.state.goal.status != Some(GoalStatus::Ready) {
            let settled = Fact::Goal(GoalFact::GoalSettled { status, reason: reason.clone(), next: next.clone() });
            self.record([settled], ActorName::Controller).await?;
        }
        Ok(Outcome { over: RunOver { status, reason, next }, signal: None })
    }
}

/// What effects are made of.
struct Parts {
    dir: GoalDir,
    charter: Arc<Charter>,
    omk: PathBuf,
    cwd: PathBuf,
    variables: BTreeMap<OsString, OsString>,
    agents: AgentSettings,
    journal: Arc<dyn Journal>,
    first_gate: u64,
    git: Arc<SystemGit>,
}

impl Parts {
    fn workspace(&self) -> Result<GitWorkspace, Fault> {
        let git: Arc<dyn GitProgram> = Arc::clone(&self.git) as _;
        GitWorkspace::open(self.dir.path(), &self.charter.id, &self.charter.repository, git)
    }

    fn effects(&self, workspace: GitWorkspace) -> anyhow::Result<Effects> {
        orphans::adopt().context("failed to become the parent of what dead keepers leave")?;
        let launcher = Launcher::start(self.omk.clone(), &self.dir.owner())?;
        let artifacts: Arc<dyn Artifacts> = Arc::new(GoalArtifacts::new(&self.dir));
        let gates = GateRunner::new(GateSetup {
            launcher: launcher.clone(),
            export: Arc::new(Checkout(workspace.clone())),
            artifacts: Arc::clone(&artifacts),
            dir: self.dir.gates(),
            remover: workspace.remover(),
            host: self.variables.clone(),
            first_run: self.first_gate,
            sandbox: self.charter.sandbox_level,
        });
        let mut settings = self.agents.clone();
        settings.rules.nobody_answers = self.charter.no_input;
        let agents = AgentHost::new(AgentSetup {
            launcher,
            artifacts: Arc::clone(&artifacts),
            omk: self.omk.clone(),
            cwd: self.cwd.clone(),
            tasks: self.dir.path().join("tasks"),
            environment: AgentEnvironment::pick(self.variables.clone(), &[]),
            clock: Arc::new(SystemClock),
            settings,
        })
        .configured_in(location(&self.variables));
        Ok(Effects {
            clock: Arc::new(SystemClock),
            journal: Arc::clone(&self.journal),
            artifacts,
            agents: Arc::new(agents),
            workspace: Arc::new(workspace),
            gates: Arc::new(gates),
        })
    }
}

/// Waits for the end; meanwhile passes on what the control socket and signals ask for.
async fn wait(
    supervisor: &Addr<Supervisor>,
    mut ended: oneshot::Receiver<RunOver>,
    mut asked: mpsc::Receiver<Ask>,
    signals: &mut Signals,
) -> anyhow::Result<Outcome> {
    let mut waiting: Vec<Reply> = Vec::new();
    let mut signal = None;
    loop {
        tokio::select! {
            over = &mut ended => {
                let over = over.context("the supervisor ended without a word")?;
                for reply in waiting {
                    // Whoever asked may have gone away again.
                    drop(reply.send(ControlReply::Settled { status: over.status.to_string() }));
                }
                return Ok(Outcome { over, signal });
            }
            Some((request, reply)) = asked.recv() => serve(supervisor, request, reply, &mut waiting),
            stopped = signals.next() => match stopped {
                Stopped::First(number) => {
                    signal = Some(number);
                    let by = stopped_by(number);
                    supervisor.try_send(StopRun { stop: Stop::Pause, by }).context("failed to pause")?;
                }
                Stopped::Again(number) => return Ok(killed(number)),
            },
        }
    }
}

/// A second signal: everything that was started dies with the channels of its keepers; the journal stays as it is.
fn killed(number: i32) -> Outcome {
    let reason = "killed by a second signal; nothing that was journalled is lost".to_owned();
    Outcome { over: RunOver { status: GoalStatus::Running, reason, next: Vec::new() }, signal: Some(number) }
}
