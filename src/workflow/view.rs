//! From the folded state to the read model that commands show.

use crate::domain::evidence::GateScope;
use crate::domain::fact::Branch;
use crate::domain::goal::{Charter, GoalStatus, Phase};
use crate::domain::ids::{Attempt, GoalId};
use crate::domain::question::answer_command;
use crate::domain::task::WaitingFor;
use crate::domain::view::{
    GoalSummary, GoalView, IntegrationView, JournalView, QuestionView, ScopedGate, SliceDelivery, SliceState, SliceView,
};
use crate::workflow::advice;
use crate::workflow::profiles::breaker_before;
use crate::workflow::rest::{self, Course};
use crate::workflow::slices::{NextStart, SliceRecord, SliceTable, Stage};
use crate::workflow::spending::budget_view;
use crate::workflow::state::GoalState;

/// The schema of [`GoalView`].
pub const GOAL_SCHEMA: &str = "omk.goal/v1";

/// The full state as commands show it; `None` before the first record.
pub fn goal_view(state: &GoalState) -> Option<GoalView> {
    let charter = state.goal.charter.as_deref()?;
    let (seq, hash, updated) = state.last.clone()?;
    let plan = state.goal.plan.as_deref();
    let course = Course::of(state.goal.status);
    let (reason, next) = advice::standing(state);
    Some(GoalView {
        schema: GOAL_SCHEMA.to_owned(),
        id: charter.id.clone(),
        status: state.goal.status.unwrap_or(GoalStatus::Planned),
        phase: state.goal.phase.unwrap_or(Phase::Intake),
        reason,
        next,
        charter: charter.clone(),
        plan_source: plan.map(|plan| plan.source.clone()).unwrap_or_default(),
        slices: state.slices.iter().map(|record| slice_view(charter, record, state, course)).collect(),
        gates: plan.map(|plan| plan.gates.clone()).unwrap_or_default(),
        serialised: plan.map(|plan| plan.serialised.clone()).unwrap_or_default(),
        gate_results: scoped_gates(state),
        reviews: state.goal.wall.as_ref().map(|(_, reviews)| reviews.clone()).unwrap_or_default(),
        integration: integration(state)?,
        budget: budget_view(state),
        questions: state.slices.iter().filter(|_| course != Course::Cancelled).filter_map(question).collect(),
        branches: state.goal.branches.clone(),
        notes: state.goal.notes.clone(),
        runs: state.goal.runs,
        journal: JournalView { seq, hash },
        updated,
    })
}

fn scoped_gates(state: &GoalState) -> Vec<ScopedGate> {
    let Some(plan) = state.goal.plan.as_deref() else { return Vec::new() };
    let scoped = |scope: GateScope| {
        plan.gates.iter().filter_map(move |gate| {
            let result = match scope {
                GateScope::Base => state.gates.on_base(&gate.name),
                GateScope::Tip => state.gates.on_tip(&gate.name),
                GateScope::Attempt { .. } | GateScope::Batch { .. } => None,
            };
            result.map(|result| ScopedGate { scope: scope.clone(), result: result.clone() })
        })
    };
    scoped(GateScope::Base).chain(scoped(GateScope::Tip)).collect()
}

fn integration(state: &GoalState) -> Option<IntegrationView> {
    let queue = state.queue.as_ref()?;
    Some(IntegrationView {
        tip: queue.tip.clone(),
        tree: queue.tree.clone(),
        batches: queue.batches.0,
        added: queue.integrated.iter().map(|done| done.capture.added).sum(),
        removed: queue.integrated.iter().map(|done| done.capture.removed).sum(),
    })
}

fn question(record: &SliceRecord) -> Option<QuestionView> {
    let (question, text) = record.stage.asked()?;
    let (id, text) = (question.to_owned(), text.to_owned());
    Some(QuestionView { id, slice: record.spec.id.clone(), text, since: record.since })
}

