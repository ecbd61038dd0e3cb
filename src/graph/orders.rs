//! The orders between slices by place in the plan: neighbours, topological order, critical path.
//!
//! The only file that knows petgraph. Invariant: there is no cycle. Whatever it returns depends on the plan alone, not
//! on the order in which edges were added.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};

/// A DAG over the places of a plan.
#[derive(Clone, Debug)]
pub(super) struct Orders {
    /// An edge goes from a dependency to its dependent.
    dag: DiGraph<(), ()>,
    topological: Vec<u32>,
    ranks: Vec<u32>,
}

impl Orders {
    /// Orders `count` places by edges from a dependency to its dependent, each given once. The error is a cycle.
    pub(super) fn new(count: usize, edges: &[(u32, u32)]) -> Result<Self, Vec<u32>> {
        let mut dag = DiGraph::with_capacity(count, edges.len());
        (0..count).for_each(|_| _ = dag.add_node(()));
        extend(&mut dag, edges);
        Self::of(dag)
    }

    fn of(dag: DiGraph<(), ()>) -> Result<Self, Vec<u32>> {
        let topological = topological(&dag)?;
        let ranks = ranks(&dag, &topological);
        Ok(Self { dag, topological, ranks })
    }

    /// These orders and further ones. The error is a cycle.
    pub(super) fn and(&self, edges: &[(u32, u32)]) -> Result<Self, Vec<u32>> {
        let mut dag = self.dag.clone();
        extend(&mut dag, edges);
        Self::of(dag)
    }

    /// Whether a chain of orders leads from one place to another one.
    pub(super) fn leads(&self, from: u32, to: u32) -> bool {
        petgraph::algo::has_path_connecting(&self.dag, NodeIndex::from(from), NodeIndex::from(to), None)
    }

    /// How many edges there are.
    pub(super) fn count(&self) -> usize {
        self.dag.edge_count()
    }

    /// The direct dependencies, in plan order.
    pub(super) fn before(&self, place: u32) -> Vec<u32> {
        neighbours(&self.dag, place, Direction::Incoming)
    }

    /// The direct dependents, in plan order.
    pub(super) fn after(&self, place: u32) -> Vec<u32> {
        neighbours(&self.dag, place, Direction::Outgoing)
    }

    /// The direct dependents, in no particular order.
    pub(super) fn successors(&self, place: u32) -> impl Iterator<Item = u32> {
        self.dag.neighbors(NodeIndex::from(place)).map(|node| node.index() as u32)
    }

    /// How many direct dependencies there are.
    pub(super) fn in_degree(&self, place: u32) -> u32 {
        self.dag.neighbors_directed(NodeIndex::from(place), Direction::Incoming).count() as u32
    }

    /// Every place behind its dependencies, and of several that could follow, the earliest of the plan.
    pub(super) fn topological(&self) -> &[u32] {
        &self.topological
    }

    /// The length of the longest chain that begins with the place, itself included.
    pub(super) fn rank(&self, place: u32) -> u32 {
        self.ranks[place as usize]
    }
}

fn extend(dag: &mut DiGraph<(), ()>, edges: &[(u32, u32)]) {
    for &(from, to) in edges {
        dag.add_edge(NodeIndex::from(from), NodeIndex::from(to), ());
    }
}

/// Neighbours in plan order.
fn neighbours(dag: &DiGraph<(), ()>, place: u32, direction: Direction) -> Vec<u32> {
    let mut found: Vec<u32> =
        dag.neighbors_directed(NodeIndex::from(place), direction).map(|node| node.index() as u32).collect();
    found.sort_unstable();
    found
}

/// The topological order that is nearest to the plan's, or a cycle.
fn topological(dag: &DiGraph<(), ()>) -> Result<Vec<u32>, Vec<u32>> {
    let mut unmet: Vec<usize> =
        dag.node_indices().map(|node| dag.neighbors_directed(node, Direction::Incoming).count()).collect();
    let mut free: BinaryHeap<Reverse<u32>> =
        (0u32..).zip(&unmet).filter(|(_, unmet)| **unmet == 0).map(|(place, _)| Reverse(place)).collect();
    let mut order = Vec::with_capacity(unmet.len());
    while let Some(Reverse(place)) = free.pop() {
        order.push(place);
        for next in dag.neighbors(NodeIndex::from(place)) {
            unmet[next.index()] -= 1;
            if unmet[next.index()] == 0 {
                free.push(Reverse(next.index() as u32));
            }
        }
    }
    if order.len() == unmet.len() { Ok(order) } else { Err(cycle(dag, &unmet)) }
}

/// A shortest cycle through some slice, each member before what it comes after, the earliest of the plan in front.
/// `unmet` says what could not be ordered: every such node has a dependency of the same kind.
fn cycle(dag: &DiGraph<(), ()>, unmet: &[usize]) -> Vec<u32> {
    let stuck = |place: u32| {
        neighbours(dag, place, Direction::Incoming).into_iter().filter(|&before| unmet[before as usize] > 0)
    };
    let mut seen = vec![false; unmet.len()];
    let mut at = unmet.iter().position(|&unmet| unmet > 0).unwrap_or_default() as u32;
    while !std::mem::replace(&mut seen[at as usize], true) {
        at = stuck(at).next().unwrap_or(at);
    }
    let mut members = shortest_round(at, stuck, unmet.len());
    let earliest = members.iter().enumerate().min_by_key(|(_, place)| **place).map_or(0, |(index, _)| index);
    members.rotate_left(earliest);
    members
}

/// The shortest way from a node that is on a cycle back to itself.
fn shortest_round<I: Iterator<Item = u32>>(start: u32, next: impl Fn(u32) -> I, count: usize) -> Vec<u32> {
    let mut from: Vec<Option<u32>> = vec![None; count];
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for to in next(at) {
            if from[to as usize].is_none() {
                from[to as usize] = Some(at);
                queue.push_back(to);
            }
        }
    }
    let mut round = vec![start];
    let mut at = from[start as usize];
    while let Some(member) = at.filter(|&member| member != start) {
        round.push(member);
        at = from[member as usize];
    }
    round[1..].reverse();
    round
}

/// For every node the length of the longest chain that begins with it.
fn ranks(dag: &DiGraph<(), ()>, order: &[u32]) -> Vec<u32> {
    let mut ranks = vec![1; dag.node_count()];
    for &place in order.iter().rev() {
        let longest = dag.neighbors(NodeIndex::from(place)).map(|next| ranks[next.index()]).max();
        ranks[place as usize] = longest.unwrap_or(0) + 1;
    }
    ranks
}
