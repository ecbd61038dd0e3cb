//! What is decided of attempts that live, stall, run late, and of agents that cannot work.

use std::sync::Arc;

use omk::domain::agent::AgentEvent;
use omk::domain::decided::Decided;
use omk::domain::event::Fact;
use omk::domain::goal::{Charter, Drive};
use omk::domain::ids::{AttemptRef, Moment, Now, Timestamp};
use omk::domain::order::AttemptEnd;
use omk::domain::settlement::Obstruction;
use omk::domain::supervision::{Breaker, ProfileQuarantine, Quarantine};
use omk::domain::task::{AcceptedPlan, AttemptOutcome, Feedback, FeedbackKind, SliceSpec};
use omk::domain::vitals::{Sighting, Vitals};
use omk::graph::task_graph::TaskGraph;
use omk::workflow::heartbeat::Heartbeat;
use omk::workflow::scheduler::{Intent, Scheduler};
use omk::workflow::slices::{SliceTable, Stage};
use omk::workflow::vigil::{Finding, Vigil, Watch};

use crate::support::views::{START, attempt, capture, charter, slice, spec};

const DAY: u64 = 86_400_000;
const LEASE: u64 = 60_000;

/// A scheduler, the clocks, and all that it decided.
struct Bench {
    charter: Charter,
    plan: Arc<AcceptedPlan>,
    scheduler: Scheduler,
    now: Now,
    facts: Vec<Fact>,
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
        let (facts, intents) = (vec![Fact::PlanAccepted(Box::new((*plan).clone()))], Vec::new());
        let mut bench = Self { charter, plan, scheduler, now, facts, intents };
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
        self.facts.iter().for_each(|fact| table.apply(fact, None, START));
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
        let attempt = self.claimed(id);
        let end = AttemptEnd { outcome, capture: None, gates: Vec::new() };
        self.decide(|it, now| it.finish(&attempt, end, now));
        self.decide(|it, now| it.worker_gone(&attempt, None, now));
        attempt
    }

    fn agent(&self, id: &str) -> String {
        self.scheduler.table().slice(&slice(id)).unwrap().agent.clone()
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
            Fact::AttemptOffered { attempt, agent, .. } => Some(format!("{attempt} {agent}")),
            _ => None,
        });
        offers.collect()
    }

    fn found<T>(&self, wanted: impl Fn(&Fact) -> Option<T>) -> Vec<T> {
        self.facts.iter().filter_map(wanted).collect()
    }

    fn breakers(&self) -> Vec<Breaker> {
        self.found(|fact| match fact {
            Fact::BreakerOpened(breaker) => Some(breaker.clone()),
            _ => None,
        })
    }

    fn closed(&self) -> Vec<String> {
        self.found(|fact| match fact {
            Fact::BreakerClosed { provider } => Some(provider.clone()),
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

// ---- leases ----

#[test]
fn a_wall_clock_that_is_set_ends_no_lease_and_keeps_none() {
    let mut bench = Bench::new(&["a"], one_agent());
    let attempt = bench.claimed("a");
    for wall in [START.plus(DAY), Timestamp(START.0 - DAY)] {
        bench.now.wall = wall;
        assert_eq!(bench.tick(), [], "{wall}");
    }
    bench.now.steady = bench.now.steady.plus(LEASE - 1);
    assert_eq!(bench.tick(), []);
    bench.now.steady = bench.now.steady.plus(1);
    assert_eq!(bench.tick(), [Intent::StopWorker(attempt)]);
}

#[test]
fn a_lease_that_is_renewed_holds_and_a_late_heartbeat_is_dropped() {
    let mut bench = Bench::new(&["a"], one_agent());
    let attempt = bench.claimed("a");
    bench.pass_time(LEASE - 1);
    assert!(bench.scheduler.renew(&attempt, bench.now.steady));
    bench.pass_time(LEASE - 1);
    assert_eq!(bench.tick(), []);
    bench.pass_time(1);
    assert_eq!(bench.tick(), [Intent::StopWorker(attempt.clone())]);
    assert!(!bench.scheduler.renew(&attempt, bench.now.steady));
}

#[test]
fn a_stale_slice_is_offered_again_only_when_its_processes_are_gone_and_under_a_new_epoch() {
    let mut bench = Bench::new(&["a"], one_agent());
    let first = bench.claimed("a");
    bench.pass_time(LEASE);
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
    bench.pass_time(LEASE);
    bench.tick();
    let end = AttemptEnd { outcome: AttemptOutcome::Passed, capture: Some(capture(1, 0)), gates: Vec::new() };
    let intents = bench.decide(|it, now| it.finish(&first, end, now));
    assert_eq!(intents, [Intent::Deny(first.clone())]);
    let detail = "passed after the end of its lease".to_owned();
    assert_eq!(bench.facts.last(), Some(&Fact::LateResultDropped { attempt: first.clone(), detail }));
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

// ---- stall ----

const STALL: u64 = 600_000;

fn vigil() -> Vigil {
    let mut vigil = Vigil::new(attempt("a", 1), "one".to_owned(), STALL, Moment(0));
    vigil.begins_with(7);
    vigil
}

fn tool(id: &str, title: &str, done: bool) -> AgentEvent {
    AgentEvent::Tool { id: id.to_owned(), title: title.to_owned(), done }
}

#[test]
fn quiet_is_said_once_half_way_and_ends_the_attempt_after_all_of_the_time() {
    let mut vigil = vigil();
    vigil.event(&tool("1", "shell: cargo test", false), Moment(100));
    let busy = Vitals { alive: true, processes: Vec::new() };
    assert_eq!(vigil.check(Moment(100)), Watch::Rest(STALL / 2));
    vigil.vitals(busy.clone());
    let half = Moment(100 + STALL / 2);
    assert_eq!(vigil.check(half), Watch::Look);
    let sighting = Sighting {
        attempt: attempt("a", 1),
        agent: "one".to_owned(),
        quiet_ms: STALL / 2,
        last_event: "begins: shell: cargo test".to_owned(),
        tool_call: Some("shell: cargo test".to_owned()),
        vitals: busy,
    };
    assert_eq!(vigil.looked(Some(7), half), Finding::Quiet(sighting));
    assert_eq!(vigil.looked(Some(7), half), Finding::Nothing);
    assert_eq!(vigil.check(half), Watch::Rest(STALL / 2));
    let end = Moment(100 + STALL);
    assert_eq!(vigil.check(end), Watch::Look);
    let said = "no message, no output and no change in its worktree for 10m".to_owned();
    assert_eq!(vigil.looked(Some(7), end), Finding::Stale(said));
}

#[test]
fn a_message_output_and_a_change_are_progress_and_a_busy_process_is_not() {
    let mut vigil = vigil();
    let half = Moment(STALL / 2);
    assert_eq!(vigil.looked(Some(8), half), Finding::Nothing);
    assert_eq!(vigil.check(half), Watch::Rest(STALL / 2), "the change counts from when it was seen");
    vigil.output(Moment(STALL));
    assert_eq!(vigil.check(Moment(STALL)), Watch::Rest(STALL / 2));
    vigil.event(&AgentEvent::Message { text: "on it\nstill".to_owned() }, Moment(STALL + 1));
    vigil.vitals(Vitals { alive: true, processes: Vec::new() });
    let later = Moment(STALL + 1 + STALL / 2);
    assert_eq!(vigil.check(later), Watch::Look);
    assert!(matches!(vigil.looked(None, later), Finding::Quiet(seen) if seen.last_event == "on it"));
    vigil.output(later.plus(1));
    let again = later.plus(1 + STALL / 2);
    assert!(matches!(vigil.looked(Some(8), again), Finding::Quiet(_)), "once in each quiet time");
}

#[test]
fn an_open_tool_call_is_shown_until_it_ends_and_sightings_come_four_times_a_second_at_most() {
    let mut vigil = vigil();
    vigil.event(&tool("1", "outer", false), Moment(1));
    vigil.event(&tool("2", "inner", false), Moment(2));
    vigil.event(&tool("2", "inner", true), Moment(3));
    assert_eq!(vigil.sighting(Moment(9)).tool_call.as_deref(), Some("outer"));
    vigil.event(&tool("1", "outer", true), Moment(10));
    assert_eq!(vigil.sighting(Moment(15)).tool_call, None);
    assert_eq!(vigil.sighting(Moment(15)).quiet_ms, 5);
    assert!(vigil.show(Moment(100)).is_some());
    assert!(vigil.show(Moment(349)).is_none());
    assert!(vigil.show(Moment(350)).is_some());
}

// ---- quarantine ----

#[test]
fn after_as_many_stale_ends_as_retries_the_slice_goes_to_the_stand_in_with_every_attempt() {
    let mut bench = Bench::new(&["a"], two_agents());
    bench.end("a", stale());
    assert_eq!(bench.agent("a"), "one");
    bench.end("a", stale());
    let quarantine = Quarantine {
        slice: slice("a"),
        agent: "one".to_owned(),
        ends: 2,
        reason: "quiet".to_owned(),
        successor: Some("two".to_owned()),
    };
    assert!(bench.facts.contains(&Fact::WorkerQuarantined(quarantine)));
    for _ in 0..2 {
        assert_eq!(bench.agent("a"), "two");
        bench.end("a", rejected(FeedbackKind::Gate));
    }
    assert_eq!(bench.offered(), ["a.1 one", "a.2 one", "a.3 two", "a.4 two", "a.5 two"]);
    bench.end("a", rejected(FeedbackKind::Gate));
    assert!(bench.reason("a").contains("3 attempts failed"), "{}", bench.reason("a"));
}

#[test]
fn without_a_stand_in_the_slice_is_given_up_naming_quarantine_and_evidence_and_the_rest_goes_on() {
    let mut bench = Bench::new(&["a", "b"], one_agent());
    bench.end("a", stale());
    bench.end("b", rejected(FeedbackKind::Gate));
    bench.end("a", stale());
    let said = "agent `one` is in quarantine here after 2 stale attempts: quiet; see artifacts/agent-runs/a.2.log";
    assert_eq!(bench.reason("a"), said);
    assert_eq!((bench.stage("b"), bench.agent("b").as_str()), (Stage::Offered, "one"));
}

#[test]
fn a_slice_without_retries_is_in_quarantine_after_one_stale_end() {
    let mut plan = (*plan(&["a"])).clone();
    plan.slices[0].retries = 0;
    let mut bench = Bench::of(Arc::new(plan), two_agents());
    bench.end("a", stale());
    assert_eq!(bench.agent("a"), "two");
}

#[test]
fn a_script_has_no_stand_in() {
    let mut plan = (*plan(&["a"])).clone();
    plan.slices[0].run = Some("true".to_owned());
    let mut bench = Bench::of(Arc::new(plan), two_agents());
    bench.end("a", stale());
    bench.end("a", stale());
    assert!(bench.reason("a").starts_with("agent `script` is in quarantine here"), "{}", bench.reason("a"));
}

#[test]
fn a_quarantine_is_folded_from_the_journal_and_lifted_when_the_slice_is_reopened() {
    let mut bench = Bench::new(&["a", "b"], two_agents());
    bench.end("a", stale());
    bench.end("a", stale());
    assert_eq!(bench.folded().quarantines, bench.scheduler.table().quarantines);
    bench.restart();
    assert_eq!(bench.agent("a"), "two");
    for _ in 0..2 {
        bench.end("a", stale());
    }
    assert!(bench.reason("a").contains("`one`") && bench.reason("a").contains("`two`"), "{}", bench.reason("a"));
    let reopened = bench.scheduler.retry(&slice("a"), false, None, bench.now).unwrap();
    bench.facts.push(reopened);
    bench.decide(Scheduler::go_on);
    assert_eq!(bench.agent("a"), "one");
}

#[test]
fn a_worker_that_panics_is_a_stale_end() {
    let mut bench = Bench::new(&["a"], two_agents());
    for _ in 0..2 {
        let attempt = bench.claimed("a");
        bench.decide(|it, now| it.worker_gone(&attempt, Some("its worker panicked"), now));
    }
    assert_eq!(bench.agent("a"), "two");
}

#[test]
fn a_profile_that_fails_on_several_slices_in_a_row_is_in_quarantine_for_the_goal() {
    let mut bench = Bench::new(&["a", "b", "c", "d"], two_agents());
    bench.end("a", stale());
    bench.end("b", rejected(FeedbackKind::Agent));
    bench.end("b", AttemptOutcome::Interrupted { by: "a pause".to_owned() });
    bench.end("a", rejected(FeedbackKind::Agent));
    assert_eq!(bench.agent("b"), "one", "two slices are not three");
    bench.end("c", rejected(FeedbackKind::Agent));
    let quarantine = ProfileQuarantine {
        agent: "one".to_owned(),
        slices: vec![slice("a"), slice("b"), slice("c")],
        reason: "exit 1".to_owned(),
        successor: Some("two".to_owned()),
    };
    assert!(bench.facts.contains(&Fact::ProfileQuarantined(quarantine)));
    assert_eq!(bench.agent("c"), "two");
    bench.end("d", rejected(FeedbackKind::Gate));
    assert_eq!(bench.agent("d"), "two");
}

#[test]
fn an_attempt_that_works_breaks_the_row() {
    let mut bench = Bench::new(&["a", "b", "c"], two_agents());
    bench.end("a", rejected(FeedbackKind::Agent));
    bench.end("b", rejected(FeedbackKind::Gate));
    bench.end("b", rejected(FeedbackKind::Agent));
    bench.end("c", rejected(FeedbackKind::Agent));
    assert_eq!([bench.agent("a"), bench.agent("b"), bench.agent("c")], ["one", "one", "one"]);
}

#[test]
fn without_a_successor_the_profiles_slices_are_given_up_and_other_agents_go_on() {
    let mut plan = (*plan(&["a", "b", "c", "d", "own"])).clone();
    plan.slices[3].after = vec![slice("own")];
    plan.slices[4].run = Some("true".to_owned());
    let mut bench = Bench::of(Arc::new(plan), one_agent());
    for id in ["a", "b", "c"] {
        bench.end(id, rejected(FeedbackKind::Agent));
    }
    let said = "agent `one` is in quarantine for failing on `a`, `b`, `c`: exit 1";
    assert_eq!(bench.reason("c"), format!("{said}; see artifacts/agent-runs/c.1.log"));
    assert_eq!(bench.reason("d"), said);
    bench.end("a", rejected(FeedbackKind::Gate));
    assert_eq!(bench.reason("a"), format!("{said}; see artifacts/agent-runs/a.2.log"), "what was under way may end");
    assert!(matches!(bench.stage("own"), Stage::Offered | Stage::Running { .. }), "{:?}", bench.stage("own"));
}

// ---- breaker ----

#[test]
fn a_limit_uses_up_no_attempt_parks_what_needs_the_provider_and_goes_on_at_the_stated_time() {
    let mut bench = Bench::new(&["a", "b"], Charter { max_agents: 1, ..one_agent() });
    let until = START.plus(300_000);
    bench.end("a", limited(Some("kimi"), Some(until)));
    let breaker = Breaker {
        provider: "kimi".to_owned(),
        agent: "one".to_owned(),
        until,
        stated: true,
        trips: 1,
        detail: "429".to_owned(),
    };
    assert_eq!(bench.breakers(), [breaker]);
    assert_eq!(bench.offered(), ["a.1 one"]);
    assert_eq!(bench.scheduler.table().slice(&slice("a")).unwrap().failures, 0);
    bench.now.steady = bench.now.steady.plus(DAY);
    assert_eq!((bench.tick(), bench.reported()), (Vec::new(), None), "a stated time is one of the wall clock");
    bench.now.wall = until;
    bench.tick();
    assert_eq!(bench.offered(), ["a.1 one", "a.2 one"]);
    bench.end("a", AttemptOutcome::Passed);
    assert_eq!(bench.closed(), ["kimi"]);
    assert_eq!(bench.offered(), ["a.1 one", "a.2 one", "b.1 one"]);
}

#[test]
fn one_slice_probes_and_a_further_refusal_doubles_the_back_off_by_the_steady_clock() {
    let mut bench = Bench::new(&["a", "b", "c"], one_agent());
    for id in ["a", "b", "c"] {
        bench.end(id, limited(None, None));
    }
    let trips = |bench: &Bench| bench.breakers().iter().map(|it| (it.trips, it.provider.clone())).collect::<Vec<_>>();
    assert_eq!(trips(&bench), [(1, "one".to_owned())], "those that were under way bring no news");
    bench.now.wall = START.plus(DAY);
    assert_eq!(bench.tick(), []);
    bench.now.steady = bench.now.steady.plus(30_000);
    bench.tick();
    bench.tick();
    assert_eq!(bench.offered().len(), 4, "{:?}", bench.offered());
    bench.end("a", limited(None, None));
    assert_eq!(trips(&bench), [(1, "one".to_owned()), (2, "one".to_owned())]);
    bench.now.steady = bench.now.steady.plus(59_999);
    assert_eq!(bench.tick(), []);
    bench.now.steady = bench.now.steady.plus(1);
    bench.tick();
    assert_eq!(bench.offered().len(), 5);
    bench.end("a", rejected(FeedbackKind::Gate));
    assert_eq!((bench.closed(), bench.offered().len()), (vec!["one".to_owned()], 8));
}

#[test]
fn a_back_off_ends_at_an_hour() {
    let mut bench = Bench::new(&["a"], one_agent());
    for _ in 0..40 {
        bench.end("a", limited(None, None));
        bench.pass_time(3_600_000);
        bench.tick();
    }
    let last = bench.breakers().pop().unwrap();
    assert_eq!((last.trips, last.until), (40, START.plus(40 * 3_600_000)));
}

#[test]
fn other_providers_go_on_and_agents_of_the_same_one_wait() {
    let mut plan = (*plan(&["a", "own"])).clone();
    plan.slices[1].run = Some("true".to_owned());
    let mut bench = Bench::of(Arc::new(plan), two_agents());
    bench.end("own", rejected(FeedbackKind::Gate));
    bench.end("a", limited(Some("kimi"), Some(START.plus(DAY))));
    assert_eq!(bench.offered(), ["a.1 one", "own.1 script", "own.2 script"]);
    bench.end("own", limited(Some("kimi"), None));
    assert_eq!(bench.offered().len(), 3, "the script has met the same provider");
    assert_eq!(bench.reported(), None);
}

#[test]
fn a_run_that_is_not_to_wait_ends_naming_provider_and_time_after_what_else_could_be_done() {
    let mut charter = one_agent();
    charter.settings.wait_for_quota = false;
    let mut bench = Bench::new(&["a", "b"], charter);
    bench.end("a", limited(Some("kimi"), Some(START.plus(300_000))));
    assert_eq!(bench.reported(), None, "b is under way");
    bench.end("b", limited(Some("kimi"), None));
    let said = "`kimi` takes no requests until 2026-11-21T09:05:00.000Z: 429".to_owned();
    assert_eq!(bench.reported(), Some(Some(Obstruction::AgentUnavailable(said))));
}

#[test]
fn a_breaker_survives_a_restart_and_a_probe_that_was_stopped_says_nothing() {
    let mut bench = Bench::new(&["a", "b"], one_agent());
    bench.end("a", limited(None, None));
    bench.end("b", limited(None, None));
    bench.pass_time(10_000);
    bench.restart();
    assert_eq!(bench.folded().breakers, bench.scheduler.table().breakers);
    bench.pass_time(19_999);
    assert_eq!(bench.tick(), []);
    bench.pass_time(1);
    bench.tick();
    bench.end("a", AttemptOutcome::Interrupted { by: "a pause".to_owned() });
    assert_eq!((bench.closed(), bench.offered().len()), (Vec::new(), 4), "the next probe follows at once");
}

#[test]
fn a_slice_that_is_parked_says_what_it_waits_for() {
    use crate::support::views::event;
    use omk::domain::event::ActorName::{Controller, Scheduler};
    use omk::workflow::state::GoalState;
    let mut bench = Bench::new(&["a"], one_agent());
    bench.end("a", limited(Some("kimi"), Some(START.plus(300_000))));
    let created = event(1, 0, Controller, Fact::GoalCreated(Box::new(bench.charter.clone())));
    let rest = bench.facts.iter().zip(2..).map(|(fact, seq)| event(seq, 0, Scheduler, fact.clone()));
    let events: Vec<_> = std::iter::once(created).chain(rest).collect();
    let view = omk::workflow::view::goal_view(&GoalState::replay(&events)).unwrap();
    let waits = view.slices[0].waiting_for[0].clone();
    let said = (waits.kind.as_str(), waits.reference.as_str(), waits.next.as_str());
    assert_eq!(said, ("quota", "kimi", "goes on by itself at 2026-11-21T09:05:00.000Z"));
}

// ---- the operator ----

#[test]
fn an_answer_goes_on_in_the_same_run_and_a_wrong_one_is_refused() {
    let mut bench = Bench::new(&["a", "b"], one_agent());
    bench.end("a", AttemptOutcome::Asked { question: "which colour?".to_owned() });
    let refused = bench.scheduler.answer("a9", "blue", bench.now);
    assert_eq!(refused, Err("there is no open question `a9`".to_owned()));
    let said = bench.scheduler.answer("a1", "blue", bench.now);
    assert_eq!(said, Ok(Fact::QuestionAnswered { id: "a1".to_owned(), answer: "blue".to_owned() }));
    bench.decide(Scheduler::go_on);
    assert_eq!(bench.offered(), ["a.1 one", "b.1 one", "a.2 one"]);
}

#[test]
fn a_retry_is_refused_where_it_makes_no_sense_and_goes_on_where_it_does() {
    let mut bench = Bench::new(&["a", "b"], one_agent());
    let retry =
        |bench: &mut Bench, id: &str| bench.scheduler.retry(&slice(id), true, Some("try".to_owned()), bench.now);
    assert_eq!(retry(&mut bench, "nope"), Err("there is no slice `nope`".to_owned()));
    assert_eq!(retry(&mut bench, "a"), Err("slice `a` is being worked on".to_owned()));
    for _ in 0..2 {
        bench.end("a", stale());
    }
    bench.reason("a");
    let reopened = Fact::SliceReopened { slice: slice("a"), fresh: true, hint: Some("try".to_owned()) };
    assert_eq!(retry(&mut bench, "a"), Ok(reopened));
    bench.decide(Scheduler::go_on);
    assert_eq!(bench.stage("a"), Stage::Offered);
}

#[test]
fn a_run_that_has_told_its_end_takes_no_more_words() {
    let mut bench = Bench::new(&["a"], one_agent());
    bench.end("a", AttemptOutcome::Asked { question: "which colour?".to_owned() });
    assert_eq!(bench.reported(), Some(None));
    let refused = bench.scheduler.answer("a1", "blue", bench.now).unwrap_err();
    assert!(refused.contains("coming to its end"), "{refused}");
}

#[test]
fn where_nobody_answers_a_question_goes_back_but_for_that_of_the_last_attempt() {
    let mut bench = Bench::new(&["a"], Charter { no_input: true, ..one_agent() });
    let ask = || AttemptOutcome::Asked { question: "which colour?".to_owned() };
    bench.end("a", ask());
    bench.end("a", ask());
    let told = &bench.scheduler.table().slice(&slice("a")).unwrap().feedback[1];
    let summary = "nobody answers questions in this run: decide yourself and say what you assumed";
    assert_eq!(
        (told.kind, told.summary.as_str(), told.detail.as_str()),
        (FeedbackKind::Operator, summary, "which colour?")
    );
    bench.end("a", ask());
    assert!(matches!(bench.stage("a"), Stage::Asking { .. }));
}