fn slice_view(charter: &Charter, record: &SliceRecord, state: &GoalState, course: Course) -> SliceView {
    let (step, lease_until) = match (&record.stage, course) {
        (Stage::Offered, Course::Runs) => (Some("preparing"), None),
        (Stage::Running { lease_until, step }, Course::Runs) => (Some(*step), Some(*lease_until)),
        _ => (None, None),
    };
    let reason = match &record.stage {
        Stage::GivenUp { reason } if advice::is_raised(state, &record.spec.id, reason) => {
            Some(format!("{reason}; more was added since"))
        }
        Stage::GivenUp { reason } => Some(reason.clone()),
        Stage::Unchanged { why } => Some(why.to_string()),
        _ => None,
    };
    SliceView {
        spec: record.spec.clone(),
        kind: "slice".to_owned(),
        owner_role: "executor".to_owned(),
        state: rest::state(&record.stage, course),
        attempt: record.attempt,
        failures: record.failures,
        uncounted: record.uncounted,
        epoch: record.epoch,
        lease_until,
        step: step.map(str::to_owned),
        waiting_for: waiting_for(charter, record, &state.slices, course),
        reason,
        feedback: record.feedback.clone(),
        captured: record.capture.as_ref().map(|(_, capture)| capture.clone()),
        reviews: record.reviews.clone(),
        gate_results: record.gate_results.clone(),
        delivery: delivery(&charter.id, record),
        refused: record.refused.clone(),
        usage: record.usage,
        started: record.started,
        ended: record.ended,
    }
}

fn delivery(goal: &GoalId, record: &SliceRecord) -> SliceDelivery {
    let (merge, batch) = match &record.stage {
        Stage::Integrated { merge, batch, .. } => (Some(merge.clone()), Some(*batch)),
        _ => (None, None),
    };
    SliceDelivery {
        branch: format!("omk/{goal}/{}", record.spec.id),
        worktree: record.worktree.clone(),
        base: record.start.clone(),
        batch,
        merge,
    }
}

/// Why a slice does not move.
fn waiting_for(charter: &Charter, record: &SliceRecord, table: &SliceTable, course: Course) -> Vec<WaitingFor> {
    let waits = |kind, reference, next| waits(record, kind, reference, next);
    match &record.stage {
        Stage::Asking { question, text, .. } if course != Course::Cancelled => {
            vec![waits("human", question, answer_command(charter.id.as_str(), question, text))]
        }
        Stage::Waiting if course != Course::Cancelled => {
            let unmet: Vec<_> = unmet_dependencies(record, table)
                .map(|(id, given_up)| match given_up {
                    true => waits("given_up", id, format!("nothing until `{id}` is retried")),
                    false => waits("slice", id, format!("starts when `{id}` is integrated")),
                })
                .collect();
            if unmet.is_empty() { vec![start(charter, record, table, course)] } else { unmet }
        }
        Stage::Accepted if course == Course::Runs => {
            vec![waits("merge", "queue", "merged with the next batch".to_owned())]
        }
        Stage::Waiting
        | Stage::Offered
        | Stage::Running { .. }
        | Stage::Reviewing { .. }
        | Stage::Accepted
        | Stage::Asking { .. }
        | Stage::Integrated { .. }
        | Stage::Unchanged { .. }
        | Stage::GivenUp { .. } => rest::waiting_for(record, course).into_iter().collect(),
    }
}

pub(super) fn waits(record: &SliceRecord, kind: &str, reference: &str, next: String) -> WaitingFor {
    WaitingFor { kind: kind.to_owned(), reference: reference.to_owned(), since: record.since, next }
}

