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
    numbers: HashMap<Part, u32>,
    edges: HashMap<(u32, u32), u32>,
}

impl Trie {
    pub(super) fn new() -> Self {
        let root = Node { parent: 0, part: None, named: Vec::new(), wild: Vec::new(), deep: false };
        Self { nodes: vec![root], parts: Vec::new(), numbers: HashMap::new(), edges: HashMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The node above; the root is above itself.
    pub(super) fn parent(&self, node: u32) -> u32 {
        self.nodes[node as usize].parent
    }

    /// The node of a shape, made where it is not there.
    pub(super) fn insert(&mut self, shape: impl IntoIterator<Item = Part>) -> u32 {
        shape.into_iter().fold(0, |node, part| self.child(node, part))
    }

    fn child(&mut self, parent: u32, part: Part) -> u32 {
        let number = self.number(part);
        if let Some(&child) = self.edges.get(&(parent, number)) {
            return child;
        }
        let (child, part) = (self.nodes.len() as u32, &self.parts[number as usize]);
        let deep = *part == Part::Deep;
        match part {
            Part::Name(_) => self.nodes[parent as usize].named.push(child),
            Part::Glob(_) | Part::Deep => self.nodes[parent as usize].wild.push(child),
        }
        self.nodes.push(Node { parent, part: Some(number), named: Vec::new(), wild: Vec::new(), deep });
        self.edges.insert((parent, number), child);
        child
    }

    fn number(&mut self, part: Part) -> u32 {
        let next = self.parts.len() as u32;
        *self.numbers.entry(part).or_insert_with_key(|part| {
            self.parts.push(part.clone());
            next
        })
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
            Part::Name(_) => {
                let child = self.numbers.get(part).and_then(|number| self.edges.get(&(node, *number)));
                next.extend(child.map(|&child| (child, after)));
            }
            Part::Glob(_) | Part::Deep => {
                next.extend(here.named.iter().filter(met).map(|&child| (child, after)));
            }
        }
    }
}
