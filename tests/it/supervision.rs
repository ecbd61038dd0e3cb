//! What is decided of attempts that live, stall, run late, and of agents that cannot work.

mod breaker;
mod captured;
mod heard;
mod lapses;
mod operator;
mod over_budget;
mod quarantine;
mod stall;

use std::collections::BTreeMap;
use std::sync::Arc;

use omk::domain::decided::Decided;
use omk::domain::fact::{AttemptFact, Fact, PlanFact, SupervisionFact};
use omk::domain::goal::{Charter, Drive};
use omk::domain::ids::{AttemptRef, Moment, Now, Timestamp};
use omk::domain::order::AttemptEnd;
use omk::domain::settlement::Obstruction;
use omk::domain::supervision::Breaker;
use omk::domain::task::{AcceptedPlan, Assignment, AttemptOutcome, Capture, Feedback, FeedbackKind, SliceSpec};
use omk::domain::vitals::Vitals;
use omk::graph::task_graph::TaskGraph;
use omk::workflow::heartbeat::Heartbeat;
use omk::workflow::scheduler::{Intent, Scheduler};
use omk::workflow::slices::{SliceTable, Stage};

use crate::support::views::{START, capture, charter, slice, spec};

const DAY: u64 = 86_400_000;
const LEASE: u64 = 60_000;

/// A scheduler, the clocks, and all that it decided.
struct Bench {
    charter: Charter,
    plan: Arc<AcceptedPlan>,
    scheduler: Scheduler,
    now: Now,
    facts: Vec<Fact>,
    /// The attempts of those facts that are workers', by place.
    of_workers: BTreeMap<usize, AttemptRef>,
    intents: Vec<Intent>,
}

fn plan(slices: &[&str]) -> Arc<AcceptedPlan> {
    let slices = slices.iter().map(|id| SliceSpec { retries: 2, run: None, ..spec(id, &[]) }).collect();
    Arc::new(AcceptedPlan { slices, gates: Vec::new(), serialised: Vec::new(), source: "test".to_owned() })
}

fn two_agents() -> Charter {
    Charter { agent: Some("one".to_owned()), stand_ins: vec!["two".to_owned()], ..charter() }
}

fn one_agent() -> Charter {
    Charter { agent: Some("one".to_owned()), ..charter() }
}

impl Bench {
    /// A run of these slices that has just begun.
    fn new(slices: &[&str], charter: Charter) -> Self {
        Self::of(plan(slices), charter)
    }

    fn of(plan: Arc<AcceptedPlan>, charter: Charter) -> Self {
        let now = Now { wall: START, steady: Moment(5_000) };
        let table = SliceTable::planned(&plan, START);
        let graph = Arc::new(TaskGraph::of(&plan).unwrap());
        let scheduler = Scheduler::new(Arc::new(charter.clone()), graph, table);
        let (facts, intents) = (vec![Fact::Plan(PlanFact::PlanAccepted(Box::new((*plan).clone())))], Vec::new());
        let mut bench = Self { charter, plan, scheduler, now, facts, of_workers: BTreeMap::new(), intents };
        bench.decide(|it, now| it.begin(Drive::UntilReady, now));
        bench
    }

    /// The next run: a scheduler over what the journal has.
    fn restart(&mut self) {
        let graph = Arc::new(TaskGraph::of(&self.plan).unwrap());
        self.scheduler = Scheduler::new(Arc::new(self.charter.clone()), graph, self.folded());
        self.now.steady = Moment(17);
        self.decide(|it, now| it.begin(Drive::UntilReady, now));
    }

    fn folded(&self) -> SliceTable {
        let mut table = SliceTable::default();
        for (place, fact) in self.facts.iter().enumerate() {
            table.apply(fact, self.of_workers.get(&place), START);
        }
        table
    }

    /// Takes a decision and returns what it wants done.
    fn decide(&mut self, decision: impl FnOnce(&mut Scheduler, Now) -> Decided<Intent>) -> Vec<Intent> {
        let Decided { facts, intents } = decision(&mut self.scheduler, self.now);
        self.facts.extend(facts);
        self.intents.extend(intents.clone());
        intents
    }

    fn pass_time(&mut self, ms: u64) {
        self.now = Now { wall: self.now.wall.plus(ms), steady: self.now.steady.plus(ms) };
    }

    /// So long goes by on the steady clock while somebody looks for ended leases.
    fn watch(&mut self, ms: u64) {
        let end = self.now.steady.plus(ms);
        while self.now.steady.plus(LEASE / 4) < end {
            self.now.steady = self.now.steady.plus(LEASE / 4);
            assert_eq!(self.tick(), []);
        }
        self.now.steady = end;
    }

