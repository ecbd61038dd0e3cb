//! Who comes before whom, answered while the graph is still growing.
//!
//! Nodes are admitted in a topological order and named by their place in it; every question is about the node that was
//! admitted last, whose edges may still be added to. So nothing that was answered before ever changes. Most
//! questions end at a label: an interval of a spanning tree says yes, a Bloom filter of the ancestors says no. What is
//! left is searched, at most once through the ancestors of a node however many questions are asked about it.

use std::collections::BinaryHeap;

/// Words of the filter: 512 bits, a cache line.
const WORDS: usize = 8;
/// Nodes that a search for one ancestor may look at before the ancestors are swept as a whole.
const SEARCH_LIMIT: usize = 256;

type Filter = [u64; WORDS];

fn filter_of(node: u32) -> Filter {
    let bit = node.wrapping_mul(0x9e37_79b1) >> (32 - 9);
    let mut filter = [0; WORDS];
    filter[(bit >> 6) as usize] = 1 << (bit & 63);
    filter
}

fn includes(whole: &Filter, part: &Filter) -> bool {
    whole.iter().zip(part).all(|(whole, part)| part & !whole == 0)
}

/// The ancestors of every node admitted so far.
pub(super) struct Ancestry {
    /// In the spanning tree: where a node's interval begins and how long it is.
    tree: Vec<(u32, u32)>,
    parents: Vec<Vec<u32>>,
    filters: Vec<Filter>,
    /// The longest way from a root.
    levels: Vec<u32>,
    /// The number of the last search that saw the node.
    searched: Vec<u32>,
    searches: u32,
    /// How far a search goes before the ancestors are swept.
    limit: usize,
    /// The last node in whose sweep the node was seen, counted from 1.
    swept: Vec<u32>,
    sweep: BinaryHeap<u32>,
    sweeping: bool,
}

impl Ancestry {
    /// Starts with a graph given as each node's parents, by place in a topological order; none is admitted yet.
    pub(super) fn new(parents: Vec<Vec<u32>>) -> Self {
        let count = parents.len();
        Self {
            tree: spanning_tree(&parents),
            parents,
            filters: Vec::with_capacity(count),
            levels: Vec::with_capacity(count),
            searched: vec![0; count],
            searches: 0,
            limit: SEARCH_LIMIT,
            swept: vec![0; count],
            sweep: BinaryHeap::new(),
            sweeping: false,
        }
    }

    /// Admits the next node in order; questions are about it from now on.
    pub(super) fn admit(&mut self) {
        let node = self.filters.len();
        self.filters.push(filter_of(node as u32));
        self.levels.push(0);
        self.sweep.clear();
        self.sweeping = false;
        for at in 0..self.parents[node].len() {
            self.inherit(self.parents[node][at]);
        }
    }

    fn node(&self) -> u32 {
        self.filters.len() as u32 - 1
    }

    fn inherit(&mut self, parent: u32) {
        let (node, from) = (self.node() as usize, self.filters[parent as usize]);
        self.filters[node].iter_mut().zip(from).for_each(|(word, other)| *word |= other);
        self.levels[node] = self.levels[node].max(self.levels[parent as usize] + 1);
    }

    /// Adds an edge from an earlier node to the last one.
    pub(super) fn add_parent(&mut self, parent: u32) {
        let node = self.node();
        self.parents[node as usize].push(parent);
        self.inherit(parent);
        if self.sweeping {
            self.sweep_later(parent);
        }
    }

    /// Whether `earlier` is an ancestor of the last node. To be asked in falling order of place.
    pub(super) fn follows(&mut self, earlier: u32) -> bool {
        let node = self.node();
        if self.parents[node as usize].contains(&earlier) || self.in_tree(earlier, node) {
            return true;
        }
        if !self.may_follow(earlier, node) {
            return false;
        }
        if self.sweeping { self.swept(earlier) } else { self.search(earlier).unwrap_or_else(|| self.swept(earlier)) }
    }

    fn in_tree(&self, earlier: u32, later: u32) -> bool {
        let ((start, length), (at, _)) = (self.tree[earlier as usize], self.tree[later as usize]);
        at >= start && at - start < length
    }

    fn may_follow(&self, earlier: u32, later: u32) -> bool {
        earlier < later
            && self.levels[earlier as usize] < self.levels[later as usize]
            && includes(&self.filters[later as usize], &self.filters[earlier as usize])
    }

