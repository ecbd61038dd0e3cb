//! The golden journals hold every fact, every optional field and every value of the enums that facts carry.

use std::collections::{BTreeMap, BTreeSet};

use omk::domain::event::{ActorName, Draft};
use omk::domain::fact::Fact;
use omk::domain::goal::GoalStatus;
use omk::domain::review::Role;
use serde_json::Value;

use super::journals;
use crate::support::facts::{KINDS, every_draft, kind_of};
use crate::support::facts_v2::drafts_of_version_2;
use crate::support::facts_v3::drafts_of_version_3;

/// What the sample facts have and no golden journal.
const NEVER_WRITTEN: [&str; 6] = [
    // No planner and no reviewer is a model yet: executors alone reserve and use budget.
    "budget_reserved/role",
    "usage_recorded/role",
    // The sample has paths in feedback of every kind; blame names a gate.
    "slice_blamed/feedback/paths/[]",
    // The host names the agent's provider wherever the agent names none.
    "agent_reported/report/end/provider=null",
    // A refusal in an agent's final message: `run_refusals_told` has it end to end.
    "agent_reported/report/unless_changed/detail",
    "agent_reported/report/unless_changed/kind",
];

/// The path of every field of a value; items of a list share one. `null` is a path of its own.
fn fields(value: &Value, path: &str, all: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields_of) => {
            fields_of.iter().for_each(|(name, value)| fields(value, &format!("{path}/{name}"), all))
        }
        Value::Array(items) => items.iter().for_each(|item| fields(item, &format!("{path}/[]"), all)),
        Value::Null => drop(all.insert(format!("{path}=null"))),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => drop(all.insert(path.to_owned())),
    }
}

fn data(fact: &Fact) -> Value {
    let fact = serde_json::to_value(fact).expect("a fact with a form in JSON");
    fact.as_object().and_then(|fact| fact.values().next()).cloned().unwrap_or_default()
}

fn samples() -> Vec<Draft> {
    [every_draft(), drafts_of_version_2(), drafts_of_version_3()].concat()
}

fn facts_in_journals() -> Vec<Fact> {
    journals().into_iter().flat_map(|journal| journal.events).map(|event| event.fact).collect()
}

#[test]
fn every_kind_of_fact_is_in_a_golden_journal() {
    let samples: BTreeSet<_> = samples().iter().map(|draft| kind_of(&draft.fact)).collect();
    assert_eq!(samples.len(), KINDS);
    let found: BTreeSet<_> = facts_in_journals().iter().map(kind_of).collect();
    assert_eq!(samples.difference(&found).collect::<Vec<_>>(), [&""; 0], "record a goal that has them");
}

#[test]
fn every_optional_field_of_a_fact_is_in_a_golden_journal() {
    let shapes = |facts: &mut dyn Iterator<Item = &Fact>| {
        let mut all = BTreeSet::new();
        facts.for_each(|fact| fields(&data(fact), kind_of(fact), &mut all));
        all
    };
    let samples = samples();
    let wanted = shapes(&mut samples.iter().map(|draft| &draft.fact));
    let found = shapes(&mut facts_in_journals().iter());
    let missing: BTreeSet<_> = wanted.difference(&found).map(String::as_str).collect();
    let said = BTreeSet::from(NEVER_WRITTEN);
    let unsaid: Vec<_> = missing.difference(&said).collect();
    assert_eq!(unsaid, [&""; 0], "record a goal that has them, or say why none can");
    let written: Vec<_> = said.difference(&missing).collect();
    assert_eq!(written, [&""; 0], "these are in a journal: take them off the list");
}

/// The values that a field has, by the end of its path.
fn values_at(end: &str) -> BTreeSet<String> {
    fn collect(value: &Value, path: &str, end: &str, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                fields.iter().for_each(|(name, value)| collect(value, &format!("{path}/{name}"), end, found));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, path, end, found)),
            Value::String(text) if path.ends_with(end) => drop(found.insert(text.clone())),
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut found = BTreeSet::new();
    facts_in_journals().iter().for_each(|fact| collect(&data(fact), kind_of(fact), end, &mut found));
    found
}

#[test]
fn every_value_of_the_enums_of_facts_is_in_a_golden_journal() {
    let settled = GoalStatus::ALL.into_iter().filter(|status| *status != GoalStatus::Running);
    let settled = settled.map(GoalStatus::as_str).collect::<Vec<_>>().join(" ");
    let roles = Role::ALL.map(Role::as_str).join(" ");
    let table = BTreeMap::from([
        ("goal_settled/status", settled.as_str()),
        ("run_started/drive", "until_ready scaffold pass verify review"),
        ("stop_requested/stop", "pause cancel"),
        (
            "attempt_finished/outcome/kind",
            "passed rejected unchanged asked unavailable interrupted expired limited errored",
        ),
        ("report/end/kind", "finished asked failed unavailable limited timed_out stopped lapsed"),
        ("gate_finished/scope/kind", "base attempt batch tip"),
        ("result/outcome/kind", "green red tests_failed no_tests timed_out unstartable stopped"),
        ("attempt_finished/outcome/feedback/kind", "gate policy agent"),
        ("slice_returned/feedback/kind", "review"),
        ("merge_conflicted/feedback/kind", "conflict"),
        ("budget_exhausted/budget", "time tokens usd"),
        ("plan_accepted/gates/kind", "test build lint bench custom"),
        ("plan_accepted/slices/risk", "low medium high"),
        ("review/role", roles.as_str()),
        ("review/verdict", "passed blocked not_applicable"),
        ("subject/kind", "slice goal"),
    ]);
    for (end, wanted) in table {
        let found = values_at(end);
        let missing: Vec<_> = wanted.split(' ').filter(|value| !found.contains(*value)).collect();
        assert_eq!(missing, [""; 0], "{end}: {found:?}");
    }
}

#[test]
fn every_actor_has_a_record_in_a_golden_journal() {
    let found: BTreeSet<_> = journals().into_iter().flat_map(|it| it.events).map(|it| it.actor.to_string()).collect();
    let reviewers = Role::ALL.map(ActorName::Reviewer);
    let others = [
        ActorName::Operator,
        ActorName::Controller,
        ActorName::Planner,
        ActorName::Scheduler,
        ActorName::Worker,
        ActorName::Integrator,
        ActorName::Budget,
        ActorName::Supervisor,
        ActorName::Journal,
    ];
    let missing: Vec<_> =
        reviewers.iter().chain(&others).map(ActorName::to_string).filter(|name| !found.contains(name)).collect();
    assert_eq!(missing, [""; 0]);
}
