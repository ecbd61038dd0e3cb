//! The proof by the rules of the first version, frozen: proofs that an earlier release wrote are checked by these.
//!
//! Never changes, whatever becomes of `proof.rs` and of the sentences elsewhere. Invariant: the golden proofs of that
//! version come out byte for byte.

use crate::domain::event::Event;
use crate::domain::evidence::{
    GateOutcome, GateResult, JournalPosition, ProofDigest, ProofPredicate, ProofSlice, ProofStatement, ProofSubject,
};
use crate::domain::fact::{Fact, GateFact, SupervisionFact};
use crate::domain::goal::{GoalStatus, SandboxLevel};
use crate::domain::ids::GateName;
use crate::domain::review::{Review, Verdict};
use crate::workflow::slices::{SliceRecord, Stage};
use crate::workflow::state::GoalState;
use crate::workflow::view::integration_branch;

/// The version of these rules.
pub const RULES: u32 = 1;

/// The proof of a goal as it stands; `None` before there is a plan.
pub fn prove(events: &[Event]) -> Option<ProofStatement> {
    let state = &GoalState::replay(events);
    let charter = state.goal.charter.as_deref()?;
    let queue = state.queue.as_ref()?;
    let (seq, hash, at) = state.last.clone()?;
    let branch = integration_branch(&state.goal.branches).filter(|branch| branch.commit == queue.tip);
    let name = branch.map_or_else(|| charter.id.to_string(), |branch| branch.name.clone());
    let repo = match branch {
        Some(_) => charter.repository.root.display().to_string(),
        None => "repo.git in the goal's directory".to_owned(),
    };
    let predicate = ProofPredicate {
        goal: charter.id.clone(),
        request: charter.request.clone(),
        status: state.goal.status.unwrap_or(GoalStatus::Planned).to_string(),
        reason: state.goal.reason.clone(),
        base: charter.repository.base.clone(),
        head: queue.tip.clone(),
        tree: queue.tree.clone(),
        branch: branch.map(|branch| branch.name.clone()),
        repo,
        sandbox: charter.sandbox_level,
        gates: deciding_gates(state),
        slices: state.slices.iter().map(proof_slice).collect(),
        reviews: wall(state),
        gaps: gaps(state, events),
        journal: JournalPosition { seq, hash },
        at,
        rules: RULES,
    };
    let digest = ProofDigest { git_commit: queue.tip.clone(), git_tree: queue.tree.clone() };
    Some(ProofStatement {
        statement_type: "https://in-toto.io/Statement/v1".to_owned(),
        subject: vec![ProofSubject { name, digest }],
        predicate_type: "urn:omk:goal-proof:v1".to_owned(),
        predicate,
    })
}

/// The newest verdicts on exactly the integrated tree.
fn deciding_gates(state: &GoalState) -> Vec<GateResult> {
    let (Some(plan), Some(queue)) = (&state.goal.plan, &state.queue) else { return Vec::new() };
    let on_tip = plan.gates.iter().filter_map(|gate| state.gates.on_tip(&gate.name));
    on_tip.filter(|result| result.tree == queue.tree).cloned().collect()
}

fn wall(state: &GoalState) -> Vec<Review> {
    let tree = state.queue.as_ref().map(|queue| &queue.tree);
    match &state.goal.wall {
        Some((reviewed, reviews)) if Some(reviewed) == tree => reviews.clone(),
        Some(_) | None => Vec::new(),
    }
}

fn proof_slice(record: &SliceRecord) -> ProofSlice {
    let (name, merge, reason) = match &record.stage {
        Stage::Integrated { merge, .. } => ("integrated", Some(merge.clone()), None),
        Stage::GivenUp { reason } => ("given_up", None, Some(reason.clone())),
        Stage::Waiting
        | Stage::Offered
        | Stage::Running { .. }
        | Stage::Reviewing { .. }
        | Stage::Accepted
        | Stage::Unchanged { .. }
        | Stage::Asking { .. } => ("open", None, None),
    };
    let commit = record.capture.as_ref().filter(|_| merge.is_some()).map(|(_, capture)| capture.commit.clone());
    ProofSlice {
        id: record.spec.id.clone(),
        title: record.spec.title.clone(),
        state: name.to_owned(),
        attempts: record.attempt.0,
        refused: record.refused.iter().fold(0, |sum, of| sum.saturating_add(of.refused.count)),
        commit,
        merge,
        reason,
    }
}

/// What the proof does not show, a sentence each.
fn gaps(state: &GoalState, events: &[Event]) -> Vec<String> {
    let mut gaps = vec!["the proof is unsigned: whoever can write the journal can write another".to_owned()];
    let Some(charter) = state.goal.charter.as_deref() else { return gaps };
    if charter.sandbox_level == SandboxLevel::None {
        gaps.push("agents and gates ran unconfined (sandbox none)".to_owned());
    }
    for result in deciding_gates(state) {
        if !events.iter().any(|event| is_red(&event.fact, &result.gate)) {
            gaps.push(format!("gate `{}` was never seen red here: that it can fail is not shown", result.gate));
        }
        if !result.outcome.is_green() && !result.required {
            gaps.push(format!("gate `{}` is {} and not required", result.gate, result.outcome.as_str()));
        }
    }
    let left_out = |review: &&Review| review.verdict == Verdict::NotApplicable;
    gaps.extend(
        wall(state).iter().filter(left_out).map(|r| format!("review {} does not apply: {}", r.role, r.summary)),
    );
    gaps.extend(events.iter().filter_map(|event| note(&event.fact)));
    gaps
}

/// Whether a fact is a red verdict of a gate.
fn is_red(fact: &Fact, gate: &GateName) -> bool {
    let Fact::Gate(GateFact::GateFinished { result, .. }) = fact else { return false };
    result.gate == *gate
        && matches!(result.outcome, GateOutcome::Red { .. } | GateOutcome::TimedOut | GateOutcome::Unstartable { .. })
}

/// What was said of a goal that is no failure.
fn note(fact: &Fact) -> Option<String> {
    if let Fact::Gate(GateFact::FlakeSeen { gate, .. }) = fact {
        return Some(format!("gate `{gate}` was red and then green on one tree: a flake"));
    }
    if let Fact::Gate(GateFact::RedBefore { gate, onto, .. }) = fact {
        return Some(format!("gate `{gate}` was red already at {}: no slice is blamed for it", onto.short()));
    }
    if let Fact::Supervision(SupervisionFact::ActorRestarted { child, cause }) = fact {
        return Some(format!("actor {child} was restarted: {cause}"));
    }
    if let Fact::Supervision(SupervisionFact::RestartsExceeded { child, cause }) = fact {
        return Some(format!("actor {child} ended too often: {cause}"));
    }
    if let Fact::Supervision(SupervisionFact::TailCut { bytes }) = fact {
        return Some(format!("the journal's incomplete last line ({bytes} bytes) was cut"));
    }
    None
}
