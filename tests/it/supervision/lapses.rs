//! What a worker makes of the end of its agent by a clock: its deadline, or its keeper while `omk` stood still.

use omk::domain::agent::{AgentEnd, AgentReport};
use omk::domain::budget::Limits;
use omk::domain::task::{AttemptOutcome, FeedbackKind};
use omk::workflow::worker::{Step, Worker};

use super::{Bench, one_agent, plan, rejected};
use crate::support::views::capture;

fn report(end: AgentEnd) -> AgentReport {
    AgentReport::bare(end, 2_960)
}

/// The agent of the attempt that is offered ends so: what becomes of the attempt.
fn ends(bench: &mut Bench, end: AgentEnd) -> AttemptOutcome {
    let task = bench.task("a");
    let attempt = bench.claimed("a");
    let progress = Worker::new(task, &bench.charter, &[]).agent_reported(report(end));
    bench.hear(&attempt, progress.fact.expect("a report"));
    let Step::Finish { outcome, .. } = progress.step else { panic!("{:?}", progress.step) };
    bench.end("a", outcome.clone());
    outcome
}

fn nobody() -> AttemptOutcome {
    AttemptOutcome::Interrupted { by: "a standstill of omk".to_owned() }
}

fn stale(attempts: u32) -> AttemptOutcome {
    let detail = format!("omk stood still for a whole lease in {attempts} attempts in a row");
    AttemptOutcome::Expired { detail }
}

#[test]
fn an_agent_under_which_omk_stands_still_every_time_is_kept_from_the_slice_in_the_end() {
    let mut bench = Bench::new(&["a"], one_agent());
    let outcomes = [(); 5].map(|()| ends(&mut bench, AgentEnd::Lapsed));
    assert_eq!(outcomes, [nobody(), nobody(), nobody(), stale(4), stale(5)]);
    assert!(bench.reason("a").contains("omk stood still for a whole lease in 5 attempts in a row"));
    assert_eq!(*bench.scheduler.table(), bench.folded());
}

#[test]
fn standstills_are_in_a_row_across_pauses_and_runs_and_until_an_attempt_comes_to_an_end() {
    let mut bench = Bench::new(&["a"], one_agent());
    let lapses = |bench: &mut Bench| ends(bench, AgentEnd::Lapsed);
    assert_eq!([lapses(&mut bench), lapses(&mut bench)], [nobody(), nobody()]);
    bench.end("a", AttemptOutcome::Interrupted { by: "a stop of the run".to_owned() });
    bench.restart();
    assert_eq!([lapses(&mut bench), lapses(&mut bench)], [nobody(), stale(4)]);
    let mut bench = Bench::new(&["a"], one_agent());
    assert_eq!([(); 3].map(|()| lapses(&mut bench)), [(); 3].map(|()| nobody()));
    bench.end_with("a", rejected(FeedbackKind::Gate), Some(capture(1, 0)));
    assert_eq!(lapses(&mut bench), nobody());
}

#[test]
fn an_agent_that_reached_its_deadline_is_told_of_the_limit_whatever_its_end_took() {
    let mut plan = (*plan(&["a"])).clone();
    // What the slice may spend is more by then, or used up before that: either way no limit of one attempt.
    for of_slice in [None, Some(2_000)] {
        plan.slices[0].budget = Limits { time_ms: of_slice, ..Limits::default() };
        let mut charter = one_agent();
        charter.settings.attempt_timeout_ms = 1_800_000;
        let mut bench = Bench::of(plan.clone().into(), charter);
        let detail = "the agent did not end within 30m".to_owned();
        assert_eq!(ends(&mut bench, AgentEnd::TimedOut), AttemptOutcome::Expired { detail });
    }
}