    fn tick(&mut self) -> Vec<Intent> {
        self.decide(Scheduler::tick)
    }

    /// The attempt of a slice that is under way, claimed.
    fn claimed(&mut self, id: &str) -> AttemptRef {
        let record = self.scheduler.table().slice(&slice(id)).unwrap();
        let (stage, attempt) = (record.stage.clone(), record.attempt_ref());
        if stage == Stage::Offered {
            self.decide(|it, now| it.claim(&attempt, now));
        }
        attempt
    }

    /// The attempt under way ends like this, and its worker is gone.
    fn end(&mut self, id: &str, outcome: AttemptOutcome) -> AttemptRef {
        self.end_with(id, outcome, None)
    }

    /// The same of an attempt whose agent has named its session.
    fn end_in_session(&mut self, id: &str, outcome: AttemptOutcome) -> AttemptRef {
        self.opens_session(id);
        self.end_with(id, outcome, None)
    }

    /// The agent of the attempt under way names its session.
    fn opens_session(&mut self, id: &str) -> AttemptRef {
        let attempt = self.claimed(id);
        self.hear(&attempt, Fact::Attempt(AttemptFact::WorktreePrepared { path: format!("worktrees/{id}.1").into() }));
        self.hear(&attempt, Fact::Attempt(AttemptFact::SessionOpened { id: "session".to_owned() }));
        attempt
    }

    /// A worker hands a fact to the journal.
    fn hear(&mut self, attempt: &AttemptRef, fact: Fact) {
        self.scheduler.heard(&fact, Some(attempt), self.now);
        self.of_workers.insert(self.facts.len(), attempt.clone());
        self.facts.push(fact);
    }

    fn end_with(&mut self, id: &str, outcome: AttemptOutcome, capture: Option<Capture>) -> AttemptRef {
        let attempt = self.claimed(id);
        if let Some(capture) = capture.clone() {
            self.hear(&attempt, Fact::Attempt(AttemptFact::SliceCaptured { capture }));
        }
        let end = AttemptEnd { outcome, capture, gates: Vec::new(), shortage: None };
        self.decide(|it, now| it.finish(&attempt, end, now));
        self.decide(|it, now| it.worker_gone(&attempt, None, now));
        attempt
    }

    fn agent(&self, id: &str) -> String {
        self.scheduler.table().slice(&slice(id)).unwrap().agent.clone()
    }

    /// What the attempt that is offered is to do.
    fn task(&mut self, id: &str) -> Assignment {
        let attempt = self.scheduler.table().slice(&slice(id)).unwrap().attempt_ref();
        let granted = self.decide(|it, now| it.claim(&attempt, now)).into_iter().find_map(|intent| match intent {
            Intent::Grant(assignment) => Some(*assignment),
            _ => None,
        });
        granted.expect("it was offered")
    }

    fn stage(&self, id: &str) -> Stage {
        self.scheduler.table().slice(&slice(id)).unwrap().stage.clone()
    }

    fn reason(&self, id: &str) -> String {
        match self.stage(id) {
            Stage::GivenUp { reason } => reason,
            other => panic!("`{id}` is not given up: {other:?}"),
        }
    }

    fn offered(&self) -> Vec<String> {
        let offers = self.facts.iter().filter_map(|fact| match fact {
            Fact::Attempt(AttemptFact::AttemptOffered { attempt, agent, .. }) => Some(format!("{attempt} {agent}")),
            _ => None,
        });
        offers.collect()
    }

    fn found<T>(&self, wanted: impl Fn(&Fact) -> Option<T>) -> Vec<T> {
        self.facts.iter().filter_map(wanted).collect()
    }

    fn breakers(&self) -> Vec<Breaker> {
        self.found(|fact| match fact {
            Fact::Supervision(SupervisionFact::BreakerOpened(breaker)) => Some(breaker.clone()),
            _ => None,
        })
    }

    fn closed(&self) -> Vec<String> {
        self.found(|fact| match fact {
            Fact::Supervision(SupervisionFact::BreakerClosed { provider }) => Some(provider.clone()),
            _ => None,
        })
    }

    fn reported(&self) -> Option<Option<Obstruction>> {
        self.intents.iter().find_map(|intent| match intent {
            Intent::Report(settlement) => Some(settlement.obstacle.clone()),
            _ => None,
        })
    }
}

fn stale() -> AttemptOutcome {
    AttemptOutcome::Expired { detail: "quiet".to_owned() }
}

fn rejected(kind: FeedbackKind) -> AttemptOutcome {
    let feedback = Feedback { kind, summary: "exit 1".to_owned(), detail: String::new(), paths: Vec::new() };
    AttemptOutcome::Rejected { feedback }
}

