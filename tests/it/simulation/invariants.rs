//! What must hold after every record, whatever the agents did and wherever the program died.

use std::collections::{BTreeMap, BTreeSet};

use omk::domain::budget::Account;
use omk::domain::event::{ActorName, Event};
use omk::domain::evidence::GateScope;
use omk::domain::fact::{AttemptFact, BudgetFact, Fact, GateFact, GoalFact, MergeFact, SliceFact, SupervisionFact};
use omk::domain::goal::GoalStatus;
use omk::domain::ids::{AttemptRef, Epoch, SliceId};
use omk::domain::supervision::Breaker;
use omk::domain::task::Assignment;
use omk::workflow::assignment::{assignment_of, continues};
use omk::workflow::slices::{SliceRecord, Stage};
use omk::workflow::state::GoalState;

use super::World;
use super::agents::TURN;
use super::scenario::Scenario;

/// Watches a journal grow, record by record, over all lives of the program.
#[derive(Default)]
pub(crate) struct Checker {
    folded: GoalState,
    open: BTreeMap<SliceId, AttemptRef>,
    ended: BTreeSet<Epoch>,
    newest: Epoch,
    /// The newest of the runs before this one.
    before: Epoch,
    /// What comes is copied from the journal of an earlier version, which may have known less.
    pub(crate) copies: bool,
    integrated: BTreeSet<SliceId>,
    /// Whether the newest run has said how it ended.
    settled: bool,
    /// Whether it began with an account used up that it cannot go on without.
    used_up: bool,
    /// Whether a limit was raised in it.
    raised: bool,
    spent: u64,
    breakers: BTreeMap<String, Breaker>,
    quarantined: BTreeSet<(SliceId, String)>,
    banned: BTreeSet<String>,
    /// The task of each claimed attempt, as the journal gives it.
    tasks: BTreeMap<AttemptRef, Assignment>,
}

