//! Re-checking a proof offline: the journal's chain, the fold, the evidence, the trees, the gate rows, reachability.

use crate::adapters::git::look::Look;
use crate::app::Omk;
use crate::app::error::AppError;
use crate::app::kept::check_evidence;
use crate::domain::event::Event;
use crate::domain::evidence::{ProofPredicate, ProofSlice, ProofStatement};
use crate::domain::fact::{Fact, GoalFact};
use crate::domain::goal::Drive;
use crate::domain::ids::GoalId;
use crate::domain::view::{CheckedClaim, ProofCheck};
use crate::store::artifacts::GoalArtifacts;
use crate::store::reader::read_events;
use crate::workflow::evidence::named_evidence;
use crate::workflow::proof::prove;
use crate::workflow::state::GoalState;

/// One claim of the check.
pub(super) fn claim(claim: &str, holds: bool, detail: impl Into<String>) -> CheckedClaim {
    CheckedClaim { claim: claim.to_owned(), holds, detail: detail.into() }
}

impl Omk {
    /// Re-checks a proof offline: journal chain, trees, gate rows, reachability; with `rerun` the gates once more.
    pub fn check_proof(&self, id: &GoalId, rerun: bool) -> Result<ProofCheck, AppError> {
        let mut checks = Vec::new();
        if rerun {
            // The run writes the file anew, and with it whatever was done to it.
            checks.extend(self.file_before(id).filter(|found| !found.holds));
            self.drive(id, Drive::Verify, Box::new(|_| {}))?;
        }
        let file = self.proof_file(id);
        match self.genuine_events(id) {
            Err(problem) => checks.push(claim("journal", false, problem)),
            Ok(events) => {
                let count = events.len();
                checks.push(claim("journal", true, format!("{count} records, every hash and link holds")));
                checks.push(self.check_file(id, file, &events));
                let state = GoalState::replay(&events);
                let proof = prove(&state);
                let artifacts = GoalArtifacts::new(&self.state.goal(id));
                let rests_on = proof.as_ref().map_or(&[][..], |proof| &proof.predicate.gates);
                checks.push(check_evidence(&artifacts, &named_evidence(&events, rests_on)));
                match proof {
                    None => checks.push(claim("proof", false, "the goal has nothing to prove yet")),
                    Some(proof) => checks.extend(self.check_statement(id, &state, &proof)),
                }
            }
        }
        let holds = checks.iter().all(|check| check.holds);
        let (schema, signature) = ("omk.proof-check/v1".to_owned(), "unsigned".to_owned());
        Ok(ProofCheck { schema, holds, signature, checks })
    }

    fn file_before(&self, id: &GoalId) -> Option<CheckedClaim> {
        let file = self.proof_file(id);
        Some(self.check_file(id, file, &self.genuine_events(id).ok()?))
    }

    /// The journal of the goal, if it lies where it belongs and is the goal's own; else what is wrong.
    fn genuine_events(&self, id: &GoalId) -> Result<Vec<Event>, String> {
        let dir = self.state.goal(id);
        if std::fs::symlink_metadata(dir.path()).is_ok_and(|meta| !meta.is_dir()) {
            return Err(format!("{} is not a directory of its own", dir.path().display()));
        }
        if std::fs::symlink_metadata(dir.events()).is_ok_and(|meta| !meta.is_file()) {
            return Err(format!("{} is not a file of its own", dir.events().display()));
        }
        let events = read_events(&dir.events()).map_err(|error| error.chain())?.events;
        match events.first().map(|event| &event.fact) {
            Some(Fact::Goal(GoalFact::GoalCreated(charter))) if charter.id == *id => Ok(events),
            Some(Fact::Goal(GoalFact::GoalCreated(charter))) => Err(format!("it is the journal of {}", charter.id)),
            Some(_) | None => Err("it does not begin with the goal's creation".to_owned()),
        }
    }

    fn check_statement(&self, id: &GoalId, state: &GoalState, proof: &ProofStatement) -> Vec<CheckedClaim> {
        let mut checks = vec![check_gates(state, proof), check_reviews(proof)];
        match self.look(id, state, &proof.predicate.head) {
            Err(error) => checks.push(claim("tree", false, error.to_string())),
            Ok(look) => checks.extend([check_tree(&look, proof), check_slices(&look, proof)]),
        }
        checks.push(check_branch(state, proof));
        let ProofPredicate { status, reason, .. } = &proof.predicate;
        checks.push(claim("status", status == "ready", format!("the goal is {status}: {reason}")));
        checks
    }
}