    /// Looks for one ancestor where the labels allow it; `None` where that takes too long.
    fn search(&mut self, wanted: u32) -> Option<bool> {
        self.searches += 1;
        let (mut todo, mut left) = (vec![self.node()], self.limit);
        while let Some(node) = todo.pop() {
            for &parent in &self.parents[node as usize] {
                if parent == wanted || self.in_tree(wanted, parent) {
                    return Some(true);
                }
                left = left.checked_sub(1)?;
                if self.searched[parent as usize] != self.searches && self.may_follow(wanted, parent) {
                    self.searched[parent as usize] = self.searches;
                    todo.push(parent);
                }
            }
        }
        Some(false)
    }

    /// Sweeps the ancestors from the latest down to `wanted`.
    fn swept(&mut self, wanted: u32) -> bool {
        if !self.sweeping {
            self.sweeping = true;
            for parent in self.parents[self.node() as usize].clone() {
                self.sweep_later(parent);
            }
        }
        while self.sweep.peek().is_some_and(|&top| top > wanted) {
            let Some(top) = self.sweep.pop() else { break };
            for at in 0..self.parents[top as usize].len() {
                self.sweep_later(self.parents[top as usize][at]);
            }
        }
        self.sweep.peek() == Some(&wanted)
    }

    fn sweep_later(&mut self, node: u32) {
        let stamp = self.node() + 1;
        if self.swept[node as usize] != stamp {
            self.swept[node as usize] = stamp;
            self.sweep.push(node);
        }
    }
}

/// Intervals of the forest in which each node hangs below its latest parent.
fn spanning_tree(parents: &[Vec<u32>]) -> Vec<(u32, u32)> {
    let above: Vec<Option<u32>> = parents.iter().map(|parents| parents.iter().copied().max()).collect();
    let mut sizes = vec![1u32; parents.len()];
    for node in (0..parents.len()).rev() {
        if let Some(parent) = above[node] {
            sizes[parent as usize] += sizes[node];
        }
    }
    let (mut tree, mut free, mut roots) = (Vec::with_capacity(parents.len()), vec![0; parents.len()], 0);
    for node in 0..parents.len() {
        let next = above[node].map_or(&mut roots, |parent| &mut free[parent as usize]);
        let start = *next;
        *next += sizes[node];
        free[node] = start + 1;
        tree.push((start, sizes[node]));
    }
    tree
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Ancestry;

    /// Parents of up to 40 nodes, and which earlier nodes each is asked about.
    fn cases() -> impl Strategy<Value = Vec<(Vec<bool>, Vec<bool>)>> {
        let row = |n| (prop::collection::vec(prop::bool::weighted(0.1), n), prop::collection::vec(any::<bool>(), n));
        (1..40usize).prop_flat_map(move |count| (0..count).map(row).collect::<Vec<_>>())
    }

    fn chosen(row: &[bool]) -> impl DoubleEndedIterator<Item = u32> {
        (0u32..).zip(row).filter(|(_, chosen)| **chosen).map(|(node, _)| node).collect::<Vec<_>>().into_iter()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_way_of_looking_agrees_with_the_closure(rows in cases(), limit in 0..12usize, blind in any::<bool>()) {
            let mut ancestry = Ancestry::new(rows.iter().map(|(parents, _)| chosen(parents).collect()).collect());
            ancestry.limit = limit;
            let mut closed: Vec<Vec<bool>> = Vec::new();
            for (parents, asked) in &rows {
                let mut before = vec![false; rows.len()];
                let add = |before: &mut Vec<bool>, parent: u32| {
                    before[parent as usize] = true;
                    before.iter_mut().zip(&closed[parent as usize]).for_each(|(own, more)| *own |= more);
                };
                chosen(parents).for_each(|parent| add(&mut before, parent));
                ancestry.admit();
                if blind {
                    // Labels that settle nothing.
                    ancestry.filters.iter_mut().for_each(|filter| *filter = [0; super::WORDS]);
                }
                for earlier in chosen(asked).rev() {
                    prop_assert_eq!(ancestry.follows(earlier), before[earlier as usize], "{}", earlier);
                    if !before[earlier as usize] && earlier % 3 == 0 {
                        ancestry.add_parent(earlier);
                        add(&mut before, earlier);
                    }
                }
                closed.push(before);
            }
        }
    }
}
