//! The architect: what the change touches that it should not, what it newly depends on, and whether it alters what a
//! gate means.

use super::gate_inputs::{self, Input};
use super::manifest;
use super::{Brief, Findings, shown};
use crate::domain::change::FileChange;
use crate::domain::review::{Finding, Severity};

/// `architect.outside_access`, `architect.new_dependency`, `architect.gate_config`.
pub(super) fn findings(brief: &Brief<'_>) -> Vec<Finding> {
    let mut found = Findings::default();
    for file in &brief.change.files {
        let permitted = brief.access.is_none_or(|access| access.permits_change(&file.path));
        if !permitted {
            let message = "the path is outside what the slice may write or merge".to_owned();
            found.file("architect.outside_access", Severity::High, file, message);
        }
        dependencies(file, permitted, &mut found);
        gate_config(brief, file, &mut found);
    }
    found.0
}

/// A new dependency is worth knowing; where the manifest is not the slice's to change, it is also unasked for.
fn dependencies(file: &FileChange, permitted: bool, found: &mut Findings) {
    let severity = if permitted { Severity::Medium } else { Severity::High };
    for (line, name) in manifest::new_dependencies(file) {
        let message = format!("a new dependency: `{}`", shown(&name));
        found.line("architect.new_dependency", severity, (file, line), message);
    }
}

/// Whoever may change what a gate means can make every gate green; so such a path has to be named to the letter.
fn gate_config(brief: &Brief<'_>, file: &FileChange, found: &mut Findings) {
    const RULE: &str = "architect.gate_config";
    let stated = brief.access.is_none_or(|access| access.names_literally(&file.path));
    let severity = if stated { Severity::Medium } else { Severity::High };
    let advice = if stated { "" } else { "; the plan has to name this path literally in `writes`" };
    for Input { line, what } in gate_inputs::altered(file, brief.gates) {
        let message = format!("{what}{advice}");
        match line {
            Some(line) => found.line(RULE, severity, (file, line), message),
            None => found.file(RULE, severity, file, message),
        }
    }
}
