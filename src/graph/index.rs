//! Which accesses of a plan overlap, in size near the size of the plan.
//!
//! Literals relate to each other by being above or below. For each glob the overlapping literals and globs are found
//! once, by walking the tries. Invariant: two accesses overlap exactly if their keys are one, or one gathers the other
//! (`gathered_by`), or lies beside it (`beside`).

use crate::domain::access::PathPattern;
use crate::domain::task::SliceSpec;
use crate::graph::keys::{Access, Key, Keys};
use crate::graph::shape::Part;
use crate::graph::trie::Onward;

/// The globs over a literal's node.
#[derive(Clone, Default)]
struct Cover {
    /// Globs that reach this node and not certainly all below.
    here: Vec<Key>,
    /// Globs that reach everything from this node down.
    below: Vec<Key>,
}

/// The accesses of all slices and what each overlaps.
pub(super) struct AccessIndex<'a> {
    keys: Keys<'a>,
    /// For each node of a literal.
    covers: Vec<Cover>,
    /// For each node the nearest one above it under which anything is filed; the root is above all.
    above: Vec<u32>,
    /// For each glob, the other globs that it overlaps.
    kin: Vec<Vec<Key>>,
}

impl<'a> AccessIndex<'a> {
    /// Files the accesses of slices.
    pub(super) fn new(slices: &'a [SliceSpec]) -> Self {
        let keys = Keys::of(slices);
        let covers = vec![Cover::default(); keys.literals.len()];
        let kin = vec![Vec::new(); keys.shapes.len()];
        let mut index = Self { keys, covers, above: vec![0], kin };
        for glob in 0..index.kin.len() {
            index.cover_literals(glob);
            index.find_kin(glob);
        }
        index.skip_empty_nodes();
        index
    }

    fn glob_key(&self, glob: usize) -> Key {
        (self.covers.len() + glob) as u32
    }

    fn cover_literals(&mut self, glob: usize) {
        let (own, shape, covers) = (self.glob_key(glob), &self.keys.shapes[glob], &mut self.covers);
        self.keys.literals.walk(shape, &mut |node, used| {
            let Cover { here, below } = &mut covers[node as usize];
            if used + 1 == shape.len() && shape[used] == Part::Deep {
                below.push(own);
                return Onward::Stop;
            }
            if here.last() != Some(&own) {
                here.push(own);
            }
            Onward::Descend
        });
    }

    fn find_kin(&mut self, glob: usize) {
        let (own, shape, mut kin) = (self.glob_key(glob), &self.keys.shapes[glob], Vec::new());
        self.keys.globs.walk(shape, &mut |node, used| {
            if used == shape.len() {
                kin.extend(self.keys.ends.get(&node).map(|&other| self.glob_key(other as usize)));
            }
            Onward::Descend
        });
        kin.retain(|other| *other != own);
        kin.sort_unstable();
        kin.dedup();
        self.kin[glob] = kin;
    }

    /// Finds the next node that matters above each, so that the depth of a path costs nothing.
    fn skip_empty_nodes(&mut self) {
        let mut matters: Vec<bool> = self.covers.iter().map(|cover| !cover.below.is_empty()).collect();
        for access in self.keys.all() {
            if let Some(matters) = matters.get_mut(access.key as usize) {
                *matters = true;
            }
        }
        for node in 1..matters.len() as u32 {
            let parent = self.keys.literals.parent(node);
            self.above.push(if matters[parent as usize] { parent } else { self.above[parent as usize] });
        }
    }

    /// How many keys there are.
    pub(super) fn keys(&self) -> usize {
        self.covers.len() + self.kin.len()
    }

    /// The accesses of a slice, by its place in the plan.
    pub(super) fn of(&self, place: u32) -> &[Access] {
        self.keys.of_slice(place)
    }

    /// A pattern by its number.
    pub(super) fn pattern(&self, number: u32) -> &'a PathPattern {
        self.keys.patterns[number as usize]
    }

    /// Whether a key is a literal path.
    pub(super) fn is_literal(&self, key: Key) -> bool {
        (key as usize) < self.covers.len()
    }

    /// Calls `visit` with the nodes above a literal's own, as far as they matter, and the root.
    fn upwards(&self, literal: Key, visit: &mut dyn FnMut(u32)) {
        let mut node = literal;
        while node != 0 {
            node = self.above[node as usize];
            visit(node);
        }
    }

    /// The other keys that gather an access under `key`: for a literal those above it and the globs that overlap it,
    /// for a glob the globs that overlap it. A key may come more than once.
    pub(super) fn gathered_by(&self, key: Key, visit: &mut dyn FnMut(Key)) {
        if !self.is_literal(key) {
            self.kin[key as usize - self.covers.len()].iter().copied().for_each(visit);
            return;
        }
        self.upwards(key, visit);
        let Cover { here, below } = &self.covers[key as usize];
        here.iter().chain(below).copied().for_each(&mut *visit);
        self.upwards(key, &mut |node| self.covers[node as usize].below.iter().copied().for_each(&mut *visit));
    }

    /// The other keys that `key` overlaps and does not gather: for a literal those above it and the globs over it.
    pub(super) fn beside(&self, key: Key, visit: &mut dyn FnMut(Key)) {
        if self.is_literal(key) {
            self.gathered_by(key, visit);
        }
    }
}
