//! Which files of evidence a journal names, and by what content.
//!
//! Pure: whether they are there is looked up by who reads files. Invariant: each path once, as the last record that
//! names it has it.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::event::Event;
use crate::domain::evidence::{ArtifactRef, GateResult, GateScope};
use crate::domain::fact::{AttemptFact, Fact, GateFact, MergeFact};
use crate::domain::ids::GateName;

/// What a file of evidence holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EvidenceKind {
    /// What a gate printed.
    GateLog,
    /// The names of a gate's tests.
    TestNames,
    /// What an agent did, for people.
    AgentLog,
    /// The raw lines of a conversation with an agent.
    AgentLines,
    /// What the policy refused to an agent.
    Refusals,
    /// One side of a conflict.
    Conflict,
}

impl EvidenceKind {
    /// Its files in words, behind their number.
    pub fn words(self) -> &'static str {
        match self {
            Self::GateLog => "gate log(s)",
            Self::TestNames => "test list(s)",
            Self::AgentLog => "agent log(s)",
            Self::AgentLines => "agent transcript(s)",
            Self::Refusals => "refusal list(s)",
            Self::Conflict => "conflict side(s)",
        }
    }
}

/// A file of evidence that the journal names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedEvidence {
    /// What it holds.
    pub kind: EvidenceKind,
    /// The file, by its content.
    pub file: ArtifactRef,
    /// Whether the goal has newer evidence of the same: a deciding gate that was run again.
    pub replaced: bool,
}

/// Every file of evidence that the records name, by path; what `rests_on` names counts, also if its gates were run again.
pub fn named_evidence(events: &[Event], rests_on: &[GateResult]) -> Vec<NamedEvidence> {
    let mut named = BTreeMap::new();
    // Backwards: the first run of a deciding gate that is met is its last one.
    let mut decided: BTreeSet<&GateName> = BTreeSet::new();
    for event in events.iter().rev() {
        let mut replaced = false;
        if let Fact::Gate(GateFact::GateFinished { scope: GateScope::Tip, result }) = &event.fact {
            replaced = !decided.insert(&result.gate) && !rests_on.contains(result);
        }
        for (kind, file) in files(&event.fact) {
            named.entry(&file.path).or_insert_with(|| NamedEvidence { kind, file: file.clone(), replaced });
        }
    }
    named.into_values().collect()
}

fn files(fact: &Fact) -> Vec<(EvidenceKind, &ArtifactRef)> {
    if let Fact::Gate(GateFact::GateFinished { result, .. }) = fact {
        return of_gate(result);
    }
    if let Fact::Attempt(AttemptFact::AgentReported { report }) = fact {
        let log = report.log.iter().map(|file| (EvidenceKind::AgentLog, file));
        let frames = report.frames.iter().map(|file| (EvidenceKind::AgentLines, file));
        let refused = report.refused.list.iter().map(|file| (EvidenceKind::Refusals, file));
        return log.chain(frames).chain(refused).collect();
    }
    if let Fact::Merge(MergeFact::MergeConflicted { evidence, .. }) = fact {
        return evidence.iter().map(|file| (EvidenceKind::Conflict, file)).collect();
    }
    Vec::new()
}

fn of_gate(result: &GateResult) -> Vec<(EvidenceKind, &ArtifactRef)> {
    let names = result.test_names.iter().map(|file| (EvidenceKind::TestNames, file));
    std::iter::once((EvidenceKind::GateLog, &result.log)).chain(names).collect()
}
