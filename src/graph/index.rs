//! Every access of a plan, by what it overlaps, in size near the size of the plan.
//!
//! Owns the keys: a literal path is a node of one trie; each alternative of a glob is a key of its own, for which the
//! overlapping literals and globs are found once, by walking the tries. Literals relate to each other by being above
//! or below and need no list. Invariant: two accesses overlap exactly if one's key is in what the other's key gathers
//! or lies beside it (`gathered_by`, `beside`).

use std::collections::HashMap;

use crate::domain::access::PathPattern;
use crate::domain::task::SliceSpec;
use crate::graph::overlap::{Touch, touches};
use crate::graph::shape::{Part, shapes};
use crate::graph::trie::{Onward, Trie};

/// What an access is filed under: a literal's node, or behind all nodes, a glob's number.
pub(super) type Key = u32;

/// One access of one slice under one key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Access {
    pub(super) key: Key,
    pub(super) touch: Touch,
    /// Which of the plan's distinct patterns it is.
    pub(super) pattern: u32,
}

/// How globs lie over a literal's node.
#[derive(Clone, Default)]
struct Cover {
    /// Globs that reach this node and not certainly all below.
    here: Vec<Key>,
    /// Globs that reach everything from this node down.
    below: Vec<Key>,
}

/// The accesses of all slices, filed.
pub(super) struct AccessIndex<'a> {
    patterns: Vec<&'a PathPattern>,
    accesses: Vec<Access>,
    /// Where each slice's accesses begin; one more at the end.
    starts: Vec<usize>,
    literals: Trie,
    covers: Vec<Cover>,
    /// For each glob, the globs that it overlaps, itself included.
    kin: Vec<Vec<Key>>,
}

impl<'a> AccessIndex<'a> {
    /// Files the accesses of slices.
    pub(super) fn new(slices: &'a [SliceSpec]) -> Self {
        let mut filing = Filing::default();
        let (mut filed, mut starts) = (Vec::new(), vec![0]);
        for slice in slices {
            for (touch, pattern) in touches(&slice.access) {
                filed.push((touch, filing.number(pattern)));
            }
            starts.push(filed.len());
        }
        let Filing { patterns, .. } = filing;
        let keys = Keys::of(&patterns);
        let mut index = Self {
            covers: vec![Cover::default(); keys.literals.len()],
            kin: vec![Vec::new(); keys.shapes.len()],
            literals: keys.literals,
            patterns,
            accesses: Vec::with_capacity(filed.len()),
            starts: Vec::with_capacity(starts.len()),
        };
        for range in starts.windows(2) {
            index.starts.push(index.accesses.len());
            for &(touch, pattern) in &filed[range[0]..range[1]] {
                let keys = &keys.by_pattern[pattern as usize];
                let nodes = index.covers.len() as u32;
                let key = |key: &Filed| key.numbered(nodes);
                index.accesses.extend(keys.iter().map(|filed| Access { key: key(filed), touch, pattern }));
            }
        }
        index.starts.push(index.accesses.len());
        index.relate(&keys.globs, &keys.ends, &keys.shapes);
        index
    }

    /// Finds what each glob overlaps.
    fn relate(&mut self, globs: &Trie, ends: &HashMap<u32, u32>, shapes: &[Vec<Part>]) {
        let nodes = self.covers.len() as u32;
        for (number, shape) in shapes.iter().enumerate() {
            let own = nodes + number as u32;
            let (literals, covers) = (&self.literals, &mut self.covers);
            literals.walk(shape, &mut |node, used| {
                let cover = &mut covers[node as usize];
                if used + 1 == shape.len() && shape[used] == Part::Deep {
                    cover.below.push(own);
                    return Onward::Stop;
                }
                if cover.here.last() != Some(&own) {
                    cover.here.push(own);
                }
                Onward::Descend
            });
            let kin = &mut self.kin[number];
            globs.walk(shape, &mut |node, used| {
                if used == shape.len() {
                    kin.extend(ends.get(&node).map(|other| nodes + other));
                }
                Onward::Descend
            });
            kin.sort_unstable();
            kin.dedup();
        }
        for cover in &mut self.covers {
            cover.here.sort_unstable();
            cover.here.dedup();
        }
    }

