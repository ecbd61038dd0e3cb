//! The agents and gates of a simulation: what they write, what signs they give, how they end.

use std::sync::Arc;
use std::time::Duration;

use omk::domain::agent::{AgentEnd, AgentEvent, AgentReport, AgentSign, AgentTask};
use omk::domain::budget::Usage;
use omk::domain::evidence::{ArtifactRef, GateOutcome, GateResult, GateScope, TestReading};
use omk::domain::goal::SandboxLevel;
use omk::domain::ids::{AttemptRef, ContentHash, SliceId};
use omk::domain::order::{Fault, GateOrder};
use omk::domain::task::Assignment;
use omk::domain::vitals::{ProcessSeen, Vitals};
use omk::ports::{AgentHints, AgentSigns, Agents, Effect, Gates, Pulse};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::World;
use super::fate::{Doom, Point};
use super::ports::{Port, fault};
use super::scenario::Behaviour;

/// Tokens of one turn of an agent.
pub(crate) const TURN: u64 = 1_000;
/// How long a late agent goes on after it was told to stop.
const LATE: Duration = Duration::from_secs(90);

/// A process of an attempt that lives. Dropped with whatever holds it, as a keeper's tree dies with its channel.
struct Living(Arc<World>, AttemptRef);

impl Living {
    fn new(world: &Arc<World>, attempt: AttemptRef) -> Self {
        let mut state = world.lock();
        let twice = state.working.iter().find(|at| at.slice == attempt.slice).cloned();
        state.working.push(attempt.clone());
        let working = state.working.len();
        state.most_working = state.most_working.max(working);
        drop(state);
        if let Some(other) = twice {
            world.violate(format!("{attempt} works while {other} still lives"));
        }
        if working > world.scenario.max_agents as usize {
            world.violate(format!("{attempt} is one more than the permits"));
        }
        Self(Arc::clone(world), attempt)
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        if let Some(place) = state.working.iter().position(|at| *at == self.1) {
            state.working.remove(place);
        }
    }
}

fn vitals(alive: bool) -> Vitals {
    let state = if alive { 'R' } else { 'T' };
    Vitals { alive, processes: vec![ProcessSeen { pid: 1, name: "sim".into(), state, cpu_ms: 1 }] }
}

/// One run of one agent.
struct Agent<'a> {
    world: &'a World,
    task: &'a AgentTask,
    signs: &'a AgentSigns,
    stop: &'a CancellationToken,
    used: u64,
}

