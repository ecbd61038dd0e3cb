//! A whole journal of version 1, as a run of that version wrote it: it folds to what it folded to then, and from every
//! prefix of it a run goes on and converges.

use std::collections::BTreeMap;
use std::sync::Arc;

use omk::domain::event::Event;
use omk::domain::goal::GoalStatus;
use omk::domain::ids::{CommitId, TreeId};
use omk::store::codec::genesis;
use omk::store::replay::replay;
use omk::workflow::state::GoalState;
use omk::workflow::view::goal_view;
use serde::Deserialize;
use serde_json::Value;

use super::repository::Tree;
use super::seeds::{Agents, converge};
use super::{Behaviour, Scenario, World};

const JOURNAL: &str = include_str!("../golden/run-v1.jsonl");
const VIEW: &str = include_str!("../golden/run-v1.view.json");
const REPOSITORY: &str = include_str!("../golden/run-v1.repository.json");

/// The objects that the journal names.
#[derive(Deserialize)]
struct Objects {
    commits: BTreeMap<CommitId, (TreeId, Vec<CommitId>)>,
    trees: BTreeMap<TreeId, Tree>,
}

/// The goal that the journal is about.
pub(crate) fn scenario() -> Scenario {
    let slices: [(&str, &[&str]); 6] =
        [("a", &[]), ("b", &["a"]), ("c", &[]), ("d", &["b", "c"]), ("e", &[]), ("f", &["a"])];
    let mut scenario = Scenario::of(&slices)
        .with("a", &[Behaviour::Share])
        .with("b", &[Behaviour::Spend(2)])
        .with("c", &[Behaviour::Break, Behaviour::Share])
        .with("d", &[Behaviour::Leak, Behaviour::Succeed])
        .with("e", &[Behaviour::Ask, Behaviour::Ask, Behaviour::Ask, Behaviour::Crash, Behaviour::Succeed])
        .with("f", &[Behaviour::Break, Behaviour::Break, Behaviour::Break, Behaviour::Break, Behaviour::Succeed]);
    scenario.token_limit = Some(100_000);
    scenario
}

fn events() -> Vec<Event> {
    replay(JOURNAL.as_bytes(), genesis()).expect("a good journal").events
}

/// A world in which the journal's first records were written.
fn world_after(events: &[Event]) -> Arc<World> {
    let world = World::without_journal(scenario());
    world.write_again(events);
    let objects: Objects = serde_json::from_str(REPOSITORY).unwrap();
    let mut state = world.lock();
    for (id, (tree, parents)) in objects.commits {
        state.repository.put(id, objects.trees[&tree].clone(), parents);
    }
    let branches = GoalState::replay(events).goal.branches;
    state.branches = branches;
    drop(state);
    world
}

/// Whether `now` says all that `then` said; what it says besides is new.
fn says(then: &Value, now: &Value, path: &str) -> Result<(), String> {
    match (then, now) {
        (Value::Object(then), Value::Object(now)) => then.iter().try_for_each(|(key, value)| {
            let path = format!("{path}/{key}");
            says(value, now.get(key).ok_or_else(|| format!("{path} is gone"))?, &path)
        }),
        (Value::Array(then), Value::Array(now)) if then.len() == now.len() => {
            then.iter().zip(now).enumerate().try_for_each(|(at, (then, now))| says(then, now, &format!("{path}/{at}")))
        }
        (then, now) if then == now => Ok(()),
        (then, now) => Err(format!("{path}: {then} has become {now}")),
    }
}

#[test]
fn a_run_of_version_1_folds_to_what_it_folded_to_then() {
    assert!(JOURNAL.lines().all(|line| line.starts_with("{\"v\":1,")));
    let view = goal_view(&GoalState::replay(&events())).expect("a goal");
    let then: Value = serde_json::from_str(VIEW).unwrap();
    says(&then, &serde_json::to_value(view).unwrap(), "").unwrap();
}

#[test]
fn a_run_goes_on_from_every_prefix_of_a_journal_of_version_1_and_converges() {
    let events = events();
    let whole = world_after(&events);
    let wanted = whole.tree(&whole.branches()[0].commit);
    for records in 1..=events.len() {
        let world = world_after(&events[..records]);
        converge(&world, Agents::AsScripted);
        assert_eq!(world.folded().goal.status, Some(GoalStatus::Ready), "from {records} records");
        assert_eq!(world.tree(&world.branches()[0].commit), wanted, "from {records} records");
    }
}
