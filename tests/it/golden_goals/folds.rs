//! What each record of a golden journal changes in the folded state: after every record the goal's view, why it does
//! not move, its budget, what an attempt of each slice is told, and what is decided next. A fold that changes shows at
//! the record where it first matters.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use omk::domain::event::Event;
use omk::domain::view::Liveness;
use omk::workflow::assignment::{assignment_of, continues};
use omk::workflow::profiles;
use omk::workflow::proof::prove;
use omk::workflow::restart::RestartDecision;
use omk::workflow::spending::budget_report;
use omk::workflow::state::GoalState;
use omk::workflow::view::goal_view;
use omk::workflow::why::{Seen, why};
use serde_json::{Value, json};

use super::{Journal, journals};
use crate::support::golden::Documents;

/// The folded state as JSON.
fn folded(state: &GoalState, events: &[Event]) -> Value {
    let seen = Seen { process: Liveness::NoProcess, sightings: Vec::new() };
    let told = state.slices.iter().filter(|record| record.start.is_some());
    let told: BTreeMap<_, _> =
        told.map(|record| (record.spec.id.clone(), assignment_of(record, continues(&record.agent)))).collect();
    let mut state = json!({
        "view": goal_view(state),
        "why": why(state, events, &seen, None),
        "budget": budget_report(state),
        "told": told,
        "next": decided_next(state),
        "gaps": prove(state).map(|proof| proof.predicate.gaps),
    });
    // The charter and the specifications are in the first records; number and hash of the last change with each.
    state["view"]["charter"].take();
    state["view"]["journal"].take();
    for told in state["told"].as_object_mut().expect("an object").values_mut() {
        told["spec"].take();
    }
    state
}

/// What is decided next from the state and no document shows: who works, who is kept out, what waits to be merged, which
/// gates were red, what the budget says, how many restarts count.
fn decided_next(state: &GoalState) -> Option<Value> {
    let (charter, queue) = (state.goal.charter.as_ref()?, state.queue.as_ref()?);
    let specs = || state.slices.iter().map(|record| &record.spec);
    let agents = profiles::all(charter, specs());
    let take_over = |agent: &String| profiles::successors(charter, agent);
    let next: BTreeMap<_, _> =
        state.slices.iter().map(|it| (&it.spec.id, profiles::next_agent(charter, &state.slices, it))).collect();
    let quarantines = &state.slices.quarantines;
    let due = state.slices.iter().filter_map(|it| quarantines.due_pair(&it.spec, &it.agent, &agents));
    let gates = state.goal.plan.iter().flat_map(|plan| &plan.gates).map(|gate| &gate.name);
    let gates: BTreeMap<_, _> = gates
        .map(|name| {
            (name, json!([state.gates.shown_red(name), state.gates.flaky_on(name), state.gates.base_tests(name)]))
        })
        .collect();
    let at = state.last.as_ref().map_or(charter.created, |(_, _, at)| *at);
    let escalates = |intensity: &u32| {
        state.restarts.decide(at, *intensity, charter.settings.restart_period_ms) == RestartDecision::Escalate
    };
    Some(json!({
        "next_agent": next,
        "due_for_quarantine": due.collect::<Vec<_>>(),
        "due_profiles": quarantines.due_profiles(&agents, &take_over, 1),
        "queue": queue.waiting.iter().map(|it| json!([it.slice, it.attempt, it.capture.commit])).collect::<Vec<_>>(),
        "merged": queue.integrated.iter().map(|it| json!([it.slice, it.merge])).collect::<Vec<_>>(),
        "gates": gates,
        "budget": state.budget.check(),
        "restarts": (1..=4).filter(escalates).count(),
    }))
}

/// The values at the leaves of a document, by path.
fn leaves(value: &Value, path: &str, all: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            fields.iter().for_each(|(name, value)| leaves(value, &format!("{path}/{name}"), all));
        }
        Value::Array(items) if !items.is_empty() => {
            items.iter().enumerate().for_each(|(at, value)| leaves(value, &format!("{path}/{at}"), all));
        }
        leaf => {
            all.insert(path.to_owned(), leaf.to_string());
        }
    }
}

fn trace(journal: &Journal) -> String {
    let (mut state, mut before, mut text) = (GoalState::default(), BTreeMap::new(), String::new());
    for (count, event) in journal.events.iter().enumerate() {
        state.apply(event);
        let mut now = BTreeMap::new();
        leaves(&folded(&state, &journal.events[..=count]), "", &mut now);
        let _ = writeln!(text, "{} {}", event.seq, crate::support::facts::kind_of(&event.fact));
        for path in before.keys().filter(|path| !now.contains_key(*path)) {
            let _ = writeln!(text, "  {path} is gone");
        }
        for (path, value) in now.iter().filter(|(path, value)| before.get(*path) != Some(*value)) {
            let _ = writeln!(text, "  {path} {value}");
        }
        before = now;
    }
    assert_eq!(state, GoalState::replay(&journal.events), "{}", journal.name);
    text
}

#[test]
fn every_record_of_a_golden_journal_changes_the_same_of_the_folded_state() {
    let mut documents = Documents::of("folds");
    for journal in journals() {
        documents.compare(&format!("{}.txt", journal.name), &trace(&journal));
    }
    documents.finish();
}