fn must(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

impl Checker {
    /// The journal so far.
    pub(crate) fn folded(&self) -> &GoalState {
        &self.folded
    }

    /// The next record; `working` are the attempts of which a process lives. Says what is wrong.
    pub(crate) fn apply(&mut self, scenario: &Scenario, event: &Event, working: &[AttemptRef]) -> Result<(), String> {
        let before = self.folded.last.as_ref().map_or(0, |(seq, ..)| seq.0);
        let late = self.late(event);
        self.folded.apply(event);
        must(event.seq.0 == before + 1, || format!("{} follows {before}", event.seq))?;
        if let Some(record) = late {
            self.unchanged(record, &event.fact)?;
        }
        match &event.fact {
            Fact::Attempt(AttemptFact::AttemptOffered { attempt, agent, .. }) => {
                self.may_be_offered(scenario, event, (attempt, agent))?;
                self.offered(scenario, attempt, working)
            }
            Fact::Attempt(AttemptFact::AttemptClaimed { attempt, .. }) => {
                let task = self.folded.slices.slice(&attempt.slice).map(|it| assignment_of(it, continues(&it.agent)));
                self.tasks.extend(task.map(|task| (attempt.clone(), task)));
                must(self.open.get(&attempt.slice) == Some(attempt), || {
                    format!("{attempt} was claimed and is not open")
                })
            }
            Fact::Gate(GateFact::GateFinished { scope: GateScope::Attempt { slice, .. }, .. }) => self.gated(slice),
            Fact::Slice(SliceFact::SliceGivenUp { slice, reason }) if reason.starts_with("its budget") => {
                let exhausted = self.folded.budget.exhausted(&Account::Slice(slice.clone()));
                must(exhausted.is_some(), || format!("{slice} was given up for a budget that is not used up"))
            }
            Fact::Attempt(AttemptFact::AttemptFinished { attempt, .. }) => {
                let open = self.open.remove(&attempt.slice);
                must(open.as_ref() == Some(attempt), || format!("{attempt} ended while {open:?} was open"))?;
                must(self.ended.insert(attempt.epoch), || format!("{attempt} ended twice"))
            }
            Fact::Merge(MergeFact::SliceIntegrated { slice, .. }) => self.lands(scenario, slice),
            Fact::Goal(GoalFact::GoalSettled { status, .. }) => {
                let budget = &self.folded.budget;
                let short = budget.standings().any(|(account, _)| budget.exhausted(account).is_some());
                must(*status != GoalStatus::NeedsMoreBudget || short || self.raised, || {
                    "it needs more budget, and of nothing by the journal".to_owned()
                })?;
                self.settles(scenario, event.actor, *status)
            }
            Fact::Goal(GoalFact::RunStarted { .. }) => {
                (self.settled, self.before, self.raised) = (false, self.newest, false);
                let stops = |fact: &Fact| matches!(fact, Fact::Budget(BudgetFact::BudgetExhausted { account, .. }) if account.stops_the_run());
                self.used_up = self.folded.budget.check().iter().any(stops);
                Ok(())
            }
            Fact::Budget(BudgetFact::LimitsSet { .. }) => {
                self.raised = true;
                Ok(())
            }
            Fact::Budget(BudgetFact::BudgetExhausted { .. }) => {
                must(!self.settled, || format!("{:?} was said outside of a run, which forgets it", event.fact))
            }
            Fact::Budget(BudgetFact::UsageRecorded { usage, model, .. }) => {
                // Of an attempt that `omk` did not outlive, only the report may have come this far.
                let earlier = event.attempt.as_ref().is_some_and(|attempt| attempt.epoch <= self.before);
                must(model.is_some() || earlier || self.copies, || {
                    format!("{} tokens are of no model", usage.tokens())
                })?;
                self.spends(scenario, usage.tokens())
            }
            Fact::Supervision(SupervisionFact::BreakerOpened(breaker)) => {
                self.breakers.insert(breaker.provider.clone(), breaker.clone());
                Ok(())
            }
            Fact::Supervision(SupervisionFact::BreakerClosed { provider }) => {
                self.breakers.remove(provider);
                Ok(())
            }
            Fact::Supervision(SupervisionFact::WorkerQuarantined(q)) => {
                self.quarantined.insert((q.slice.clone(), q.agent.clone()));
                Ok(())
            }
            Fact::Supervision(SupervisionFact::ProfileQuarantined(q)) => {
                self.banned.insert(q.agent.clone());
                Ok(())
            }
            Fact::Slice(SliceFact::SliceReopened { slice, .. }) => {
                self.quarantined.retain(|(known, _)| known != slice);
                self.banned.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The slice as it stood, where a worker's record comes after the end of its attempt.
    fn late(&self, event: &Event) -> Option<SliceRecord> {
        let attempt = event.attempt.as_ref().filter(|attempt| self.ended.contains(&attempt.epoch))?;
        let from_worker = event.actor == ActorName::Worker
            || matches!(event.fact, Fact::Attempt(AttemptFact::LateResultDropped { .. }));
        self.folded.slices.slice(&attempt.slice).filter(|_| from_worker).cloned()
    }

    fn unchanged(&self, mut before: SliceRecord, fact: &Fact) -> Result<(), String> {
        let Some(after) = self.folded.slices.slice(&before.spec.id) else { return Ok(()) };
        before.worktree.clone_from(&after.worktree);
        must(*after == before, || format!("a late record changed {}: {fact:?}", before.spec.id))
    }

    fn may_be_offered(
        &self,
        scenario: &Scenario,
        event: &Event,
        (attempt, agent): (&AttemptRef, &String),
    ) -> Result<(), String> {
        let spec = scenario.slices.iter().find(|spec| spec.id == attempt.slice);
        let spec = spec.ok_or_else(|| format!("{attempt} is of no slice"))?;
        let unmet: Vec<_> = spec.after.iter().filter(|id| !self.is_done(id)).collect();
        must(unmet.is_empty(), || format!("{attempt} was offered before {unmet:?}"))?;
        must(!self.settled, || format!("{attempt} was offered after the run had settled"))?;
        must(!self.used_up, || format!("{attempt} was offered with the budget used up"))?;
        must(attempt.epoch > self.newest, || format!("{attempt} has epoch {} after {}", attempt.epoch, self.newest))?;
        // Work that is only to be checked needs no provider.
        let needs_agent = self.folded.slices.slice(&attempt.slice).is_none_or(|record| !record.take_up);
        let shut = self.breakers.values().filter(|_| needs_agent);
        let shut = shut.into_iter().find(|b| b.agent == *agent && b.stated && b.until > event.ts);
        must(shut.is_none() || !scenario.moves.is_empty(), || format!("{attempt} was offered in spite of {shut:?}"))?;
        let pair = (attempt.slice.clone(), agent.clone());
        must(!self.quarantined.contains(&pair), || format!("{attempt} was offered to {agent} in quarantine"))?;
        must(!self.banned.contains(agent), || format!("{attempt} was offered to {agent}, which the goal gave up"))
    }

    fn offered(&mut self, scenario: &Scenario, attempt: &AttemptRef, working: &[AttemptRef]) -> Result<(), String> {
        self.newest = attempt.epoch;
        let before = self.open.insert(attempt.slice.clone(), attempt.clone());
        must(before.is_none(), || format!("{attempt} was offered while {before:?} was open"))?;
        let lives = working.iter().find(|at| at.slice == attempt.slice);
        must(lives.is_none(), || format!("{attempt} was offered while a process of {lives:?} lives"))?;
        let permits: BTreeSet<_> = self.open.values().chain(working).collect();
        must(permits.len() <= scenario.max_agents as usize, || format!("{attempt} is one more than the permits"))
    }

    /// A gate looks at what the journal says was captured.
    fn gated(&self, slice: &SliceId) -> Result<(), String> {
        let captured = self.folded.slices.slice(slice).is_some_and(|record| record.current_capture().is_some());
        must(captured, || format!("a gate ended on work of {slice} that was not captured"))
    }

    /// What the attempt's task would be, were it made from the journal.
    pub(crate) fn task(&self, attempt: &AttemptRef) -> Option<&Assignment> {
        self.tasks.get(attempt)
    }

    /// Whether what waits for a slice may begin.
    fn is_done(&self, id: &SliceId) -> bool {
        let unchanged = |record: &SliceRecord| matches!(record.stage, Stage::Unchanged { .. });
        self.integrated.contains(id) || self.folded.slices.slice(id).is_some_and(unchanged)
    }

    fn lands(&mut self, scenario: &Scenario, slice: &SliceId) -> Result<(), String> {
        let spec = scenario.slices.iter().find(|spec| spec.id == *slice);
        let unmet = spec.is_none_or(|spec| !spec.after.iter().all(|id| self.is_done(id)));
        must(!unmet, || format!("{slice} was integrated before what it depends on"))?;
        must(self.integrated.insert(slice.clone()), || format!("{slice} was integrated twice"))
    }

    fn settles(&mut self, scenario: &Scenario, actor: ActorName, status: GoalStatus) -> Result<(), String> {
        if actor == ActorName::Operator {
            return Ok(());
        }
        must(!self.settled, || "the run settled twice".to_owned())?;
        self.settled = true;
        let all = scenario.slices.iter().all(|spec| self.is_done(&spec.id));
        must(status != GoalStatus::Ready || all, || "ready without every slice".to_owned())
    }

    /// What an attempt reports at the limit may go over it, by one report for each that is at work.
    fn spends(&mut self, scenario: &Scenario, tokens: u64) -> Result<(), String> {
        self.spent += tokens;
        let Some(limit) = self.folded.budget.limits.tokens else { return Ok(()) };
        let most = limit + u64::from(scenario.max_agents) * TURN;
        must(self.spent <= most, || format!("{} tokens are spent of {limit}", self.spent))
    }
}

/// What must hold when a run is over: nothing was seen that must not be, and the journal folds to what was folded
/// while it grew.
pub(crate) fn check(world: &World) {
    if let Some(what) = world.violation() {
        panic!("{what}\n{}", world.narrative());
    }
    let state = GoalState::replay(&world.events());
    assert!(state == world.folded(), "replayed, the journal is not what it was\n{}", world.narrative());
    if state.goal.status != Some(GoalStatus::Ready) {
        return;
    }
    let branches = world.branches();
    let head = &branches.iter().find(|branch| branch.name.ends_with("/integration")).unwrap().commit;
    for record in state.slices.iter() {
        let slice = &record.spec.id;
        if matches!(record.stage, Stage::Unchanged { .. }) {
            continue;
        }
        assert!(matches!(record.stage, Stage::Integrated { .. }), "ready, and {slice} is not integrated");
        let file = world.file(head, &format!("src/{slice}.txt"));
        assert!(file.is_some(), "ready, and the work of {slice} is not in the delivered tree");
    }
}
