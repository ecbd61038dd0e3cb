//! Whether the evidence that a journal names is still there, byte for byte.
//!
//! `omk` itself removes no evidence, `gc` included: what is not there was lost.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use crate::app::check::claim;
use crate::domain::view::CheckedClaim;
use crate::store::artifacts::GoalArtifacts;
use crate::store::error::StoreError;
use crate::workflow::evidence::{EvidenceKind, NamedEvidence};

/// Files that a claim names; of the others it says how many there are.
const MOST_NAMED: usize = 10;

/// Every file of evidence is what the journal names. One that newer evidence replaced is said and fails nothing: the
/// gates were run again to make up for it.
pub(super) fn check_evidence(artifacts: &GoalArtifacts, named: &[NamedEvidence]) -> CheckedClaim {
    let (mut replaced, mut bad) = (Vec::new(), Vec::new());
    for evidence in named {
        if let Err(error) = artifacts.fetch_now(&evidence.file) {
            let found = format!("{} {}", evidence.file.path, fate(&error));
            if evidence.replaced { replaced.push(found) } else { bad.push(found) }
        }
    }
    let (holds, mut detail) = match bad.len() {
        0 => (true, format!("{} file(s) are as recorded{}", named.len() - replaced.len(), kinds(named))),
        count => (false, format!("{count} of {} file(s) are not as recorded: {}", named.len(), listed(&bad))),
    };
    if !replaced.is_empty() {
        detail.push_str(&format!("; replaced by newer runs: {}", listed(&replaced)));
    }
    claim("evidence", holds, detail)
}

/// How many files there are of each kind.
fn kinds(named: &[NamedEvidence]) -> String {
    let mut counts: BTreeMap<EvidenceKind, usize> = BTreeMap::new();
    for evidence in named {
        *counts.entry(evidence.kind).or_default() += 1;
    }
    let counts: Vec<_> = counts.into_iter().map(|(kind, count)| format!("{count} {}", kind.words())).collect();
    if counts.is_empty() { String::new() } else { format!(": {}", counts.join(", ")) }
}

/// What became of a file, behind its path.
fn fate(error: &StoreError) -> String {
    if matches!(error, StoreError::Io { source, .. } if source.kind() == ErrorKind::NotFound) {
        return "is lost".to_owned();
    }
    if matches!(error, StoreError::Forged { .. }) {
        return "was changed".to_owned();
    }
    format!("cannot be read ({})", error.chain())
}

fn listed(files: &[String]) -> String {
    let shown = files.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
    match files.len().saturating_sub(MOST_NAMED) {
        0 => shown,
        more => format!("{shown}, and {more} more"),
    }
}
