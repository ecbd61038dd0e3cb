//! From the folded state to the proof: an in-toto Statement over the integrated tree.
//!
//! Pure, so that a proof can be folded again from the journal at any time and compared with the one on disk.

use crate::domain::evidence::{
    GateOutcome, GateResult, JournalPosition, PROOF_PREDICATE, ProofDigest, ProofPredicate, ProofSlice, ProofStatement,
    ProofSubject, STATEMENT_TYPE, TestReading,
};
use crate::domain::goal::{GoalStatus, SandboxLevel};
use crate::domain::review::Verdict;
use crate::workflow::slices::{SliceRecord, Stage};
use crate::workflow::state::GoalState;
use crate::workflow::view::integration_branch;

/// The proof of a goal as it stands; `None` before there is a plan.
pub fn prove(state: &GoalState) -> Option<ProofStatement> {
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
        gaps: gaps(state),
        journal: JournalPosition { seq, hash },
        at,
    };
    let digest = ProofDigest { git_commit: queue.tip.clone(), git_tree: queue.tree.clone() };
    Some(ProofStatement {
        statement_type: STATEMENT_TYPE.to_owned(),
        subject: vec![ProofSubject { name, digest }],
        predicate_type: PROOF_PREDICATE.to_owned(),
        predicate,
    })
}

/// The newest verdicts on exactly the integrated tree.
fn deciding_gates(state: &GoalState) -> Vec<GateResult> {
    let (Some(plan), Some(queue)) = (&state.goal.plan, &state.queue) else { return Vec::new() };
    let on_tip = plan.gates.iter().filter_map(|gate| state.gates.on_tip(&gate.name));
    on_tip.filter(|result| result.tree == queue.tree).cloned().collect()
}

fn wall(state: &GoalState) -> Vec<crate::domain::review::Review> {
    let tree = state.queue.as_ref().map(|queue| &queue.tree);
    match &state.goal.wall {
        Some((reviewed, reviews)) if Some(reviewed) == tree => reviews.clone(),
        Some(_) | None => Vec::new(),
    }
}

fn proof_slice(record: &SliceRecord) -> ProofSlice {
    let (name, merge, reason) = match &record.stage {
        Stage::Integrated { merge, .. } => ("integrated", Some(merge.clone()), None),
        Stage::Unchanged { why } => ("unchanged", None, Some(why.to_string())),
        Stage::GivenUp { reason } => ("given_up", None, Some(reason.clone())),
        Stage::Waiting
        | Stage::Offered
        | Stage::Running { .. }
        | Stage::Reviewing { .. }
        | Stage::Accepted
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
fn gaps(state: &GoalState) -> Vec<String> {
    let mut gaps = vec!["the proof is unsigned: whoever can write the journal can write another".to_owned()];
    let Some(charter) = state.goal.charter.as_deref() else { return gaps };
    if charter.sandbox_level == SandboxLevel::None {
        gaps.push("agents and gates ran unconfined (sandbox none)".to_owned());
    }
    for result in deciding_gates(state) {
        gaps.extend(test_gap(&result));
        if let Some(tree) = state.gates.flaky_on(&result.gate) {
            gaps.push(format!("gate `{}` is flaky: it gave both answers on tree {}", result.gate, tree.short()));
        }
        if state.gates.on_base(&result.gate).is_some_and(|base| base.outcome == GateOutcome::NoTests) {
            gaps.push(format!("gate `{}` ran no test on the base", result.gate));
        }
        if !state.gates.shown_red(&result.gate) {
            gaps.push(format!("gate `{}` was never seen red here: that it can fail is not shown", result.gate));
        }
        if !result.outcome.is_green() && !result.required {
            gaps.push(format!("gate `{}` is {} and not required", result.gate, result.outcome.as_str()));
        }
    }
    let left_out = |review: &&crate::domain::review::Review| review.verdict == Verdict::NotApplicable;
    gaps.extend(
        wall(state).iter().filter(left_out).map(|r| format!("review {} does not apply: {}", r.role, r.summary)),
    );
    gaps.extend(state.goal.notes.iter().cloned());
    gaps
}

/// What the output of a gate does not show of its tests.
fn test_gap(result: &GateResult) -> Option<String> {
    let gate = &result.gate;
    match result.reading? {
        TestReading::Unknown => {
            Some(format!("gate `{gate}` does not show that it ran tests: no test runner was recognised in its output"))
        }
        TestReading::Unnumbered => Some(format!("gate `{gate}` does not say how many tests it ran")),
        TestReading::NotRead | TestReading::Counted => None,
    }
}
