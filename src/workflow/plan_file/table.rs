//! A table of a plan whose fields are all known, and its fields by type.
//!
//! Knows types, not meanings. Every refusal bears the place of the value that it is about.

use super::syntax::{Entry, Node, Value};
use super::{Found, PlanProblem};
use crate::domain::access::PathPattern;
use crate::domain::ids::InvalidId;

/// Words that other tools use for a field of ours.
const SYNONYMS: &[(&str, &str)] = &[
    ("depends_on", "after"),
    ("dependencies", "after"),
    ("deps", "after"),
    ("needs", "after"),
    ("name", "id"),
    ("id", "name"),
    ("cmd", "command"),
    ("run", "command"),
    ("command", "run"),
    ("prompt", "description"),
    ("worker", "agent"),
    ("model", "agent"),
    ("files", "writes"),
    ("tasks", "slices"),
    ("steps", "slices"),
];

/// A table whose fields are all known.
pub(super) struct Table<'n, 't> {
    pub(super) at: usize,
    name: &'static str,
    entries: &'n [Entry<'t>],
}

impl<'n, 't> Table<'n, 't> {
    pub(super) fn of(node: &'n Node<'t>, name: &'static str, known: &'static [&'static str]) -> Result<Self, Found> {
        let Value::Table(entries) = &node.value else { return Err(wrong_type(name, "a table", node)) };
        match entries.iter().find(|entry| !known.contains(&&*entry.key)) {
            Some(entry) => {
                let nearest = nearest(&entry.key, known);
                let field = entry.key.escape_debug().to_string();
                Err(Found::at(entry.at, PlanProblem::UnknownField { field, table: name, nearest }))
            }
            None => Ok(Self { at: node.at, name, entries }),
        }
    }

    pub(super) fn find(&self, field: &str) -> Option<&'n Node<'t>> {
        self.entries.iter().find(|entry| entry.key == field).map(|entry| &entry.node)
    }

    pub(super) fn require(&self, field: &'static str) -> Result<&'n Node<'t>, Found> {
        self.find(field).ok_or_else(|| Found::at(self.at, PlanProblem::Missing { field, table: self.name }))
    }

    pub(super) fn text(&self, field: &'static str) -> Result<Option<(usize, &'n str)>, Found> {
        self.find(field).map(|node| text(field, node)).transpose()
    }

    pub(super) fn flag(&self, field: &'static str) -> Result<Option<bool>, Found> {
        match self.find(field) {
            None => Ok(None),
            Some(Node { value: Value::Flag(flag), .. }) => Ok(Some(*flag)),
            Some(node) => Err(wrong_type(field, "true or false", node)),
        }
    }

    pub(super) fn number(&self, field: &'static str, least: i64, most: i64) -> Result<Option<i64>, Found> {
        match self.find(field) {
            None => Ok(None),
            Some(Node { value: Value::Integer(number), .. }) if (least..=most).contains(number) => Ok(Some(*number)),
            Some(Node { value: Value::Integer(number), at }) => {
                Err(Found::at(*at, PlanProblem::OutOfRange { field, number: *number, least, most }))
            }
            Some(node) => Err(wrong_type(field, "a whole number", node)),
        }
    }

    pub(super) fn texts(&self, field: &'static str) -> Result<Vec<(usize, &'n str)>, Found> {
        match self.find(field) {
            None => Ok(Vec::new()),
            Some(Node { value: Value::List(items), .. }) => texts(field, items),
            Some(node) => Err(wrong_type(field, "a list of strings", node)),
        }
    }

    pub(super) fn owned_texts(&self, field: &'static str) -> Result<Vec<String>, Found> {
        Ok(self.texts(field)?.into_iter().map(|(_, text)| text.to_owned()).collect())
    }

    pub(super) fn name<T>(&self, field: &'static str, parse: fn(&str) -> Result<T, InvalidId>) -> Result<T, Found> {
        let (at, text) = text(field, self.require(field)?)?;
        parse(text).map_err(|source| bad_name(field, at, source))
    }

    pub(super) fn names<T>(
        &self,
        field: &'static str,
        parse: fn(&str) -> Result<T, InvalidId>,
    ) -> Result<Vec<T>, Found> {
        let texts = self.texts(field)?.into_iter();
        texts.map(|(at, text)| parse(text).map_err(|source| bad_name(field, at, source))).collect()
    }

    pub(super) fn paths(&self, field: &'static str) -> Result<Vec<PathPattern>, Found> {
        let texts = self.texts(field)?.into_iter();
        texts
            .map(|(at, text)| {
                PathPattern::parse(text).map_err(|source| Found::at(at, PlanProblem::Path { field, source }))
            })
            .collect()
    }

    /// Reads one of `words`, which mean the `values` of the same place; the default where the field is not there.
    pub(super) fn word<T: Copy + Default>(
        &self,
        field: &'static str,
        words: &'static [&'static str],
        values: &[T],
    ) -> Result<T, Found> {
        let Some((at, given)) = self.text(field)? else { return Ok(T::default()) };
        words.iter().position(|word| *word == given).and_then(|index| values.get(index).copied()).ok_or_else(|| {
            let (word, nearest) = (given.escape_debug().to_string(), nearest(given, words));
            Found::at(at, PlanProblem::UnknownWord { field, word, allowed: words, nearest })
        })
    }

