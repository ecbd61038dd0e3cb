//! TOML and JSON as one tree of values that know where they stand in the text.
//!
//! Knows nothing of plans. Invariant: every offset is one of the text that was read.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use toml::de::{DeTable, DeValue};

use super::{Found, PlanProblem};

/// The deepest nesting that is read; a plan needs four levels.
const DEEPEST: u32 = 32;

/// How a plan is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Toml,
    Json,
}

impl Format {
    /// Decides by the name's extension, else by the first visible character (no TOML begins with `{`).
    pub(super) fn of(text: &str, name: &str) -> Self {
        match name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).as_deref() {
            Some("json") => Self::Json,
            Some("toml") => Self::Toml,
            Some(_) | None if text.trim_start().starts_with('{') => Self::Json,
            Some(_) | None => Self::Toml,
        }
    }
}

/// A value and where it begins.
pub(super) struct Node<'t> {
    pub(super) at: usize,
    pub(super) value: Value<'t>,
}

/// What both formats can say and a plan can mean.
pub(super) enum Value<'t> {
    Text(Cow<'t, str>),
    Integer(i64),
    /// A number with a fraction, as it is written.
    Decimal(String),
    Flag(bool),
    List(Vec<Node<'t>>),
    Table(Vec<Entry<'t>>),
    /// Something that no field of a plan takes; the words name it.
    Other(&'static str),
}

impl Value<'_> {
    /// The type in words, as the end of "is …".
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "a number",
            Self::Decimal(_) => "a number with a fraction",
            Self::Flag(_) => "a boolean",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }
}

/// A field of a table.
pub(super) struct Entry<'t> {
    pub(super) key: Cow<'t, str>,
    pub(super) at: usize,
    pub(super) node: Node<'t>,
}

/// Reads a whole text.
pub(super) fn read(text: &str, format: Format) -> Result<Node<'_>, Found> {
    match format {
        Format::Toml => read_toml(text),
        Format::Json => read_json(text),
    }
}

fn read_toml(text: &str) -> Result<Node<'_>, Found> {
    let table = DeTable::parse(text).map_err(|error| Found {
        at: error.span().map(|span| span.start),
        problem: PlanProblem::Syntax { format: "TOML", detail: one_line(error.message()) },
    })?;
    Ok(Node { at: 0, value: toml_table(table.into_inner()) })
}

fn toml_table(table: DeTable<'_>) -> Value<'_> {
    let entry = |(key, value): (toml::Spanned<_>, toml::Spanned<_>)| {
        let (at, value_at) = (key.span().start, value.span().start);
        Entry { key: key.into_inner(), at, node: Node { at: value_at, value: toml_value(value.into_inner()) } }
    };
    let mut entries: Vec<Entry<'_>> = table.into_iter().map(entry).collect();
    // The first wrong field of the file is the one to report; the parser sorts by name.
    entries.sort_by_key(|entry| entry.at);
    Value::Table(entries)
}

fn toml_value(value: DeValue<'_>) -> Value<'_> {
    match value {
        DeValue::String(text) => Value::Text(text),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Value::Other("a number that is too large"), Value::Integer),
        DeValue::Float(number) => Value::Decimal(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Value::Flag(flag),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(items) => {
            let node = |item: toml::Spanned<_>| Node { at: item.span().start, value: toml_value(item.into_inner()) };
            Value::List(items.into_iter().map(node).collect())
        }
        DeValue::Table(table) => toml_table(table),
    }
}

fn read_json(text: &str) -> Result<Node<'_>, Found> {
    let root: &RawValue = serde_json::from_str(text).map_err(|error| json_syntax(text, &error))?;
    json_node(text, root, 0)
}

fn json_syntax(text: &str, error: &serde_json::Error) -> Found {
    let detail = error.to_string();
    let detail = detail.split(" at line ").next().unwrap_or(&detail);
    let line_start: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let mut at = (line_start + error.column().saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    Found::at(at, PlanProblem::Syntax { format: "JSON", detail: one_line(detail) })
}

fn json_node<'t>(text: &'t str, raw: &'t RawValue, depth: u32) -> Result<Node<'t>, Found> {
    // A raw value borrows from the text, so the distance of the two is its offset.
    let at = raw.get().as_ptr() as usize - text.as_ptr() as usize;
    let broken = |detail: String| Found::at(at, PlanProblem::Syntax { format: "JSON", detail: one_line(&detail) });
    if depth > DEEPEST {
        return Err(broken("nested too deeply".to_owned()));
    }
    let value = match raw.get().as_bytes().first() {
        Some(b'{') => {
            let fields: Fields<'_> = serde_json::from_str(raw.get()).map_err(|e| broken(e.to_string()))?;
            Value::Table(json_entries(text, fields, depth)?)
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(|e| broken(e.to_string()))?;
            Value::List(items.into_iter().map(|item| json_node(text, item, depth + 1)).collect::<Result<_, _>>()?)
        }
        Some(b'"') => Value::Text(serde_json::from_str(raw.get()).map_err(|e| broken(e.to_string()))?),
        Some(b't' | b'f') => Value::Flag(raw.get() == "true"),
        Some(b'n') => Value::Other("null"),
        Some(_) | None => json_number(raw.get()),
    };
    Ok(Node { at, value })
}

fn json_number(text: &str) -> Value<'static> {
    match text.parse() {
        Ok(number) => Value::Integer(number),
        Err(_) if text.contains(['.', 'e', 'E']) => Value::Decimal(text.to_owned()),
        Err(_) => Value::Other("a number that is too large"),
    }
}

fn json_entries<'t>(text: &'t str, fields: Fields<'t>, depth: u32) -> Result<Vec<Entry<'t>>, Found> {
    let mut entries = Vec::with_capacity(fields.0.len());
    let mut names = std::collections::BTreeSet::new();
    for (key, raw) in fields.0 {
        let node = json_node(text, raw, depth + 1)?;
        if !names.insert(key.clone()) {
            return Err(Found::at(node.at, PlanProblem::RepeatedField { field: key }));
        }
        // serde_json does not say where a key stands; its value is next to it.
        entries.push(Entry { key: Cow::Owned(key), at: node.at, node });
    }
    Ok(entries)
}

/// The fields of a JSON object in the order of the text, repeated ones included.
struct Fields<'t>(Vec<(String, &'t RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    fields.push(entry);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