impl Agent<'_> {
    fn slice(&self) -> &SliceId {
        &self.task.assignment.spec.id
    }

    fn sign(&self, sign: AgentSign) {
        // Nobody has to watch.
        let _ = self.signs.send(sign);
    }

    /// Lives for a while: its keeper answers every pulse, and it says something if it `talks`.
    async fn pass(&self, ms: u64, alive: bool, talks: bool) -> Result<(), AgentEnd> {
        let mut left = ms;
        for turn in 0_u32.. {
            let step = left.min(self.task.pulse_ms);
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(AgentEnd::Stopped),
                () = sleep(Duration::from_millis(step)) => {}
            }
            left -= step;
            self.sign(AgentSign::Vitals(vitals(alive)));
            if talks {
                self.talk(turn);
            }
            if left == 0 {
                break;
            }
        }
        Ok(())
    }

    fn talk(&self, turn: u32) {
        self.sign(match turn % 4 {
            0 => AgentSign::Event(AgentEvent::Message { text: "at work".into() }),
            1 => AgentSign::Output,
            2 => AgentSign::Event(AgentEvent::Tool { id: "t".into(), title: "edit".into(), done: false }),
            _ => AgentSign::Event(AgentEvent::Tool { id: "t".into(), title: "edit".into(), done: true }),
        });
    }

    fn write(&self, path: &str, content: &str) {
        let mut state = self.world.lock();
        let Some(tree) = state.worktrees.get_mut(&self.task.worktree) else {
            drop(state);
            return self.world.violate(format!("the worktree of {} went while it worked", self.slice()));
        };
        let whole = content.strip_prefix('+').map(|line| {
            let mut whole = tree.get(path).cloned().unwrap_or_default();
            if !whole.lines().any(|known| known == line) {
                whole.push_str(line);
                whole.push('\n');
            }
            whole
        });
        tree.insert(path.to_owned(), whole.unwrap_or_else(|| content.to_owned()));
    }

    fn own(&self) -> String {
        self.task.assignment.spec.access.writes[0].to_string()
    }

    fn write_own(&self, content: &str) {
        self.write(&self.own(), content);
    }

    fn succeed(&self) {
        self.write_own(&format!("{} done\n", self.slice()));
    }

    async fn spend(&mut self, turns: u64) -> Result<(), AgentEnd> {
        for turn in 0..turns {
            self.pass(1_000, true, false).await?;
            let usage = Usage { input_tokens: TURN / 2, output_tokens: TURN / 2, ..Usage::default() };
            self.used += TURN;
            let (id, model) = (Some(format!("m{turn}")), Some("sim-1".to_owned()));
            self.sign(AgentSign::Event(AgentEvent::Usage { usage, id, model }));
        }
        Ok(())
    }

    /// Half of the agents keep sessions, and go on where they left off.
    fn open_session(&self) {
        let Assignment { attempt, session, agent, .. } = &self.task.assignment;
        if !self.slice().as_str().bytes().map(u32::from).sum::<u32>().is_multiple_of(2) {
            return;
        }
        let known = session.as_ref().filter(|session| {
            if session.agent != *agent || self.task.worktree.file_name() != session.worktree.file_name() {
                self.world.violate(format!("{} of {agent} in {:?}", session.id, self.task.worktree));
            }
            true
        });
        let id = known.map_or_else(|| format!("{}.{attempt}", self.slice()), |session| session.id.clone());
        self.sign(AgentSign::Event(AgentEvent::Session { id }));
    }

    async fn work(&mut self, behaviour: Behaviour) -> Result<AgentEnd, AgentEnd> {
        let label = format!("agent {} {}", self.slice(), self.task.assignment.attempt);
        let begun = self.pass(self.world.pause(&label, 5_000).as_millis() as u64, true, true).await;
        if behaviour != Behaviour::Late {
            begun?;
        }
        let (own, timeout) = (format!("{} done\n", self.slice()), self.task.timeout_ms);
        match behaviour {
            Behaviour::Succeed => self.write_own(&own),
            Behaviour::Break => self.write_own("broken\n"),
            Behaviour::BreakTogether => self.write_own("touchy\n"),
            Behaviour::Endless => self.write_own("endless\n"),
            Behaviour::Leak => self.write_own("-----BEGIN RSA PRIVATE KEY-----\n"),
            Behaviour::Lie => {}
            Behaviour::Trespass => self.write("elsewhere.txt", "mine\n"),
            Behaviour::Share => {
                self.succeed();
                self.write("shared.txt", &format!("+{}", self.slice()));
            }
            Behaviour::Clobber => {
                self.succeed();
                self.write("shared.txt", &format!("only {}\n", self.slice()));
            }
            Behaviour::Crash => {
                self.write_own("half\n");
                self.spend(1).await?;
                return Ok(AgentEnd::Failed { detail: "killed by signal 11".into() });
            }
            Behaviour::Spend(turns) => {
                self.spend(turns).await?;
                self.succeed();
            }
            Behaviour::Fail => return Ok(AgentEnd::Failed { detail: "exit 1".into() }),
            Behaviour::Ask => return Ok(AgentEnd::Asked { question: "which way?".into() }),
            Behaviour::Missing => return Ok(AgentEnd::Unavailable { detail: "not installed".into() }),
            Behaviour::Limited(stated_ms) => return Ok(self.limited(stated_ms)),
            Behaviour::Hang => return self.pass(timeout, true, true).await.map(|()| AgentEnd::TimedOut),
            Behaviour::Quiet => return self.pass(timeout, true, false).await.map(|()| AgentEnd::TimedOut),
            Behaviour::Frozen => return self.pass(timeout, false, false).await.map(|()| AgentEnd::TimedOut),
            Behaviour::Starve => {
                return self.pass(self.task.lease_ms, true, true).await.map(|()| AgentEnd::Lapsed);
            }
            Behaviour::Late => {
                let _ = self.pass(timeout, true, false).await;
                sleep(LATE).await;
                self.succeed();
            }
        }
        Ok(AgentEnd::Finished)
    }

    fn limited(&self, stated_ms: Option<u64>) -> AgentEnd {
        let until = stated_ms.map(|ms| self.world.now().plus(ms));
        AgentEnd::Limited { provider: Some("sim".into()), until, detail: "429".into() }
    }
}

/// Works, and hears what the operator says meanwhile.
async fn listening<T>(world: &World, task: &AgentTask, hints: &mut AgentHints, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            Some(text) = hints.recv() => world.hears(&task.attempt(), &task.assignment.feedback, text),
            done = &mut work => return done,
        }
    }
}

impl Agents for Port {
    fn probe(&self, _agent: &str) -> Effect<Result<(), String>> {
        Box::pin(async { Ok(()) })
    }

    fn hears(&self, _agent: &str) -> bool {
        true
    }

