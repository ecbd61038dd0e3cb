//! The user's plan: how it is read from TOML or JSON, and how an accepted plan is printed in the same format.
//!
//! Owns the format (`docs/plan-format.md`). Judges one field at a time, and says where in the file it is wrong; what
//! slices mean to each other (unknown dependencies, cycles, overlaps) is judged where the plan is accepted. Invariant:
//! `parse` of what `render` prints gives the same slices and gates.

mod render;
mod schema;
mod spot;
mod syntax;
mod table;

use std::fmt;

use thiserror::Error;

use crate::domain::access::InvalidPattern;
use crate::domain::goal::Settings;
use crate::domain::ids::InvalidId;
use crate::domain::task::{GateSpec, SliceSpec};

pub use render::render;
pub use spot::PlanText;

/// What a plan file says, before it is judged as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanDraft {
    /// The goal's text, where the file states it.
    pub goal: Option<String>,
    /// What must not happen, a sentence each.
    pub constraints: Vec<String>,
    /// What is taken for granted, a sentence each.
    pub assumptions: Vec<String>,
    /// What must hold of the whole result, a sentence each.
    pub acceptance: Vec<String>,
    /// The slices in the order of the file; never empty after [`parse`].
    pub slices: Vec<SliceSpec>,
    /// The gates in the order of the file; names are unique.
    pub gates: Vec<GateSpec>,
}

/// Why a plan file cannot be used, and where.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{place}: {problem}")]
pub struct PlanFileError {
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub problem: Box<PlanProblem>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as the user named it.
    pub file: String,
    /// Line and column, in characters from 1; `None` where the whole file is meant.
    pub at: Option<(usize, usize)>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        match self.at {
            Some((line, column)) => write!(f, ":{line}:{column}"),
            None => Ok(()),
        }
    }
}

/// What is wrong with a plan file; one sentence each.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PlanProblem {
    /// The text is neither.
    #[error("this is not {format}: {detail}")]
    Syntax {
        /// `TOML` or `JSON`.
        format: &'static str,
        /// What the parser says.
        detail: String,
    },
    /// A field that no plan has.
    #[error("unknown field `{field}` in {table}{}", suggestion(*.nearest))]
    UnknownField {
        /// The field.
        field: String,
        /// Where it stands: `the plan`, `[[slices]]`, `[[gates]]`.
        table: &'static str,
        /// What was perhaps meant.
        nearest: Option<&'static str>,
    },
    /// A field twice (JSON; in TOML this is a matter of syntax).
    #[error("`{field}` is given twice")]
    RepeatedField {
        /// The field.
        field: String,
    },
    /// A value of another type.
    #[error("`{field}` is {found}, and has to be {expected}")]
    WrongType {
        /// The field.
        field: &'static str,
        /// What it has to be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A field without which the table means nothing.
    #[error("`{field}` is missing in this entry of {table}")]
    Missing {
        /// The field.
        field: &'static str,
        /// Where it is missing.
        table: &'static str,
    },
    /// A plan of nothing.
    #[error("the plan has no slices; give at least one [[slices]] with an `id`")]
    NoSlices,
    /// Nothing where something has to be.
    #[error("`{field}` is empty")]
    Empty {
        /// The field.
        field: &'static str,
    },
    /// Two fields of which an entry can have only one.
    #[error("`{field}` and `{other}` exclude each other; leave one of them out")]
    Excluded {
        /// The field.
        field: &'static str,
        /// The one that it stands beside.
        other: &'static str,
    },
    /// A character that cannot be shown, or not be given to a program.
    #[error("`{field}` holds a control character")]
    ControlCharacter {
        /// The field.
        field: &'static str,
    },
    /// A path that leaves the repository, or a glob that is none.
    #[error("in `{field}`: {source}")]
    Path {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        source: InvalidPattern,
    },
    /// A name that cannot be one.
    #[error("in `{field}`: {source}")]
    Name {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        source: InvalidId,
    },
    /// Two gates of one name.
    #[error("there are two gates called `{name}`")]
    RepeatedGate {
        /// The name.
        name: String,
    },
    /// Not one of the words that the field knows.
    #[error("`{field}` does not know `{word}`; it is one of {}{}", .allowed.join(", "), suggestion(*.nearest))]
    UnknownWord {
        /// The field.
        field: &'static str,
        /// What was given.
        word: String,
        /// What there is.
        allowed: &'static [&'static str],
        /// What was perhaps meant.
        nearest: Option<&'static str>,
    },
    /// A number that the field cannot hold.
    #[error("`{field}` is {number}, and has to be between {least} and {most}")]
    OutOfRange {
        /// The field.
        field: &'static str,
        /// What was given.
        number: i64,
        /// The least that it may be.
        least: i64,
        /// The most that it may be.
        most: i64,
    },
    /// A number or a text that is no amount of money above zero, down to a millionth of a dollar.
    #[error("`{field}` is `{text}`, which is no amount of US dollars above zero; write it like 1.5 or \"0.25\"")]
    Money {
        /// The field.
        field: &'static str,
        /// What was given.
        text: String,
    },
    /// A text that is no length of time.
    #[error("`{field}` is `{text}`, which is no length of time above zero ({detail}); write it like \"90s\" or \"5m\"")]
    Duration {
        /// The field.
        field: &'static str,
        /// What was given.
        text: String,
        /// Why it is none.
        detail: String,
    },
}

fn suggestion(nearest: Option<&'static str>) -> String {
    nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

/// Reads a plan. `name` is the file's name as the user gave it: its extension decides between TOML and JSON, the
/// first visible character where it has neither. `settings` fills in retries and timeouts that the plan leaves open.
///
/// Errors are about the text and about single fields; [`crate::workflow::planner::accept`] judges the whole.
pub fn parse(text: &str, name: &str, settings: &Settings) -> Result<PlanDraft, PlanFileError> {
    let text = &unix_text(text);
    let draft = syntax::read(text, syntax::Format::of(text, name)).and_then(|root| schema::plan(&root, settings));
    draft.map_err(|found| PlanFileError {
        place: Place { file: name.to_owned(), at: found.at.map(|offset| position(text, offset)) },
        problem: Box::new(found.problem),
    })
}

/// A text as it is saved on Unix: without a byte order mark, lines ended by a line feed alone.
pub fn unix_text(text: &str) -> String {
    text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n")
}

/// A problem and its distance from the start of the text, in bytes.
struct Found {
    at: Option<usize>,
    problem: PlanProblem,
}

impl Found {
    fn at(offset: usize, problem: PlanProblem) -> Self {
        Self { at: Some(offset), problem }
    }
}

fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
