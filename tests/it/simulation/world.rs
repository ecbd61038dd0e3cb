//! A world that outlives every run of the program: the repository, the journal, the clocks, the agents at work.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use omk::domain::budget::Limits;
use omk::domain::event::{ActorName, Draft, Event};
use omk::domain::fact::{AttemptFact, Branch, Fact, GoalFact, SliceFact};
use omk::domain::goal::{Charter, RepositoryFacts, SandboxLevel, Settings};
use omk::domain::ids::{AttemptRef, CommitId, ContentHash, Epoch, GoalId, Seq, SliceId, Timestamp, TreeId};
use omk::domain::task::{Assignment, Feedback, Proposal};
use omk::ports::Effects;
use omk::store::codec::{encode, genesis, position_of};
use omk::workflow::state::GoalState;
use tokio::sync::oneshot;

use super::clocks::{Clocks, START};
use super::fate::Fate;
use super::invariants::Checker;
use super::ports::Port;
use super::repository::{Repository, Tree};
use super::scenario::{Behaviour, Dice, Scenario};

#[derive(Default)]
pub(crate) struct State {
    pub(crate) repository: Repository,
    pub(crate) worktrees: BTreeMap<PathBuf, Tree>,
    /// The start of each worktree that is whole.
    pub(crate) heads: BTreeMap<PathBuf, CommitId>,
    pub(crate) events: Vec<Event>,
    pub(crate) branches: Vec<Branch>,
    /// Attempts of which a process lives: an agent's, or a gate's on its behalf.
    pub(crate) working: Vec<AttemptRef>,
    pub(crate) most_working: usize,
    pub(crate) fate: Fate,
    pub(crate) clocks: Clocks,
    pub(crate) dead: bool,
    /// From here on agents succeed, whatever their script says.
    pub(crate) healed: bool,
    /// How many records were not kept, where none are.
    pub(crate) forgotten: Option<usize>,
    /// What agents were told while they worked, and who.
    pub(crate) heard: Vec<(AttemptRef, String)>,
    words: u64,
    death: Option<oneshot::Sender<()>>,
    checker: Checker,
    violation: Option<String>,
}

/// A world that outlives every run of the program.
pub(crate) struct World {
    pub(crate) scenario: Scenario,
    base: CommitId,
    base_tree: TreeId,
    state: Mutex<State>,
}

impl World {
    pub(crate) fn new(scenario: Scenario) -> Arc<Self> {
        let world = Self::without_journal(scenario);
        let created = Fact::Goal(GoalFact::GoalCreated(Box::new((*world.charter()).clone())));
        let draft = Draft { actor: ActorName::Controller, cause: None, attempt: None, fact: created };
        world.write(Timestamp(START), vec![draft]);
        world
    }

    /// A world in which nothing was written yet.
    pub(crate) fn without_journal(scenario: Scenario) -> Arc<Self> {
        let mut state = State::default();
        let tree = Tree::from([("shared.txt".to_owned(), "head\n".to_owned())]);
        let base_tree = state.repository.add_tree(&tree);
        let base = state.repository.commit(&tree, Vec::new(), "base");
        state.clocks.moves = scenario.moves.clone();
        Arc::new(Self { scenario, base, base_tree, state: Mutex::new(state) })
    }

    pub(crate) fn charter(&self) -> Arc<Charter> {
        Arc::new(Charter {
            id: GoalId::parse("sim-00000000").unwrap(),
            created: Timestamp(START),
            request: "simulate".into(),
            goal: "simulate".into(),
            constraints: Vec::new(),
            assumptions: Vec::new(),
            criteria: Vec::new(),
            repository: RepositoryFacts {
                root: "/sim".into(),
                git_dir: "/sim/.git".into(),
                base: self.base.clone(),
                base_tree: self.base_tree.clone(),
                branch: Some("main".into()),
                notes: Vec::new(),
            },
            agent: Some("cmd:sim".into()),
            stand_ins: self.scenario.stand_ins.clone(),
            max_agents: self.scenario.max_agents,
            role_limits: Default::default(),
            prices: Vec::new(),
            limits: Limits {
                time_ms: self.scenario.time_limit_ms,
                tokens: self.scenario.token_limit,
                ..Limits::default()
            },
            policy: Default::default(),
            merge_policy: Default::default(),
            sandbox: Default::default(),
            sandbox_level: SandboxLevel::None,
            no_input: false,
            settings: Settings {
                lease_ms: 60_000,
                attempt_timeout_ms: 600_000,
                stall_ms: 120_000,
                ..Settings::default()
            },
            proposal: Proposal {
                slices: self.scenario.slices.clone(),
                gates: self.scenario.gates.clone(),
                source: "simulation".into(),
            },
        })
    }

