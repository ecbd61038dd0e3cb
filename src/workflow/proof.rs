//! From the folded state to the proof: an in-toto Statement over the integrated tree.
//!
//! Pure, so that a proof can be rendered again from the journal at any time and compared, byte for byte, with the one on
//! disk. Each version of the rules keeps its renderer: an older file is compared with what its own version wrote.

use crate::domain::event::Event;
use crate::domain::evidence::{
    GateOutcome, GateResult, JournalPosition, PROOF_PREDICATE, PROOF_RULES, ProofDigest, ProofPredicate, ProofSlice,
    ProofStatement, ProofSubject, STATEMENT_TYPE, TestReading,
};
use crate::domain::goal::{GoalStatus, SandboxLevel};
use crate::domain::review::{Review, Verdict};
use crate::workflow::deciding::Deciding;
use crate::workflow::proof_v1;
use crate::workflow::slices::{SliceRecord, Stage};
use crate::workflow::state::GoalState;
use crate::workflow::view::integration_branch;

/// The proof of a goal as it stands; `None` before there is a plan.
pub fn prove(state: &GoalState) -> Option<ProofStatement> {
    let charter = state.goal.charter.as_deref()?;
    let queue = state.queue.as_ref()?;
    let (seq, hash, at) = state.last.clone()?;
    let deciding = Deciding::of(state);
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
        gates: deciding.as_ref().map(|it| it.gates.clone()).unwrap_or_default(),
        slices: state.slices.iter().map(proof_slice).collect(),
        gaps: gaps(state, deciding.as_ref()),
        reviews: deciding.map(|it| it.reviews).unwrap_or_default(),
        journal: JournalPosition { seq, hash },
        at,
        rules: PROOF_RULES,
    };
    let digest = ProofDigest { git_commit: queue.tip.clone(), git_tree: queue.tree.clone() };
    Some(ProofStatement {
        statement_type: STATEMENT_TYPE.to_owned(),
        subject: vec![ProofSubject { name, digest }],
        predicate_type: PROOF_PREDICATE.to_owned(),
        predicate,
    })
}

/// A proof as the file has it: indented JSON with a line feed at its end.
#[expect(clippy::expect_used, reason = "these types hold nothing that JSON cannot")]
pub fn render(proof: &ProofStatement) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(proof).expect("a proof is JSON");
    bytes.push(b'\n');
    bytes
}

/// The proof after the last of `events`, by the rules of a version; `None` before there is a plan, or if this program does
/// not know the version.
pub fn prove_by(rules: u32, events: &[Event]) -> Option<ProofStatement> {
    match rules {
        proof_v1::RULES => proof_v1::prove(events),
        PROOF_RULES => prove(&GoalState::replay(events)),
        _ => None,
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
fn gaps(state: &GoalState, deciding: Option<&Deciding>) -> Vec<String> {
    let mut gaps = vec!["the proof is unsigned: whoever can write the journal can write another".to_owned()];
    let (Some(charter), Some(deciding)) = (state.goal.charter.as_deref(), deciding) else { return gaps };
    if charter.sandbox_level == SandboxLevel::None {
        gaps.push("agents and gates ran unconfined (sandbox none)".to_owned());
    }
    for result in &deciding.gates {
        gaps.extend(test_gap(result));
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
    gaps.extend(later(state, deciding));
    let left_out = |review: &&Review| review.verdict == Verdict::NotApplicable;
    gaps.extend(
        deciding.reviews.iter().filter(left_out).map(|r| format!("review {} does not apply: {}", r.role, r.summary)),
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

/// What a later check of the same tree found that the proof does not rest on.
fn later(state: &GoalState, deciding: &Deciding) -> Vec<String> {
    let Some(newest) = Deciding::newest(state) else { return Vec::new() };
    let failed = |result: &&GateResult| result.required && !result.passes() && !deciding.gates.contains(result);
    let gates = newest.gates.iter().filter(failed).map(|result| {
        let lost = if result.outcome.is_green() { " without tests of the base" } else { "" };
        format!("a later check found gate `{}` {}{lost}, see {}", result.gate, result.outcome.as_str(), result.log.path)
    });
    let blocks = |review: &&Review| review.verdict == Verdict::Blocked && !deciding.reviews.contains(review);
    let reviews = newest.reviews.iter().filter(blocks);
    gates.chain(reviews.map(|review| format!("a later review {} blocks: {}", review.role, review.summary))).collect()
}