    fn run(
        &self,
        task: AgentTask,
        signs: AgentSigns,
        mut hints: AgentHints,
        stop: CancellationToken,
    ) -> Effect<AgentReport> {
        let (world, doom) = (Arc::clone(&self.0), self.begin("agent"));
        Box::pin(async move {
            world.alive_at(doom, Point::Dispatch).await;
            let living = Living::new(&world, task.attempt());
            world.checks_task(&task.attempt(), &task.assignment);
            let behaviour = world.behaviour(&task.assignment);
            let mut agent = Agent { world: &world, task: &task, signs: &signs, stop: &stop, used: 0 };
            agent.open_session();
            if doom == Some(Doom::Die(Point::During)) {
                agent.write_own("half\n");
            }
            world.alive_at(doom, Point::During).await;
            let end = match doom {
                Some(Doom::Fail) => AgentEnd::Failed { detail: "planned to fail".into() },
                Some(Doom::Die(_)) | None => {
                    let work = agent.work(behaviour);
                    listening(&world, &task, &mut hints, work).await.unwrap_or_else(|cut| cut)
                }
            };
            let usage = Usage { input_tokens: agent.used / 2, output_tokens: agent.used / 2, ..Usage::default() };
            drop(living);
            world.returns(doom).await;
            AgentReport { usage, ..AgentReport::bare(end, 1) }
        })
    }
}

/// What a gate comes to on a tree, and how long it takes.
fn verdict(world: &World, order: &GateOrder) -> (GateOutcome, Duration) {
    let state = world.lock();
    let tree = state.repository.tree(&order.tree);
    let any = |content: &str| tree.values().filter(|known| *known == content).count();
    let red = order.gate.name.as_str() == "test" && (any("broken\n") > 0 || any("half\n") > 0 || any("touchy\n") > 1);
    let endless = any("endless\n") > 0;
    drop(state);
    let pause = world.pause(&format!("gate {} {}", order.gate.name, order.tree), 800);
    match (endless, red) {
        (true, _) => (GateOutcome::TimedOut, Duration::from_millis(order.gate.timeout_ms)),
        (false, true) => (GateOutcome::Red { exit: 1 }, pause),
        (false, false) => (GateOutcome::Green, pause),
    }
}

async fn pulsing(pulse: &Pulse, every_ms: u64) {
    loop {
        sleep(Duration::from_millis(every_ms)).await;
        // Nobody has to watch.
        let _ = pulse.send(vitals(true));
    }
}

fn gate_result(order: GateOrder, outcome: GateOutcome, duration: Duration) -> GateResult {
    let zero = ContentHash::zero();
    GateResult {
        gate: order.gate.name.clone(),
        kind: order.gate.kind,
        required: order.gate.required,
        tree: order.tree,
        gate_hash: zero.clone(),
        env_hash: zero.clone(),
        sandbox: SandboxLevel::None,
        excerpt: if matches!(outcome, GateOutcome::Red { .. }) { "1 failed".into() } else { String::new() },
        outcome,
        duration_ms: duration.as_millis() as u64,
        cold: order.cold,
        tests: None,
        test_names: None,
        reading: Some(TestReading::Unknown),
        lost_tests: Vec::new(),
        compared: order.base_tests.is_some(),
        log: ArtifactRef { path: "log".into(), sha256: zero, bytes: 0 },
        survivors: Vec::new(),
    }
}

/// The attempt that a gate is run for; its epoch is that of the slice's newest offer.
fn attempt_of(world: &World, scope: &GateScope) -> Option<AttemptRef> {
    let GateScope::Attempt { slice, attempt } = scope else { return None };
    let epoch = world.epoch_of(slice)?;
    Some(AttemptRef { slice: slice.clone(), attempt: *attempt, epoch })
}

impl Gates for Port {
    fn run(&self, order: GateOrder, pulse: Pulse, stop: CancellationToken) -> Effect<Result<GateResult, Fault>> {
        let (world, doom) = (Arc::clone(&self.0), self.begin("gate"));
        Box::pin(async move {
            world.alive_at(doom, Point::Dispatch).await;
            let living = attempt_of(&world, &order.scope).map(|attempt| Living::new(&world, attempt));
            let (verdict, pause) = verdict(&world, &order);
            world.alive_at(doom, Point::During).await;
            let outcome = tokio::select! {
                biased;
                () = stop.cancelled() => GateOutcome::Stopped,
                () = sleep(pause) => verdict,
                () = pulsing(&pulse, order.pulse_ms) => GateOutcome::Stopped,
            };
            drop(living);
            if doom == Some(Doom::Fail) {
                return Err(fault("it is planned to fail"));
            }
            world.returns(doom).await;
            Ok(gate_result(order, outcome, pause))
        })
    }
}
