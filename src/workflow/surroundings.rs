//! What an agent is told of the plan around its slice: what it starts from, what goes on beside it, what waits for it,
//! and which gates judge it.
//!
//! Pure, of the plan alone: the same for every attempt. Bounded: a neighbour too many is left out, a gate never.

use std::collections::BTreeSet;

use crate::domain::ids::SliceId;
use crate::domain::task::{GateSpec, Neighbour, SliceSpec, Surroundings};
use crate::graph::task_graph::TaskGraph;

/// The most neighbours of one sort that are told.
const MOST: usize = 20;

/// What is around a slice.
pub fn surroundings(graph: &TaskGraph, gates: &[GateSpec], spec: &SliceSpec) -> Surroundings {
    let earlier = reachable(&spec.id, |id| graph.dependencies(id));
    let later = reachable(&spec.id, |id| graph.dependents(id));
    let beside = |other: &&SliceSpec| other.id != spec.id && !earlier.contains(&other.id) && !later.contains(&other.id);
    let named = |ids: Vec<&SliceId>| ids.into_iter().take(MOST).filter_map(|id| graph.slice(id)).map(titled).collect();
    Surroundings {
        after: named(graph.dependencies(&spec.id)),
        beside: graph.slices().iter().filter(beside).take(MOST).map(neighbour).collect(),
        before: named(graph.dependents(&spec.id)),
        gates: gates.iter().filter(|gate| spec.is_judged_by(gate)).cloned().collect(),
    }
}

/// All that `next` leads to from a slice, itself left out.
fn reachable<'a>(from: &'a SliceId, next: impl Fn(&'a SliceId) -> Vec<&'a SliceId>) -> BTreeSet<&'a SliceId> {
    let mut seen = BTreeSet::new();
    let mut waiting = next(from);
    while let Some(id) = waiting.pop() {
        if seen.insert(id) {
            waiting.extend(next(id));
        }
    }
    seen
}

fn titled(spec: &SliceSpec) -> Neighbour {
    Neighbour { id: spec.id.clone(), title: spec.title.clone(), writes: Vec::new(), merges: Vec::new() }
}

fn neighbour(spec: &SliceSpec) -> Neighbour {
    Neighbour { writes: spec.access.writes.clone(), merges: spec.access.merges.clone(), ..titled(spec) }
}
