//! A trie over the components of path shapes.
//!
//! Owns the walk that lays a shape over everything in the trie at once: plain names are looked up, wildcards visited
//! one by one. A node is numbered in the order of insertion; the root is 0.

use std::collections::{HashMap, HashSet};

use crate::graph::shape::Part;

struct Node {
    parent: u32,
    /// What leads here; `None` at the root.
    part: Option<u32>,
    named: Vec<u32>,
    wild: Vec<u32>,
    /// Whether any components may follow without leaving the node.
    deep: bool,
}

/// What a walk does behind a place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Onward {
    /// Looks further down.
    Descend,
    /// Leaves out what lies behind.
    Stop,
}

/// A trie of shapes.
pub(super) struct Trie {
    nodes: Vec<Node>,
    parts: Vec<Part>,
    names: HashMap<Box<str>, u32>,
    wildcards: HashMap<Part, u32>,
    edges: HashMap<(u32, u32), u32>,
}

impl Trie {
    pub(super) fn new() -> Self {
        let root = Node { parent: 0, part: None, named: Vec::new(), wild: Vec::new(), deep: false };
        let (names, wildcards) = (HashMap::new(), HashMap::new());
        Self { nodes: vec![root], parts: Vec::new(), names, wildcards, edges: HashMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The node above; the root is above itself.
    pub(super) fn parent(&self, node: u32) -> u32 {
        self.nodes[node as usize].parent
    }

    /// The node of a shape, made where it is not there.
    pub(super) fn insert(&mut self, shape: &[Part]) -> u32 {
        shape.iter().fold(0, |node, part| match part {
            Part::Name(name) => self.name(node, name),
            Part::Glob(_) | Part::Deep => {
                let next = self.parts.len() as u32;
                let number = *self.wildcards.entry(part.clone()).or_insert(next);
                self.child(node, number, || part.clone())
            }
        })
    }

    /// The node of a path without wildcards, made where it is not there.
    pub(super) fn insert_literal(&mut self, path: &str) -> u32 {
        path.split('/').fold(0, |node, name| self.name(node, name))
    }

    fn name(&mut self, parent: u32, name: &str) -> u32 {
        let number = self.names.get(name).copied().unwrap_or_else(|| {
            let next = self.parts.len() as u32;
            self.names.insert(name.into(), next);
            next
        });
        self.child(parent, number, || Part::Name(name.into()))
    }

    /// The child behind a part, whose number is the next one if it is new.
    fn child(&mut self, parent: u32, number: u32, part: impl FnOnce() -> Part) -> u32 {
        let child = self.nodes.len() as u32;
        let known = *self.edges.entry((parent, number)).or_insert(child);
        if known != child {
            return known;
        }
        if number as usize == self.parts.len() {
            self.parts.push(part());
        }
        let part = &self.parts[number as usize];
        let deep = *part == Part::Deep;
        match part {
            Part::Name(_) => self.nodes[parent as usize].named.push(child),
            Part::Glob(_) | Part::Deep => self.nodes[parent as usize].wild.push(child),
        }
        self.nodes.push(Node { parent, part: Some(number), named: Vec::new(), wild: Vec::new(), deep });
        child
    }

    fn part(&self, node: u32) -> Option<&Part> {
        self.nodes[node as usize].part.map(|part| &self.parts[part as usize])
    }

    /// Lays `shape` over the trie: `visit` gets each node that is reached and how much of the shape is used up then.
    pub(super) fn walk(&self, shape: &[Part], visit: &mut dyn FnMut(u32, usize) -> Onward) {
        let (mut seen, mut todo) = (HashSet::from([(0, 0)]), vec![(0, 0)]);
        let mut next = Vec::new();
        while let Some((node, used)) = todo.pop() {
            if visit(node, used) == Onward::Stop {
                continue;
            }
            self.steps(shape, (node, used), &mut next);
            todo.extend(next.drain(..).filter(|place| seen.insert(*place)));
        }
    }

    /// The places that follow directly: one component further on both sides, or past a `**` on one.
    fn steps(&self, shape: &[Part], (node, used): (u32, usize), next: &mut Vec<(u32, usize)>) {
        let here = &self.nodes[node as usize];
        next.extend(here.wild.iter().filter(|&&child| self.nodes[child as usize].deep).map(|&child| (child, used)));
        let Some(part) = shape.get(used) else { return };
        let after = if *part == Part::Deep { used } else { used + 1 };
        if *part == Part::Deep {
            next.push((node, used + 1));
        } else if here.deep {
            next.push((node, after));
        }
        let met = |child: &&u32| self.part(**child).is_some_and(|own| *own != Part::Deep && own.meets(part));
        next.extend(here.wild.iter().filter(met).map(|&child| (child, after)));
        match part {
            Part::Name(name) => {
                let child = self.names.get(name).and_then(|number| self.edges.get(&(node, *number)));
                next.extend(child.map(|&child| (child, after)));
            }
            Part::Glob(_) | Part::Deep => {
                next.extend(here.named.iter().filter(met).map(|&child| (child, after)));
            }
        }
    }
}