fn limited(provider: Option<&str>, until: Option<Timestamp>) -> AttemptOutcome {
    AttemptOutcome::Limited { provider: provider.map(str::to_owned), until, detail: "429".to_owned() }
}

#[test]
fn a_wall_clock_that_is_set_ends_no_lease_and_keeps_none() {
    let mut bench = Bench::new(&["a"], one_agent());
    let attempt = bench.claimed("a");
    for wall in [START.plus(DAY), Timestamp(START.0 - DAY)] {
        bench.now.wall = wall;
        assert_eq!(bench.tick(), [], "{wall}");
    }
    bench.watch(LEASE - 1);
    assert_eq!(bench.tick(), []);
    bench.now.steady = bench.now.steady.plus(1);
    assert_eq!(bench.tick(), [Intent::StopWorker(attempt)]);
}

#[test]
fn a_lease_does_not_run_out_while_nobody_looks() {
    let mut bench = Bench::new(&["a"], one_agent());
    let attempt = bench.claimed("a");
    bench.pass_time(DAY);
    assert_eq!(bench.tick(), [], "the program stood still, and its worker with it");
    bench.watch(LEASE - 1);
    assert_eq!(bench.tick(), []);
    bench.pass_time(1);
    assert_eq!(bench.tick(), [Intent::StopWorker(attempt)]);
}

#[test]
fn a_lease_that_is_renewed_holds_and_a_late_heartbeat_is_dropped() {
    let mut bench = Bench::new(&["a"], one_agent());
    let attempt = bench.claimed("a");
    bench.watch(LEASE - 1);
    assert!(bench.scheduler.renew(&attempt, bench.now.steady));
    bench.watch(LEASE - 1);
    assert_eq!(bench.tick(), []);
    bench.pass_time(1);
    assert_eq!(bench.tick(), [Intent::StopWorker(attempt.clone())]);
    assert!(!bench.scheduler.renew(&attempt, bench.now.steady));
}

#[test]
fn a_stale_slice_is_offered_again_only_when_its_processes_are_gone_and_under_a_new_epoch() {
    let mut bench = Bench::new(&["a"], one_agent());
    let first = bench.claimed("a");
    bench.watch(LEASE);
    bench.tick();
    assert_eq!(bench.offered(), ["a.1 one"]);
    bench.pass_time(DAY);
    assert_eq!(bench.tick(), []);
    let intents = bench.decide(|it, now| it.worker_gone(&first, None, now));
    let second = bench.scheduler.table().slice(&slice("a")).unwrap().attempt_ref();
    assert_eq!(intents, [Intent::StartWorker(second.clone())]);
    assert!(second.epoch > first.epoch && second.attempt > first.attempt, "{second:?}");
}

#[test]
fn a_late_result_is_journalled_and_its_commit_is_never_merged() {
    let mut bench = Bench::new(&["a"], one_agent());
    let first = bench.claimed("a");
    bench.watch(LEASE);
    bench.tick();
    let end =
        AttemptEnd { outcome: AttemptOutcome::Passed, capture: Some(capture(1, 0)), gates: Vec::new(), shortage: None };
    let intents = bench.decide(|it, now| it.finish(&first, end, now));
    assert_eq!(intents, [Intent::Deny(first.clone())]);
    let detail = "passed after the end of its lease".to_owned();
    assert_eq!(
        bench.facts.last(),
        Some(&Fact::Attempt(AttemptFact::LateResultDropped { attempt: first.clone(), detail }))
    );
    bench.decide(|it, now| it.worker_gone(&first, None, now));
    let record = bench.scheduler.table().slice(&slice("a")).unwrap();
    assert_eq!((&record.stage, &record.capture), (&Stage::Offered, &None));
    assert!(!bench.intents.iter().any(|it| matches!(it, Intent::Enqueue { .. } | Intent::Review { .. })));
}

#[test]
fn a_lease_is_renewed_on_signs_of_life_only() {
    let vitals = |alive| Vitals { alive, processes: Vec::new() };
    let mut heart = Heartbeat::default();
    assert!(heart.beat() && heart.beat(), "a step of our own needs no sign");
    heart.program_begins();
    assert!(heart.beat() && heart.beat(), "without a keeper the deadline alone ends a program");
    heart.heard(&vitals(true));
    assert!(heart.beat());
    assert!(!heart.beat(), "a keeper that says nothing more is no sign of life");
    heart.heard(&vitals(false));
    assert!(!heart.beat(), "a stopped program is none either");
    heart.heard(&vitals(true));
    heart.heard(&vitals(false));
    assert!(heart.beat(), "it lived since the last renewal");
    heart.program_ended();
    assert!(heart.beat());
}
