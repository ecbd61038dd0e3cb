//! The keys under which the accesses of a plan are filed.
//!
//! Owns the two tries. A literal path's key is its node; each alternative of a glob has a key behind all nodes, and
//! its shape. Equal patterns share their keys. Knows nothing of what overlaps what (`index` does).

use std::collections::HashMap;

use crate::domain::access::PathPattern;
use crate::domain::task::SliceSpec;
use crate::graph::overlap::{Touch, touches};
use crate::graph::shape::{Part, shapes};
use crate::graph::trie::Trie;

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

/// The accesses of all slices under their keys.
pub(super) struct Keys<'a> {
    /// The distinct patterns.
    pub(super) patterns: Vec<&'a PathPattern>,
    pub(super) literals: Trie,
    pub(super) globs: Trie,
    /// Which glob, by its number among the globs, ends at a node of `globs`.
    pub(super) ends: HashMap<u32, u32>,
    /// The shape of each glob.
    pub(super) shapes: Vec<Vec<Part>>,
    accesses: Vec<Access>,
    /// Where each slice's accesses begin; one more at the end.
    starts: Vec<usize>,
}

impl<'a> Keys<'a> {
    /// Files the accesses of slices.
    pub(super) fn of(slices: &'a [SliceSpec]) -> Self {
        let (patterns, touched) = distinct(slices);
        let (literals, globs) = (Trie::new(), Trie::new());
        let (accesses, starts) = (Vec::with_capacity(patterns.len()), Vec::with_capacity(slices.len() + 1));
        let mut keys = Self { patterns, literals, globs, ends: HashMap::new(), shapes: Vec::new(), accesses, starts };
        let by_pattern: Vec<Filed> = (0..keys.patterns.len()).map(|number| keys.file(number)).collect();
        for touched in touched {
            keys.starts.push(keys.accesses.len());
            for (touch, pattern) in touched {
                keys.add(touch, pattern, &by_pattern[pattern as usize]);
            }
        }
        keys.starts.push(keys.accesses.len());
        keys
    }

    fn file(&mut self, number: usize) -> Filed {
        let pattern = self.patterns[number];
        match pattern.is_literal() {
            true => Filed::Literal(self.literals.insert_literal(pattern.as_str())),
            false => Filed::Globs(shapes(pattern).into_iter().map(|shape| self.glob(shape)).collect()),
        }
    }

    fn glob(&mut self, shape: Vec<Part>) -> u32 {
        let end = self.globs.insert(&shape);
        let next = self.shapes.len() as u32;
        *self.ends.entry(end).or_insert_with(|| {
            self.shapes.push(shape);
            next
        })
    }

    fn add(&mut self, touch: Touch, pattern: u32, filed: &Filed) {
        match filed {
            Filed::Literal(key) => self.accesses.push(Access { key: *key, touch, pattern }),
            Filed::Globs(globs) => {
                let nodes = self.literals.len() as u32;
                self.accesses.extend(globs.iter().map(|glob| Access { key: nodes + glob, touch, pattern }));
            }
        }
    }

    /// Every access of every slice.
    pub(super) fn all(&self) -> &[Access] {
        &self.accesses
    }

    /// The accesses of a slice, by its place in the plan.
    pub(super) fn of_slice(&self, place: u32) -> &[Access] {
        &self.accesses[self.starts[place as usize]..self.starts[place as usize + 1]]
    }
}

/// What one pattern is filed under; globs by their number among the globs.
enum Filed {
    Literal(Key),
    Globs(Vec<u32>),
}

type Touched = Vec<(Touch, u32)>;

/// The distinct patterns in the order in which they come, and each slice's accesses by them.
fn distinct(slices: &[SliceSpec]) -> (Vec<&PathPattern>, Vec<Touched>) {
    let (mut patterns, mut numbers) = (Vec::new(), HashMap::new());
    let mut number = |pattern| {
        *numbers.entry(PathPattern::as_str(pattern)).or_insert_with(|| {
            patterns.push(pattern);
            patterns.len() as u32 - 1
        })
    };
    let mut touched = Vec::with_capacity(slices.len());
    for slice in slices {
        touched.push(touches(&slice.access).map(|(touch, pattern)| (touch, number(pattern))).collect());
    }
    (patterns, touched)
}
