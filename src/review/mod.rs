//! The six reviewers' deterministic rubrics: one file per role.
//!
//! Pure: a change and its gate results go in, a report comes out, the same one every time. A rubric looks at added
//! lines (only `test` looks at removed ones), names file and line, and never repeats a secret or unbounded text.

mod anti_slop;
mod architect;
mod cfg;
mod code;
mod gate_inputs;
mod language;
mod manifest;
mod moved;
mod performance;
mod secrets;
mod security;
mod stubs;
mod test;
mod test_names;

use crate::domain::access::AccessSet;
use crate::domain::change::{Change, FileChange};
use crate::domain::evidence::GateResult;
use crate::domain::review::{Finding, Review, Role, Severity};
use crate::domain::task::GateSpec;

/// The most findings that one report lists, the worst first; its summary says how many there are.
const MOST_FINDINGS: usize = 50;

/// What a reviewer is shown.
#[derive(Clone, Copy, Debug)]
pub struct Brief<'a> {
    /// What changed.
    pub change: &'a Change,
    /// The slice's rights; `None` for the whole goal, whose slices were each held to theirs.
    pub access: Option<&'a AccessSet>,
    /// The goal's gates, as frozen.
    pub gates: &'a [GateSpec],
    /// The gates' results on the tree under review.
    pub gate_results: &'a [GateResult],
}

/// Looks at a change from one side.
pub fn review(role: Role, brief: &Brief<'_>) -> Review {
    let findings = match role {
        Role::Architect => architect::findings(brief),
        Role::Code => code::findings(brief.change),
        Role::Test => test::findings(brief.change),
        Role::Security => security::findings(brief.change),
        Role::Performance => return performance::review(brief),
        Role::AntiSlop => anti_slop::findings(brief.change),
    };
    concluded(role, brief.change, findings)
}

/// The report over what was found, bounded.
fn concluded(role: Role, change: &Change, findings: Vec<Finding>) -> Review {
    let found = findings.len();
    let mut review = Review::of(role, String::new(), findings);
    review.findings.truncate(MOST_FINDINGS);
    let listed = if found > MOST_FINDINGS { format!(", the worst {MOST_FINDINGS} listed") } else { String::new() };
    let looked = format!("looked at {}, {}", counted(change.files.len(), "file"), counted_lines(change));
    review.summary = format!("{looked}: {}{listed}", counted(found, "finding"));
    review
}

fn counted_lines(change: &Change) -> String {
    format!(
        "{} and {} removed",
        counted(usize::try_from(change.added()).unwrap_or(usize::MAX), "added line"),
        change.removed()
    )
}

fn counted(count: usize, thing: &str) -> String {
    match count {
        0 => format!("no {thing}s"),
        1 => format!("1 {thing}"),
        _ => format!("{count} {thing}s"),
    }
}

/// What a rubric has found so far.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    /// Notes a finding about one line.
    fn line(&mut self, rule: &str, severity: Severity, (file, line): (&FileChange, u32), message: String) {
        let (rule, path) = (rule.to_owned(), file.path.clone());
        self.0.push(Finding { rule, severity, path, line: Some(line), message });
    }

    /// Notes a finding about a whole file.
    fn file(&mut self, rule: &str, severity: Severity, file: &FileChange, message: String) {
        self.0.push(Finding { rule: rule.to_owned(), severity, path: file.path.clone(), line: None, message });
    }
}

/// A name out of a change, fit for a message: control characters spelled out, and not longer than 80 characters.
fn shown(name: &str) -> String {
    let mut shown: String = name.chars().take(80).flat_map(char::escape_debug).collect();
    if name.chars().nth(80).is_some() {
        shown.push('…');
    }
    shown
}
