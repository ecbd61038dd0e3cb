//! What can start now, kept up to date slice by slice.
//!
//! Owns the progress through one graph: what is complete, what is given up, what is ready. A completion costs time in
//! the number of direct dependents. Never says what shall start: permits and attempts are the scheduler's.
//! Invariant: a slice is ready exactly if it is open and all its dependencies are complete.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::ids::SliceId;
use crate::graph::overlap::{Clash, clash};
use crate::graph::task_graph::TaskGraph;

/// How far a slice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Open,
    Complete,
    Abandoned,
}

/// The progress through a graph.
#[derive(Clone, Debug)]
pub struct Frontier {
    graph: Arc<TaskGraph>,
    progress: Vec<Progress>,
    /// Dependencies that are not complete.
    unmet: Vec<u32>,
    /// Whether a dependency, however far up, was given up.
    blocked: Vec<bool>,
    /// By falling rank, then by place in the plan.
    ready: BTreeSet<(Reverse<u32>, u32)>,
    complete: usize,
}

impl Frontier {
    /// Starts at the beginning: nothing is complete.
    pub fn new(graph: Arc<TaskGraph>) -> Self {
        let places = 0..graph.len() as u32;
        let unmet: Vec<u32> = places.clone().map(|place| graph.orders_by_place().in_degree(place)).collect();
        let ready = places
            .filter(|&place| unmet[place as usize] == 0)
            .map(|place| (Reverse(graph.orders_by_place().rank(place)), place));
        let ready = ready.collect();
        let (progress, blocked) = (vec![Progress::Open; graph.len()], vec![false; graph.len()]);
        Self { graph, progress, unmet, blocked, ready, complete: 0 }
    }

    /// The graph that this is the progress through.
    pub fn graph(&self) -> &Arc<TaskGraph> {
        &self.graph
    }

    /// The slices that could start, those with the longest chain behind them first, then in plan order.
    pub fn ready(&self) -> impl ExactSizeIterator<Item = &SliceId> {
        self.ready.iter().map(|&(_, place)| self.graph.id(place))
    }

    /// Whether a slice could start.
    pub fn is_ready(&self, id: &SliceId) -> bool {
        self.graph.place(id).is_some_and(|place| self.ready.contains(&self.key(place)))
    }

    /// Whether every slice is complete.
    pub fn is_done(&self) -> bool {
        self.complete == self.progress.len()
    }

    /// Records that a slice is complete and returns what has become ready by it, best first. An unknown slice or one
    /// that was complete before changes nothing.
    pub fn complete(&mut self, id: &SliceId) -> Vec<SliceId> {
        let Some(place) = self.graph.place(id) else { return Vec::new() };
        match self.progress[place as usize] {
            Progress::Complete => return Vec::new(),
            Progress::Abandoned => _ = self.reopen(id),
            Progress::Open => {}
        }
        self.progress[place as usize] = Progress::Complete;
        self.complete += 1;
        self.ready.remove(&self.key(place));
        let graph = Arc::clone(&self.graph);
        let mut fresh = Vec::new();
        for next in graph.orders_by_place().successors(place) {
            self.unmet[next as usize] -= 1;
            fresh.extend(self.admit(next).then(|| self.key(next)));
        }
        fresh.sort_unstable();
        fresh.into_iter().map(|(_, place)| graph.id(place).clone()).collect()
    }

    /// Puts a slice among the ready ones if it is.
    fn admit(&mut self, place: u32) -> bool {
        let at = place as usize;
        let ready = self.unmet[at] == 0 && self.progress[at] == Progress::Open;
        ready && self.ready.insert(self.key(place))
    }

    fn key(&self, place: u32) -> (Reverse<u32>, u32) {
        (Reverse(self.graph.orders_by_place().rank(place)), place)
    }

    /// Gives a slice up and returns what can never start because of it and could until now, in plan order. An unknown
    /// slice, or one that is complete or given up already, changes nothing.
    pub fn abandon(&mut self, id: &SliceId) -> Vec<SliceId> {
        let Some(place) = self.graph.place(id).filter(|&place| self.progress[place as usize] == Progress::Open) else {
            return Vec::new();
        };
        self.progress[place as usize] = Progress::Abandoned;
        self.ready.remove(&self.key(place));
        let mut lost = self.spread_block(place);
        lost.sort_unstable();
        lost.into_iter().map(|place| self.graph.id(place).clone()).collect()
    }

    /// Marks all that comes after a place as blocked; returns what was not and is still open.
    fn spread_block(&mut self, from: u32) -> Vec<u32> {
        let graph = Arc::clone(&self.graph);
        let (mut todo, mut fresh) = (vec![from], Vec::new());
        while let Some(place) = todo.pop() {
            for next in graph.orders_by_place().successors(place) {
                let open = self.progress[next as usize] != Progress::Complete;
                if open && !std::mem::replace(&mut self.blocked[next as usize], true) {
                    todo.push(next);
                    fresh.extend((self.progress[next as usize] == Progress::Open).then_some(next));
                }
            }
        }
        fresh
    }

    /// Takes back that a slice was given up and returns what is ready by it: itself or nothing. Costs time in the size
    /// of the graph.
    pub fn reopen(&mut self, id: &SliceId) -> Option<SliceId> {
        let place = self.graph.place(id).filter(|&place| self.progress[place as usize] == Progress::Abandoned)?;
        self.progress[place as usize] = Progress::Open;
        self.blocked.fill(false);
        for other in 0..self.progress.len() as u32 {
            if self.progress[other as usize] == Progress::Abandoned {
                self.spread_block(other);
            }
        }
        self.admit(place).then(|| id.clone())
    }

    /// Whether a slice can never start, because something that it comes after was given up.
    pub fn is_blocked(&self, id: &SliceId) -> bool {
        self.graph.place(id).is_some_and(|place| self.blocked[place as usize])
    }

    /// The open slices that can never start, because something that they come after was given up, in plan order.
    pub fn blocked(&self) -> impl Iterator<Item = &SliceId> {
        let open = |place: &usize| self.blocked[*place] && self.progress[*place] == Progress::Open;
        (0..self.blocked.len()).filter(open).map(|place| self.graph.id(place as u32))
    }

    /// The direct dependencies of a slice that are not complete, in plan order.
    pub fn waiting_on(&self, id: &SliceId) -> Vec<&SliceId> {
        let Some(place) = self.graph.place(id) else { return Vec::new() };
        let unmet = |before: &u32| self.progress[*before as usize] != Progress::Complete;
        self.graph
            .orders_by_place()
            .before(place)
            .into_iter()
            .filter(unmet)
            .map(|before| self.graph.id(before))
            .collect()
    }

    /// Why two slices may not run at once: the first clash of their accesses. In a graph that `validate` has accepted
    /// no two slices that are ready together have one.
    pub fn conflicts(&self, a: &SliceId, b: &SliceId) -> Option<Clash> {
        clash(&self.graph.slice(a)?.access, &self.graph.slice(b)?.access)
    }
}