    /// How many keys there are.
    pub(super) fn keys(&self) -> usize {
        self.covers.len() + self.kin.len()
    }

    /// The accesses of a slice, by its place in the plan.
    pub(super) fn of(&self, slice: u32) -> &[Access] {
        &self.accesses[self.starts[slice as usize]..self.starts[slice as usize + 1]]
    }

    /// A pattern by its number.
    pub(super) fn pattern(&self, number: u32) -> &'a PathPattern {
        self.patterns[number as usize]
    }

    /// Whether a key is a literal path.
    pub(super) fn is_literal(&self, key: Key) -> bool {
        (key as usize) < self.covers.len()
    }

    fn kin(&self, glob: Key) -> &[Key] {
        &self.kin[glob as usize - self.covers.len()]
    }

    /// Calls `visit` with each node from a literal's own up to the root.
    fn upwards(&self, literal: Key, mut visit: impl FnMut(u32)) {
        let mut node = literal;
        visit(node);
        while node != 0 {
            node = self.literals.parent(node);
            visit(node);
        }
    }

    fn globs_over(&self, literal: Key, visit: &mut dyn FnMut(Key)) {
        self.covers[literal as usize].here.iter().copied().for_each(&mut *visit);
        self.upwards(literal, |node| self.covers[node as usize].below.iter().copied().for_each(&mut *visit));
    }

    /// The keys that gather an access under `key`: a literal's own and those above it, a glob's own, and the globs
    /// that overlap it. A key may come more than once.
    pub(super) fn gathered_by(&self, key: Key, visit: &mut dyn FnMut(Key)) {
        if self.is_literal(key) {
            self.upwards(key, &mut *visit);
            self.globs_over(key, visit);
        } else {
            self.kin(key).iter().copied().for_each(visit);
        }
    }

    /// The keys that `key` overlaps and does not gather: for a literal those above it and the globs over it.
    pub(super) fn beside(&self, key: Key, visit: &mut dyn FnMut(Key)) {
        if self.is_literal(key) {
            self.upwards(key, |node| {
                if node != key {
                    visit(node)
                }
            });
            self.globs_over(key, visit);
        }
    }
}

/// Numbers the distinct patterns.
#[derive(Default)]
struct Filing<'a> {
    patterns: Vec<&'a PathPattern>,
    numbers: HashMap<&'a str, u32>,
}

impl<'a> Filing<'a> {
    fn number(&mut self, pattern: &'a PathPattern) -> u32 {
        let next = self.patterns.len() as u32;
        *self.numbers.entry(pattern.as_str()).or_insert_with(|| {
            self.patterns.push(pattern);
            next
        })
    }
}

/// A key before the number of literal nodes is known.
#[derive(Clone, Copy)]
enum Filed {
    Literal(u32),
    Glob(u32),
}

impl Filed {
    fn numbered(self, nodes: u32) -> Key {
        match self {
            Self::Literal(node) => node,
            Self::Glob(number) => nodes + number,
        }
    }
}

/// The tries of all patterns.
struct Keys {
    literals: Trie,
    globs: Trie,
    /// Which glob ends at a node of `globs`.
    ends: HashMap<u32, u32>,
    shapes: Vec<Vec<Part>>,
    by_pattern: Vec<Vec<Filed>>,
}

impl Keys {
    fn of(patterns: &[&PathPattern]) -> Self {
        let (literals, globs) = (Trie::new(), Trie::new());
        let mut keys = Self { literals, globs, ends: HashMap::new(), shapes: Vec::new(), by_pattern: Vec::new() };
        for pattern in patterns {
            let filed = match pattern.is_literal() {
                true => {
                    let names = pattern.as_str().split('/').map(|name| Part::Name(name.into()));
                    vec![Filed::Literal(keys.literals.insert(names))]
                }
                false => shapes(pattern).into_iter().map(|shape| Filed::Glob(keys.glob(shape))).collect(),
            };
            keys.by_pattern.push(filed);
        }
        keys
    }

    fn glob(&mut self, shape: Vec<Part>) -> u32 {
        let end = self.globs.insert(shape.iter().cloned());
        let next = self.shapes.len() as u32;
        *self.ends.entry(end).or_insert_with(|| {
            self.shapes.push(shape);
            next
        })
    }
}