/// What a slice waits for whose dependencies are integrated.
fn start(charter: &Charter, record: &SliceRecord, table: &SliceTable, course: Course) -> WaitingFor {
    let waits = |kind, reference, next| waits(record, kind, reference, next);
    if let Some(breaker) = breaker_before(charter, table, record) {
        let next = match (charter.settings.wait_for_quota, course) {
            (true, Course::Runs) => format!("goes on by itself at {}", breaker.until),
            (true, Course::Rests(_) | Course::Cancelled) => {
                format!("starts when the goal goes on, from {} on", breaker.until)
            }
            (false, _) => format!("omk goal resume {}, from {} on", charter.id, breaker.until),
        };
        return waits("quota", &breaker.provider, next);
    }
    if let Some(rests) = rest::waiting_for(record, course) {
        return rests;
    }
    let queued = table.iter().any(|other| other.stage == Stage::Accepted);
    if queued && record.next_start == NextStart::Tip {
        return waits("merge", "queue", "starts on the integrated state when the merge queue is empty".to_owned());
    }
    match record.attempt {
        Attempt(0) => waits("permit", "agents", "starts when an agent is free".to_owned()),
        _ => waits("retry", "agents", format!("{} follows", record.next_try())),
    }
}

/// Stated dependencies that are not integrated, and whether each was given up.
fn unmet_dependencies<'a>(
    record: &'a SliceRecord,
    table: &'a SliceTable,
) -> impl Iterator<Item = (&'a str, bool)> + use<'a> {
    record.spec.after.iter().filter_map(|id| match &table.slice(id)?.stage {
        Stage::Integrated { .. } | Stage::Unchanged { .. } => None,
        Stage::GivenUp { .. } => Some((id.as_str(), true)),
        Stage::Waiting
        | Stage::Offered
        | Stage::Running { .. }
        | Stage::Reviewing { .. }
        | Stage::Accepted
        | Stage::Asking { .. } => Some((id.as_str(), false)),
    })
}

/// A line of `goal list`, from the full view.
pub fn summary(view: &GoalView, orphaned: bool) -> GoalSummary {
    let integrated = view.slices.iter().filter(|slice| slice.state == SliceState::Integrated).count();
    GoalSummary {
        id: view.id.clone(),
        status: view.status,
        orphaned,
        created: view.charter.created,
        updated: view.updated,
        integrated: u32::try_from(integrated).unwrap_or(u32::MAX),
        slices: u32::try_from(view.slices.len()).unwrap_or(u32::MAX),
        tokens: view.budget.usage.tokens(),
        usd_micros: view.budget.usage.usd_micros,
        usd_complete: view.budget.usd_complete,
        needs: needs(view),
        repository: view.charter.repository.root.clone(),
        git_dir: view.charter.repository.git_dir.clone(),
    }
}

/// What a goal says whose process died.
pub const ORPHANED: &str = "its process died; what was journalled is safe and can be taken up";

/// A goal that says `running` and has no process: why it rests, and what goes on with it.
pub fn orphaned(view: GoalView) -> GoalView {
    let answer = |question: &QuestionView| answer_command(view.id.as_str(), &question.id, &question.text);
    let next = view.questions.iter().map(answer).chain([advice::taken_up_by(&view.id)]).collect();
    GoalView { reason: ORPHANED.to_owned(), next, ..view }
}

fn needs(view: &GoalView) -> String {
    if let Some(question) = view.questions.first() {
        let answer = answer_command(view.id.as_str(), &question.id, &question.text);
        return format!("{}  {answer}", view.questions.len());
    }
    match view.status {
        GoalStatus::BlockedOnHuman
        | GoalStatus::BlockedOnExternal
        | GoalStatus::NotReady
        | GoalStatus::NeedsMoreBudget
        | GoalStatus::FailedInfra
        | GoalStatus::Paused => view.next.first().cloned().unwrap_or_default(),
        GoalStatus::Planned | GoalStatus::Running | GoalStatus::Ready | GoalStatus::Cancelled => String::new(),
    }
}

/// The branch of the integrated history, where it was delivered.
pub fn integration_branch(branches: &[Branch]) -> Option<&Branch> {
    branches.iter().find(|branch| branch.name.ends_with("/integration"))
}
