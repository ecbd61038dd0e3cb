//! Where in the configuration file something is wrong.
//!
//! The parser's own errors say so by themselves; this finds the line of what it could read and we cannot use.

use toml::de::{DeArray, DeTable};

/// What is wrong with the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The keys that lead there, from the outermost, and numbers in lists; empty where the problem itself says where.
    at: Vec<String>,
    problem: String,
}

impl Wrong {
    /// A problem with what the keys `at` lead to.
    pub(super) fn at<'a>(at: impl IntoIterator<Item = &'a str>, problem: String) -> Self {
        Self { at: at.into_iter().map(str::to_owned).collect(), problem }
    }

    /// The problem, with its line in `text`.
    pub(super) fn told(self, text: &str) -> String {
        match line(text, &self.at) {
            Some(line) => format!("line {line}: {}", self.problem),
            None => self.problem,
        }
    }
}

impl From<String> for Wrong {
    fn from(problem: String) -> Self {
        Self { at: Vec::new(), problem }
    }
}

/// The line of the innermost of the keys that is in the file.
fn line(text: &str, at: &[String]) -> Option<usize> {
    let parsed = DeTable::parse(text).ok()?;
    let (mut table, mut list, mut place) = (Some(parsed.get_ref()), None::<&DeArray<'_>>, None);
    for name in at {
        let entry = table.into_iter().flatten().find(|(key, _)| key.get_ref() == name.as_str());
        let numbered = list.zip(name.parse().ok()).and_then(|(list, number): (_, usize)| list.get(number));
        let Some((span, value)) =
            entry.map(|(key, value)| (key.span(), value)).or(numbered.map(|value| (value.span(), value)))
        else {
            break;
        };
        place = Some(span.start);
        (table, list) = (value.get_ref().as_table(), value.get_ref().as_array());
    }
    let before = text.get(..place?)?;
    Some(before.matches('\n').count() + 1)
}