/// Every required gate has a green row on exactly the integrated tree.
fn check_gates(state: &GoalState, proof: &ProofStatement) -> CheckedClaim {
    let tree = &proof.predicate.tree;
    let Some(plan) = &state.goal.plan else { return claim("gates", false, "there is no plan") };
    let required: Vec<_> = plan.gates.iter().filter(|gate| gate.required).collect();
    let green = |name: &crate::domain::ids::GateName| {
        proof.predicate.gates.iter().any(|row| row.gate == *name && row.tree == *tree && row.passes() && row.cold)
    };
    let missing: Vec<_> =
        required.iter().filter(|gate| !green(&gate.name)).map(|gate| format!("`{}`", gate.name)).collect();
    if required.is_empty() || !missing.is_empty() {
        return claim("gates", false, format!("no cold green row on tree {}: {}", tree.short(), missing.join(", ")));
    }
    claim("gates", true, format!("{} required gate(s) green, cold, on exactly tree {tree}", required.len()))
}

fn check_reviews(proof: &ProofStatement) -> CheckedClaim {
    let reviews = &proof.predicate.reviews;
    let blocked = reviews.iter().any(|review| review.verdict == crate::domain::review::Verdict::Blocked);
    let complete = reviews.len() == crate::domain::review::Role::ALL.len();
    claim(
        "reviews",
        complete && !blocked,
        format!("{} of 6 roles looked at tree {}", reviews.len(), proof.predicate.tree.short()),
    )
}

fn check_tree(look: &Look, proof: &ProofStatement) -> CheckedClaim {
    let (head, tree) = (&proof.predicate.head, &proof.predicate.tree);
    match look.tree_of(head) {
        Ok(found) if found == *tree => claim("tree", true, format!("commit {head} has tree {tree}")),
        Ok(found) => claim("tree", false, format!("commit {head} has tree {found}, not {tree}")),
        Err(fault) => claim("tree", false, fault.to_string()),
    }
}

/// Every slice that is called done is reachable from the head.
fn check_slices(look: &Look, proof: &ProofStatement) -> CheckedClaim {
    let predicate = &proof.predicate;
    let open: Vec<_> = predicate.slices.iter().filter(|slice| !is_done(slice)).map(|s| s.id.to_string()).collect();
    if !open.is_empty() {
        return claim("slices", false, format!("not integrated: {}", open.join(", ")));
    }
    let commits: Vec<_> = predicate.slices.iter().filter_map(|slice| slice.commit.clone()).collect();
    let integrated = predicate.slices.iter().filter(|slice| slice.state == "integrated").count();
    if commits.len() < integrated {
        return claim("slices", false, "an integrated slice has no commit");
    }
    match look.unreachable(&predicate.base, &predicate.head, &commits) {
        Ok(lost) if lost.is_empty() => {
            claim("slices", true, format!("all {} slice commits are reachable from the head", commits.len()))
        }
        Ok(lost) => claim("slices", false, format!("{} slice commit(s) are not reachable from the head", lost.len())),
        Err(fault) => claim("slices", false, fault.to_string()),
    }
}

fn is_done(slice: &ProofSlice) -> bool {
    matches!(slice.state.as_str(), "integrated" | "unchanged")
}

/// The delivered branch still names the head, or the branch that the goal began on has it.
fn check_branch(state: &GoalState, proof: &ProofStatement) -> CheckedClaim {
    let (Some(branch), Some(charter)) = (&proof.predicate.branch, &state.goal.charter) else {
        return claim("branch", false, "nothing was delivered");
    };
    let look = match Look::at(&charter.repository.git_dir) {
        Ok(look) => look,
        Err(fault) => return claim("branch", false, fault.to_string()),
    };
    let head = &proof.predicate.head;
    let found = match look.branch(branch) {
        Some(commit) if commit == *head => return claim("branch", true, format!("{branch} names {commit}")),
        Some(commit) => format!("{branch} names {commit} by now"),
        None => format!("{branch} is gone"),
    };
    match charter.repository.branch.as_deref().map(|into| (into, look.is_on_branch(into, &proof.predicate.base, head)))
    {
        Some((into, Ok(true))) => claim("branch", true, format!("{into} has {head}; {found}")),
        Some((_, Ok(false) | Err(_))) | None => claim("branch", false, found),
    }
}