    pub(crate) fn effects(self: &Arc<Self>) -> Effects {
        let port = || Arc::new(Port(Arc::clone(self)));
        Effects { clock: port(), journal: port(), artifacts: port(), agents: port(), workspace: port(), gates: port() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The next run of the program begins; the receiver resolves when it dies.
    pub(crate) fn begin_life(&self) -> oneshot::Receiver<()> {
        let (death, died) = oneshot::channel();
        let mut state = self.lock();
        state.clocks.begin();
        state.dead = false;
        state.death = Some(death);
        state.fate.calls.clear();
        state.fate.appends = 0;
        died
    }

    /// The run is over, and with it every process that it had started. What it had planned for itself is forgotten.
    pub(crate) fn end_life(&self) {
        let mut state = self.lock();
        state.dead = true;
        state.clocks.end();
        state.working.clear();
        let calls = std::mem::take(&mut state.fate.calls);
        state.fate = Fate { calls, appends: state.fate.appends, ..Fate::default() };
    }

    /// The program dies now. What it still asks for is never done.
    pub(crate) fn die(&self) {
        let mut state = self.lock();
        state.dead = true;
        if let Some(death) = state.death.take() {
            // The run may be over already.
            let _ = death.send(());
        }
    }

    /// Plans the next life.
    pub(crate) fn plan(&self, fate: Fate) {
        self.lock().fate = fate;
    }

    /// What must not be, and was seen.
    pub(crate) fn violate(&self, what: String) {
        let mut state = self.lock();
        let at = state.events.len();
        state.violation.get_or_insert_with(|| format!("after record {at}: {what}"));
    }

    pub(crate) fn violation(&self) -> Option<String> {
        self.lock().violation.clone()
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.lock().events.clone()
    }

    pub(crate) fn records(&self) -> usize {
        let state = self.lock();
        state.events.len() + state.forgotten.unwrap_or_default()
    }

    /// The journal as it was folded while it was written.
    pub(crate) fn folded(&self) -> GoalState {
        self.lock().checker.folded().clone()
    }

    pub(crate) fn branches(&self) -> Vec<Branch> {
        self.lock().branches.clone()
    }

    pub(crate) fn most_working(&self) -> usize {
        self.lock().most_working
    }

    pub(crate) fn file(&self, commit: &CommitId, path: &str) -> Option<String> {
        self.lock().repository.at(commit).get(path).cloned()
    }

    pub(crate) fn tree(&self, commit: &CommitId) -> Tree {
        self.lock().repository.at(commit).clone()
    }

    pub(crate) fn narrative(&self) -> String {
        const NEWEST: usize = 400;
        let events = self.events();
        events
            .iter()
            .skip(events.len().saturating_sub(NEWEST))
            .map(|e| format!("{} {} {} {:?}\n", e.seq, e.ts, e.actor, e.fact))
            .collect()
    }

    /// The journal as it would be on a disk.
    pub(crate) fn bytes(&self) -> String {
        let (mut bytes, mut position) = (Vec::new(), genesis());
        for Event { ts, actor, cause, attempt, fact, .. } in self.events() {
            let draft = Draft { actor, cause, attempt, fact };
            position = position_of(&encode(&position, ts, draft, &mut bytes).unwrap());
        }
        String::from_utf8(bytes).unwrap()
    }

    /// Appends as an earlier run, or an operator without a run, would.
    pub(crate) fn write(&self, at: Timestamp, drafts: Vec<Draft>) -> Vec<Event> {
        let mut state = self.lock();
        let mut written = Vec::new();
        for Draft { actor, cause, attempt, fact } in drafts {
            let seq = Seq((state.events.len() + state.forgotten.unwrap_or_default()) as u64 + 1);
            let (prev_hash, hash) = (ContentHash::zero(), ContentHash::zero());
            let event = Event { seq, ts: at, actor, cause, attempt, fact, prev_hash, hash };
            if let Some(forgotten) = &mut state.forgotten {
                *forgotten += 1;
                written.push(event);
                continue;
            }
            let State { checker, working, violation, .. } = &mut *state;
            if let Err(what) = checker.apply(&self.scenario, &event, working) {
                violation.get_or_insert_with(|| format!("at record {seq}: {what}"));
            }
            state.events.push(event.clone());
            written.push(event);
        }
        written
    }

    /// Copies what another world's journal has.
    pub(crate) fn write_again(&self, events: &[Event]) {
        self.lock().checker.copies = true;
        for Event { ts, actor, cause, attempt, fact, .. } in events.iter().cloned() {
            self.write(ts, vec![Draft { actor, cause, attempt, fact }]);
        }
        self.lock().checker.copies = false;
    }

    /// What the operator says while nothing runs.
    pub(crate) fn say(&self, facts: Vec<Fact>) {
        let at = self.now();
        let draft = |fact| Draft { actor: ActorName::Operator, cause: None, attempt: None, fact };
        self.write(at, facts.into_iter().map(draft).collect());
    }

    /// Words of the operator's that were not said before.
    pub(crate) fn words(&self) -> String {
        let mut state = self.lock();
        state.words += 1;
        format!("word {}", state.words)
    }

    /// An agent is told something while it works: once, when it is durable, and not what its task has.
    pub(crate) fn hears(&self, attempt: &AttemptRef, task: &[Feedback], text: String) {
        let said = Fact::Slice(SliceFact::SliceSteered { slice: attempt.slice.clone(), text: text.clone() });
        let durable = self.lock().events.iter().any(|event| event.fact == said);
        let again = task.iter().any(|told| told.detail == text) || self.lock().heard.iter().any(|(_, it)| *it == text);
        if !durable || again {
            self.violate(format!("{attempt} is told \"{text}\": durable {durable}, again {again}"));
        }
        self.lock().heard.push((attempt.clone(), text));
    }

    /// A task holds all that the operator had said about its slice when it was made.
    pub(crate) fn checks_task(&self, attempt: &AttemptRef, assignment: &Assignment) {
        self.checks_with_journal(attempt, assignment);
        let (state, task) = (self.lock(), &assignment.feedback);
        let claimed = |event: &Event| matches!(&event.fact, Fact::Attempt(AttemptFact::AttemptClaimed { attempt: it, .. }) if it == attempt);
        let before = state.events.iter().take_while(|event| !claimed(event));
        let missing = before.filter_map(|event| match &event.fact {
            Fact::Slice(SliceFact::SliceSteered { slice, text }) if *slice == attempt.slice => Some(text),
            _ => None,
        });
        let missing = missing.into_iter().find(|text| !task.iter().any(|told| told.detail == **text)).cloned();
        drop(state);
        if let Some(text) = missing {
            self.violate(format!("the task of {attempt} lacks \"{text}\""));
        }
    }

    /// A task is the one that a run which knows nothing but the journal would give.
    fn checks_with_journal(&self, attempt: &AttemptRef, given: &Assignment) {
        let Some(mut wanted) = self.lock().checker.task(attempt).cloned() else {
            return self.violate(format!("{attempt} works and was not claimed"));
        };
        wanted.around = given.around.clone();
        if let (Some(wanted), Some(given)) = (&mut wanted.session, &given.session) {
            // A worktree that does not stand is seen by its worker alone.
            wanted.cut_off &= given.cut_off;
        }
        if wanted != *given {
            self.violate(format!("the task of {attempt} is {given:?}, and by the journal {wanted:?}"));
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.lock().clocks.now()
    }

    /// The epoch of a slice's newest offer.
    pub(crate) fn epoch_of(&self, slice: &SliceId) -> Option<Epoch> {
        Some(self.lock().checker.folded().slices.slice(slice)?.epoch)
    }

    /// What the agent of an attempt does.
    pub(crate) fn behaviour(&self, assignment: &Assignment) -> Behaviour {
        if self.lock().healed {
            return Behaviour::Succeed;
        }
        self.scenario.behaviour(&assignment.spec.id, assignment.attempt.0)
    }

    /// A duration between 1 and `most` milliseconds, from the seed and what it is for.
    pub(crate) fn pause(&self, label: &str, most: u64) -> Duration {
        let mixed = label.bytes().fold(self.scenario.seed, |sum, b| sum.wrapping_mul(31).wrapping_add(u64::from(b)));
        let mut dice = Dice(mixed | 1);
        dice.roll(7);
        Duration::from_millis(1 + dice.roll(most))
    }
}