    pub(super) fn table(
        &self,
        field: &'static str,
        name: &'static str,
        known: &'static [&'static str],
    ) -> Result<Option<Table<'n, 't>>, Found> {
        self.find(field).map(|node| Table::of(node, name, known)).transpose()
    }

    pub(super) fn tables(
        &self,
        field: &'static str,
        name: &'static str,
        known: &'static [&'static str],
    ) -> Result<Vec<Table<'n, 't>>, Found> {
        match self.find(field) {
            None => Ok(Vec::new()),
            Some(Node { value: Value::List(items), .. }) => {
                items.iter().map(|item| Table::of(item, name, known)).collect()
            }
            Some(node) => Err(wrong_type(field, "a list of tables", node)),
        }
    }
}

fn text<'n>(field: &'static str, node: &'n Node<'_>) -> Result<(usize, &'n str), Found> {
    match &node.value {
        Value::Text(text) => Ok((node.at, text)),
        Value::Integer(_) | Value::Flag(_) | Value::List(_) | Value::Table(_) | Value::Decimal(_) | Value::Other(_) => {
            Err(wrong_type(field, "a string", node))
        }
    }
}

/// The strings of a list, each with its place.
pub(super) fn texts<'n>(field: &'static str, items: &'n [Node<'_>]) -> Result<Vec<(usize, &'n str)>, Found> {
    items
        .iter()
        .map(|item| match &item.value {
            Value::Text(text) => Ok((item.at, &**text)),
            Value::Integer(_)
            | Value::Flag(_)
            | Value::List(_)
            | Value::Table(_)
            | Value::Decimal(_)
            | Value::Other(_) => Err(wrong_type(field, "a list of strings only", item)),
        })
        .collect()
}

/// Refuses a value of another type than the field's.
pub(super) fn wrong_type(field: &'static str, expected: &'static str, node: &Node<'_>) -> Found {
    Found::at(node.at, PlanProblem::WrongType { field, expected, found: node.value.kind() })
}

fn bad_name(field: &'static str, at: usize, source: InvalidId) -> Found {
    let source = InvalidId { text: source.text.escape_debug().to_string(), ..source };
    Found::at(at, PlanProblem::Name { field, source })
}

fn nearest(given: &str, known: &[&'static str]) -> Option<&'static str> {
    let given = given.to_ascii_lowercase();
    let synonym = SYNONYMS.iter().find(|(other, ours)| *other == given && known.contains(ours));
    let closeness = |name: &str| strsim::normalized_damerau_levenshtein(&given, name);
    synonym.map(|(_, ours)| *ours).or_else(|| {
        let best = known.iter().copied().max_by(|a, b| closeness(a).total_cmp(&closeness(b)))?;
        (closeness(best) >= 0.5).then_some(best)
    })
}
