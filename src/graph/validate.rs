//! Whether a plan can be run, and the orders that it still needs.
//!
//! Two slices that could run at once must not both change a path, unless both do it by `merges`: refused. Where one
//! reads what the other changes, an order is added: in plan order where no order leads the other way. Invariant: in
//! what is accepted, any two slices whose accesses clash have an order, so that whatever the frontier offers can run.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::domain::ids::GateName;
use crate::domain::task::{GateSpec, Serialised, SliceSpec};
use crate::graph::error::{GraphError, nearest};
use crate::graph::index::AccessIndex;
use crate::graph::keys::Access;
use crate::graph::orders::Orders;
use crate::graph::overlap::meeting;
use crate::graph::sweep::{Meeting, Rule, concerns, missing_orders};
use crate::graph::task_graph::{MOST_ERRORS, TaskGraph};

/// Rounds in which orders that go against the plan are turned around; a plan that lists slices in an order in which
/// they can run needs one.
const ROUNDS: usize = 16;
/// Orders that are turned around in one round.
const TURNED_A_ROUND: usize = 256;

/// Judges slices in plan order: ids, dependencies, cycles, gates, unordered changes. `fixed` are orders that were added
/// before and stay. The graph that comes back has all orders that its access sets need; `serialised` of it are `fixed`
/// and then the new ones. On refusal, at least one error, in plan order, of the first check that finds any.
pub fn validate(
    slices: Vec<SliceSpec>,
    gates: &[GateSpec],
    fixed: Vec<Serialised>,
) -> Result<TaskGraph, Vec<GraphError>> {
    let graph = TaskGraph::build(slices, fixed)?;
    let unknown = unknown_gates(graph.slices(), gates);
    if !unknown.is_empty() {
        return Err(unknown);
    }
    let index = AccessIndex::new(graph.slices());
    let clashes = unordered_changes(&graph, &index);
    if !clashes.is_empty() {
        return Err(clashes);
    }
    let added = if concerns(Rule::Reads, graph.slices()) { serialise(&graph, &index) } else { Vec::new() };
    let edges: Vec<_> = added.iter().map(|met| (met.first.0, met.then.0)).collect();
    let orders =
        graph.orders_by_place().and(&edges).map_err(|cycle| vec![GraphError::cycle(graph.slices(), &cycle)])?;
    let added = added.iter().map(|met| order(&graph, &index, met)).collect();
    Ok(graph.with_orders(orders, added))
}

fn unknown_gates(slices: &[SliceSpec], gates: &[GateSpec]) -> Vec<GraphError> {
    let known: BTreeSet<&GateName> = gates.iter().map(|gate| &gate.name).collect();
    let asked = slices.iter().flat_map(|slice| slice.gates.iter().map(move |gate| (slice, gate)));
    let unknown = asked.filter(|(_, gate)| !known.contains(gate)).take(MOST_ERRORS);
    unknown
        .map(|(slice, gate)| {
            let nearest = nearest(gate.as_str(), gates.iter().map(|gate| &gate.name), GateName::as_str).cloned();
            GraphError::UnknownGate { slice: slice.id.clone(), gate: gate.clone(), nearest }
        })
        .collect()
}

fn unordered_changes(graph: &TaskGraph, index: &AccessIndex<'_>) -> Vec<GraphError> {
    if !concerns(Rule::Changes, graph.slices()) {
        return Vec::new();
    }
    let met = missing_orders(index, graph.orders_by_place(), Rule::Changes, MOST_ERRORS);
    let mut pairs: Vec<_> = met.into_iter().map(|Meeting { first, then }| in_plan_order(first, then)).collect();
    pairs.sort_by_key(|(first, then)| (first.0, then.0));
    pairs.into_iter().take(MOST_ERRORS).map(|(first, then)| unordered(graph, index, first, then)).collect()
}

fn in_plan_order(a: (u32, Access), b: (u32, Access)) -> ((u32, Access), (u32, Access)) {
    if a.0 < b.0 { (a, b) } else { (b, a) }
}

fn unordered(graph: &TaskGraph, index: &AccessIndex<'_>, first: (u32, Access), then: (u32, Access)) -> GraphError {
    let (first_pattern, then_pattern) = (index.pattern(first.1.pattern), index.pattern(then.1.pattern));
    GraphError::UnorderedChanges {
        first: graph.id(first.0).clone(),
        then: graph.id(then.0).clone(),
        first_touch: first.1.touch,
        then_touch: then.1.touch,
        path: meeting(first_pattern, then_pattern),
        first_pattern: first_pattern.to_string(),
        then_pattern: then_pattern.to_string(),
    }
}

/// The orders that reads need. A sweep finds them in topological order, which goes against the plan where a later
/// slice is drawn forward by what depends on it; such an order is turned around, unless others settle it by then, and
/// the sweep is repeated with it. In a plan that lists every slice behind its dependencies nothing is turned, and no
/// order is implied by the others.
fn serialise(graph: &TaskGraph, index: &AccessIndex<'_>) -> Vec<Meeting> {
    let mut orders = Cow::Borrowed(graph.orders_by_place());
    let mut added: Vec<Meeting> = Vec::new();
    for round in 1.. {
        let met = missing_orders(index, &orders, Rule::Reads, usize::MAX);
        let against: Vec<_> = met.iter().filter(|met| met.first.0 > met.then.0).map(Meeting::turned).collect();
        if against.is_empty() || round == ROUNDS {
            added.extend(met);
            break;
        }
        for met in against.iter().take(TURNED_A_ROUND) {
            if let Some(with) = turn(&orders, met) {
                orders = Cow::Owned(with);
                added.push(*met);
            }
        }
    }
    added.sort_by_key(|met| (met.then.0, met.first.0));
    added
}

/// The orders with one more, if there is none between the two yet.
fn turn(orders: &Orders, met: &Meeting) -> Option<Orders> {
    let (first, then) = (met.first.0, met.then.0);
    if orders.leads(first, then) { None } else { orders.and(&[(first, then)]).ok() }
}

fn order(graph: &TaskGraph, index: &AccessIndex<'_>, met: &Meeting) -> Serialised {
    let path = meeting(index.pattern(met.first.1.pattern), index.pattern(met.then.1.pattern));
    Serialised { first: graph.id(met.first.0).clone(), then: graph.id(met.then.0).clone(), path }
}
