//! How long an agent may be quiet.

use omk::domain::agent::AgentEvent;
use omk::domain::ids::Moment;
use omk::domain::vitals::{Sighting, Vitals};
use omk::workflow::vigil::{Finding, Vigil, Watch};

use crate::support::views::attempt;

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
        seen_ms_ago: 0,
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
