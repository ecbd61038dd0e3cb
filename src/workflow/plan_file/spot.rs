//! Where in a plan's text stands what only the plan as a whole shows to be wrong.
//!
//! Never judges: it looks up what a refusal names. Where that cannot be found, the nearest thing around it is meant.

use super::syntax::{Format, Node, Value, read};
use super::{Place, position};
use crate::domain::access::PathPattern;
use crate::domain::ids::SliceId;
use crate::graph::error::GraphError;

/// A plan as its user wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanText {
    /// The file, as the user named it.
    pub name: String,
    /// What it holds.
    pub text: String,
}

/// The fields by which a slice can change a path.
const CHANGES: &[&str] = &["writes", "merges"];

impl PlanText {
    /// Where the entry stands that a refusal is about.
    pub fn place_of(&self, error: &GraphError) -> Place {
        match error {
            GraphError::DuplicateId { second, .. } => {
                self.place(|root| field(slices(root).get(second.checked_sub(1)?)?, "id"))
            }
            GraphError::UnknownDependency { slice, missing, .. } => {
                self.entry(slice, &["after"], &is(missing.as_str()))
            }
            GraphError::SelfDependency { slice } => self.entry(slice, &["after"], &is(slice.as_str())),
            GraphError::Cycle { members } => match members.as_slice() {
                [first, next, ..] => self.entry(first, &["after"], &is(next.as_str())),
                [] | [_] => self.place(|_| None),
            },
            GraphError::UnorderedChanges { then, then_pattern, .. } => {
                let same = |text: &str| PathPattern::parse(text).is_ok_and(|path| path.as_str() == then_pattern);
                self.entry(then, CHANGES, &same)
            }
            GraphError::UnknownGate { slice, gate, .. } => self.entry(slice, &["gates"], &is(gate.as_str())),
        }
    }

    /// Where a slice names its agent.
    pub fn place_of_agent(&self, id: &SliceId) -> Place {
        self.place(|root| {
            let slice = slice_of(root, id)?;
            field(slice, "agent").or(Some(slice))
        })
    }

    /// Where a slice says what it is called.
    pub fn place_of_slice(&self, id: &SliceId) -> Place {
        self.place(|root| {
            let slice = slice_of(root, id)?;
            field(slice, "id").or(Some(slice))
        })
    }

    /// The entry of a slice's lists that fits; else the first of the lists, else the slice's id.
    fn entry(&self, id: &SliceId, fields: &[&str], fits: &dyn Fn(&str) -> bool) -> Place {
        self.place(|root| {
            let slice = slice_of(root, id)?;
            let lists = || fields.iter().filter_map(|name| field(slice, name));
            let fitting = lists().flat_map(items).find(|item| text_of(item).is_some_and(fits));
            fitting.or_else(|| lists().next()).or_else(|| field(slice, "id"))
        })
    }

    fn place(&self, find: impl for<'n, 't> Fn(&'n Node<'t>) -> Option<&'n Node<'t>>) -> Place {
        let root = read(&self.text, Format::of(&self.text, &self.name)).ok();
        let at = root.as_ref().and_then(find).map(|node| position(&self.text, node.at));
        Place { file: self.name.clone(), at }
    }
}

fn is(name: &str) -> impl Fn(&str) -> bool {
    move |text| text == name
}

fn slices<'n, 't>(root: &'n Node<'t>) -> &'n [Node<'t>] {
    field(root, "slices").map(items).unwrap_or_default()
}

fn slice_of<'n, 't>(root: &'n Node<'t>, id: &SliceId) -> Option<&'n Node<'t>> {
    slices(root).iter().find(|slice| field(slice, "id").and_then(text_of) == Some(id.as_str()))
}

fn field<'n, 't>(table: &'n Node<'t>, name: &str) -> Option<&'n Node<'t>> {
    let Value::Table(entries) = &table.value else { return None };
    entries.iter().find(|entry| entry.key == name).map(|entry| &entry.node)
}

fn items<'n, 't>(list: &'n Node<'t>) -> &'n [Node<'t>] {
    if let Value::List(items) = &list.value { items } else { &[] }
}

fn text_of<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    if let Value::Text(text) = &node.value { Some(text) } else { None }
}
