//! Providers that take no requests for now.

use std::sync::Arc;

use omk::domain::event::ActorName::{Controller, Scheduler};
use omk::domain::event::Event;
use omk::domain::fact::{Fact, GoalFact};
use omk::domain::goal::{Charter, GoalStatus};
use omk::domain::settlement::Obstruction;
use omk::domain::supervision::Breaker;
use omk::domain::task::{AttemptOutcome, FeedbackKind};
use omk::workflow::state::GoalState;
use omk::workflow::view::goal_view;

use super::{Bench, DAY, limited, one_agent, plan, rejected, two_agents};
use crate::support::views::{START, event, slice};

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
fn the_first_answer_to_the_slice_that_probes_lets_the_others_go_on() {
    let mut bench = Bench::new(&["a", "b", "c"], one_agent());
    let attempts = ["a", "b", "c"].map(|id| bench.end(id, limited(None, None)));
    bench.pass_time(30_000);
    bench.tick();
    assert_eq!(bench.offered()[3..], ["a.2 one"]);
    assert_eq!(bench.decide(|it, now| it.answered(&attempts[1], now)), [], "it does not probe");
    let probe = bench.claimed("a");
    bench.decide(|it, now| it.answered(&probe, now));
    assert_eq!(
        (bench.closed(), &bench.offered()[4..]),
        (vec!["one".to_owned()], &["b.2 one".to_owned(), "c.2 one".to_owned()][..])
    );
    assert_eq!(bench.decide(|it, now| it.answered(&probe, now)), []);
    bench.end("a", limited(None, None));
    assert_eq!(bench.breakers().last().map(|it| it.trips), Some(1), "a refusal behind an answer is a new one");
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
    let mut bench = Bench::new(&["a"], one_agent());
    bench.end("a", limited(Some("kimi"), Some(START.plus(300_000))));
    let created = event(1, 0, Controller, Fact::Goal(GoalFact::GoalCreated(Box::new(bench.charter.clone()))));
    let rest = bench.facts.iter().zip(2..).map(|(fact, seq)| event(seq, 0, Scheduler, fact.clone()));
    let events: Vec<_> = std::iter::once(created).chain(rest).collect();
    let waits = |events: &[Event]| goal_view(&GoalState::replay(events)).unwrap().slices[0].waiting_for[0].clone();
    let wait = waits(&events);
    let said = (wait.kind.as_str(), wait.reference.as_str(), wait.next.as_str());
    assert_eq!(said, ("quota", "kimi", "goes on by itself at 2026-11-21T09:05:00.000Z"));

    let (status, reason) = (GoalStatus::Paused, "paused".to_owned());
    let paused = event(99, 0, Controller, Fact::Goal(GoalFact::GoalSettled { status, reason, next: Vec::new() }));
    let events: Vec<_> = events.into_iter().chain([paused]).collect();
    assert_eq!(waits(&events).next, "starts when the goal goes on, from 2026-11-21T09:05:00.000Z on");
}
