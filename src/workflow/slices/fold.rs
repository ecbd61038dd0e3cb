//! The fold of every fact about slices.
//!
//! Invariant: a fact that does not fit the slice's stage changes nothing, so that a journal of any prefix folds.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Conflict, NextStart, SliceRecord, SliceTable, Stage};
use crate::domain::agent::AgentEnd;
use crate::domain::budget::Account;
use crate::domain::evidence::{GateResult, GateScope};
use crate::domain::fact::{
    AttemptFact, BudgetFact, Fact, GateFact, MergeFact, PlanFact, ReviewFact, SliceFact, SupervisionFact,
};
use crate::domain::ids::{Attempt, AttemptRef, CommitId, SliceId, Timestamp};
use crate::domain::question::{QuestionTopic, is_yes};
use crate::domain::refusal::{AttemptRefusals, Refusals};
use crate::domain::review::{Review, Subject};
use crate::domain::supervision::{ProfileQuarantine, Quarantine};
use crate::domain::task::{AgentSession, AttemptOutcome, Feedback, FeedbackKind};
use crate::workflow::sessions;
use crate::workflow::settling::one_line;

impl SliceTable {
    /// Applies a fact. `attempt` is the one that the journal's record bears, `at` its time.
    pub fn apply(&mut self, fact: &Fact, attempt: Option<&AttemptRef>, at: Timestamp) {
        match fact {
            Fact::Plan(PlanFact::PlanAccepted(plan)) => *self = Self::planned(&Arc::new((**plan).clone()), at),
            Fact::Slice(fact) => self.apply_slice(fact, at),
            Fact::Attempt(fact) => self.apply_attempt(fact, attempt, at),
            Fact::Gate(verdict) => {
                self.gates.apply(fact);
                self.apply_gate(verdict);
            }
            Fact::Merge(fact) => self.apply_merge(fact, at),
            Fact::Review(ReviewFact::ReviewFinished { subject, review }) => self.reviewed(subject, review),
            Fact::Budget(fact) => self.apply_budget(fact, at),
            Fact::Supervision(fact) => self.apply_supervision(fact),
            Fact::Goal(_) => {}
        }
    }

    fn apply_slice(&mut self, fact: &SliceFact, at: Timestamp) {
        match fact {
            SliceFact::SliceAccepted { slice, .. } => self.with(slice, |it| it.enter(Stage::Accepted, at)),
            SliceFact::SliceReturned { slice, feedback, .. } => {
                self.with(slice, |it| it.sent_back(feedback, continue_from(it), at));
            }
            SliceFact::SliceUnchanged { slice, why, .. } => self.with(slice, |it| {
                it.said_done = false;
                it.ended = Some(at);
                it.enter(Stage::Unchanged { why: why.clone() }, at);
            }),
            SliceFact::SliceGivenUp { slice, reason } => self.with(slice, |it| {
                it.ended = Some(at);
                it.enter(Stage::GivenUp { reason: reason.clone() }, at);
            }),
            SliceFact::SliceReopened { slice, fresh, hint } => self.reopened(slice, *fresh, hint.as_deref(), at),
            SliceFact::QuestionAsked { id, slice, text, about } => {
                self.questions += 1;
                let stage = Stage::Asking { question: id.clone(), text: text.clone(), about: *about };
                self.with(slice, |it| it.enter(stage, at));
            }
            SliceFact::QuestionAnswered { id, answer } => self.answered(id, answer, at),
            SliceFact::SliceSteered { slice, text } => {
                self.with(slice, |it| it.tell(&operator_says("the operator says".to_owned(), text)));
            }
        }
    }

    fn apply_attempt(&mut self, fact: &AttemptFact, attempt: Option<&AttemptRef>, at: Timestamp) {
        match fact {
            AttemptFact::AttemptOffered { attempt, start, agent, .. } => self.offered(attempt, (start, agent), at),
            AttemptFact::AttemptClaimed { attempt, lease_until } => {
                self.change(attempt, |it| {
                    it.told = it.feedback.len();
                    it.enter(Stage::Running { lease_until: *lease_until, step: "preparing" }, at);
                });
            }
            AttemptFact::AttemptFinished { attempt, outcome } => self.finished(attempt, outcome, at),
            AttemptFact::WorktreePrepared { path } => {
                self.progressed(attempt, "agent", |it| it.worktree = Some(path.clone()));
            }
            AttemptFact::SessionOpened { id } => self.session_opened(attempt, id),
            AttemptFact::AgentReported { report } => {
                self.refused(attempt, &report.refused);
                self.progressed(attempt, "capturing", |it| it.lapses += u32::from(report.end == AgentEnd::Lapsed));
            }
            AttemptFact::SliceCaptured { capture } => {
                self.progressed(attempt, "gates", |it| it.capture = Some((it.attempt, capture.clone())));
            }
            AttemptFact::LateResultDropped { .. }
            | AttemptFact::AttemptQuiet(_)
            | AttemptFact::CheckoutChanged { .. } => {}
        }
    }

    fn apply_gate(&mut self, fact: &GateFact) {
        match fact {
            GateFact::GateFinished { scope, result } => self.gated(scope, result),
            GateFact::FlakeSeen { .. } | GateFact::RedBefore { .. } => {}
        }
    }

    fn apply_merge(&mut self, fact: &MergeFact, at: Timestamp) {
        match fact {
            MergeFact::BatchFormed { .. } => {}
            MergeFact::MergeConflicted { slice, with, paths, keep, feedback, .. } => self.with(slice, |it| {
                it.conflicts.push(Conflict { with: with.clone(), paths: paths.clone() });
                it.keep.extend(keep.iter().cloned());
                feedback.summary.clone_into(&mut it.last_failure);
                it.tell(feedback);
                it.next_start = NextStart::Tip;
                it.enter(Stage::Waiting, at);
            }),
            MergeFact::SliceBlamed { slice, feedback, .. } => {
                self.with(slice, |it| it.sent_back(feedback, NextStart::Tip, at));
            }
            MergeFact::SliceIntegrated { slice, batch, merge, tree, .. } => {
                self.trees.insert(merge.clone(), tree.clone());
                let stage = Stage::Integrated { merge: merge.clone(), batch: *batch, order: self.merges };
                self.integrated(slice, stage, merge, at);
            }
            MergeFact::IntegrationLost { slices, begin_again, tip, .. } => {
                for slice in slices {
                    self.taken_back(slice, begin_again.contains(slice), at);
                }
                self.tip = (self.merges > 0).then(|| tip.clone());
            }
        }
    }

    fn apply_budget(&mut self, fact: &BudgetFact, at: Timestamp) {
        match fact {
            BudgetFact::UsageRecorded { slice, usage, .. } => self.with(slice, |it| it.use_up(usage)),
            BudgetFact::BudgetExhausted { budget, limit, account, .. } => {
                if let Account::Slice(slice) = account {
                    self.with(slice, |it| it.over_budget = Some((*budget, *limit)));
                }
            }
            BudgetFact::LimitsSet { account, .. } => {
                if let Account::Slice(slice) = account {
                    self.with(slice, |it| it.over_budget = None);
                }
            }
            BudgetFact::BudgetReserved(_)
            | BudgetFact::BudgetSettled { .. }
            | BudgetFact::BudgetCheckpointed(_)
            | BudgetFact::BudgetNoticed { .. } => {}
            BudgetFact::ClockMoved(moved) => self.records_mut().for_each(|it| it.clock_moved(moved, at)),
        }
    }

    fn apply_supervision(&mut self, fact: &SupervisionFact) {
        match fact {
            SupervisionFact::WorkerQuarantined(quarantine) => self.pair_quarantined(quarantine),
            SupervisionFact::ProfileQuarantined(quarantine) => self.profile_quarantined(quarantine),
            SupervisionFact::BreakerOpened(breaker) => self.breakers.opened(breaker),
            SupervisionFact::BreakerClosed { provider } => self.breakers.closed(provider),
            SupervisionFact::LeftoversCleared(_)
            | SupervisionFact::ActorRestarted { .. }
            | SupervisionFact::RestartsExceeded { .. }
            | SupervisionFact::TailCut { .. } => {}
        }
    }

    fn with(&mut self, slice: &SliceId, change: impl FnOnce(&mut SliceRecord)) {
        if let Some(record) = self.record(slice) {
            change(record);
        }
    }

    /// Changes the slice of an attempt, where that is its newest.
    fn change(&mut self, attempt: &AttemptRef, change: impl FnOnce(&mut SliceRecord)) {
        if let Some(record) = self.record(&attempt.slice).filter(|record| record.epoch == attempt.epoch) {
            change(record);
        }
    }

    fn offered(&mut self, attempt: &AttemptRef, (start, agent): (&CommitId, &str), at: Timestamp) {
        self.epoch = self.epoch.max(attempt.epoch);
        self.with(&attempt.slice, |record| {
            record.attempt = attempt.attempt;
            record.epoch = attempt.epoch;
            if let Some(session) = &mut record.session {
                session.cut_off &= session.agent == agent && record.start.as_ref() == Some(start);
            }
            record.start = Some(start.clone());
            if record.agent != agent {
                record.lapses = 0;
            }
            agent.clone_into(&mut record.agent);
            record.gate_results.clear();
            record.reviews.clear();
            record.started.get_or_insert(at);
            if let Some((owner, _)) = record.capture.as_mut().filter(|_| record.take_up) {
                *owner = attempt.attempt;
            }
            record.enter(Stage::Offered, at);
        });
    }

    fn finished(&mut self, attempt: &AttemptRef, outcome: &AttemptOutcome, at: Timestamp) {
        let open = |record: &&mut SliceRecord| record.epoch == attempt.epoch && record.is_at_work();
        let Some(record) = self.record(&attempt.slice).filter(open) else { return };
        finish(record, outcome, at);
        let agent = record.agent.clone();
        self.quarantines.ended(&attempt.slice, &agent, outcome);
    }

    fn progressed(
        &mut self,
        attempt: Option<&AttemptRef>,
        now_doing: &'static str,
        change: impl FnOnce(&mut SliceRecord),
    ) {
        let Some(attempt) = attempt else { return };
        // What comes after the attempt is over no longer counts.
        let counts = |record: &&mut SliceRecord| record.epoch == attempt.epoch && record.is_running();
        let Some(record) = self.record(&attempt.slice).filter(counts) else { return };
        change(record);
        if let Stage::Running { step, .. } = &mut record.stage {
            *step = now_doing;
        }
    }

    /// Also of an attempt that is over: it happened.
    fn refused(&mut self, attempt: Option<&AttemptRef>, refused: &Refusals) {
        let Some(attempt) = attempt.filter(|_| !refused.is_empty()) else { return };
        let refused = AttemptRefusals { attempt: attempt.attempt, refused: refused.clone() };
        self.with(&attempt.slice, |record| record.refused.push(refused));
    }

    fn session_opened(&mut self, attempt: Option<&AttemptRef>, id: &str) {
        self.progressed(attempt, "agent", |it| {
            it.session_told = it.told;
            let known = it.session.take().filter(|known| known.id == id && known.agent == it.agent);
            let (used, failures) = known.map(|known| (known.used, known.failures)).unwrap_or_default();
            it.session = it.worktree.clone().map(|worktree| AgentSession {
                agent: it.agent.clone(),
                id: id.to_owned(),
                worktree,
                used,
                cut_off: true,
                failures,
                news: 0,
            });
        });
    }

    fn gated(&mut self, scope: &GateScope, result: &GateResult) {
        let (slice, attempt) = match scope {
            GateScope::Attempt { slice, attempt } => (slice, *attempt),
            GateScope::Base | GateScope::Batch { .. } | GateScope::Tip => return,
        };
        if let Some(record) = self.record(slice).filter(|it| it.attempt == attempt && it.is_running()) {
            record.gate_results.retain(|known| known.gate != result.gate);
            record.gate_results.push(result.clone());
        }
    }

    fn reviewed(&mut self, subject: &Subject, review: &Review) {
        let (slice, attempt): (&SliceId, Attempt) = match subject {
            Subject::Slice { slice, attempt } => (slice, *attempt),
            Subject::Goal { .. } => return,
        };
        let Some(record) = self.record(slice).filter(|record| record.attempt == attempt) else { return };
        if let Stage::Reviewing { reviews } = &mut record.stage {
            reviews.insert(review.role, review.clone());
            record.reviews = reviews.values().cloned().collect();
        }
    }

    fn integrated(&mut self, slice: &SliceId, stage: Stage, merge: &CommitId, at: Timestamp) {
        if let Some(record) = self.record(slice) {
            record.ended = Some(at);
            record.enter(stage, at);
            self.merges += 1;
            self.tip = Some(merge.clone());
        }
    }

    /// A slice is in the integrated history no more: it waits for its merge, or begins again.
    fn taken_back(&mut self, slice: &SliceId, begins_again: bool, at: Timestamp) {
        let Some(record) = self.record(slice).filter(|record| record.is_integrated()) else { return };
        record.ended = None;
        if begins_again {
            reopen(record, true, None);
            record.capture = None;
            record.enter(Stage::Waiting, at);
        } else {
            record.enter(Stage::Accepted, at);
        }
        self.merges -= 1;
    }

    fn reopened(&mut self, slice: &SliceId, fresh: bool, hint: Option<&str>, at: Timestamp) {
        let open = |record: &&mut SliceRecord| !record.is_integrated();
        let Some(record) = self.record(slice).filter(open) else { return };
        reopen(record, fresh, hint);
        record.enter(Stage::Waiting, at);
        let spec = record.spec.clone();
        self.quarantines.reopened(&spec);
    }

    fn answered(&mut self, id: &str, answer: &str, at: Timestamp) {
        for record in &mut self.records {
            let Stage::Asking { question, text, about } = &record.stage else { continue };
            if question != id {
                continue;
            }
            record.said_done = *about == QuestionTopic::Unchanged && is_yes(answer);
            record.answered.insert(record.feedback.len(), one_line(text));
            record.tell(&operator_says(format!("the operator's answer to {id}"), answer));
            record.enter(Stage::Waiting, at);
        }
    }

    /// A successor gets every attempt that the slice may have.
    fn pair_quarantined(&mut self, quarantine: &Quarantine) {
        self.quarantines.pair(quarantine);
        if quarantine.successor.is_some() {
            self.with(&quarantine.slice, |record| record.failures = 0);
        }
    }

    fn profile_quarantined(&mut self, quarantine: &ProfileQuarantine) {
        self.quarantines.profile(quarantine);
        if quarantine.successor.is_some() {
            let its = |record: &&mut SliceRecord| record.agent == quarantine.agent && record.is_open();
            self.records.iter_mut().filter(its).for_each(|record| record.failures = 0);
        }
    }
}

fn operator_says(summary: String, detail: &str) -> Feedback {
    Feedback { kind: FeedbackKind::Operator, summary, detail: detail.to_owned(), paths: Vec::new() }
}

fn continue_from(record: &SliceRecord) -> NextStart {
    match record.current_capture() {
        Some(capture) if record.next_start != NextStart::Tip => NextStart::Continue(capture.tree.clone()),
        Some(_) | None => record.next_start.clone(),
    }
}

fn finish(record: &mut SliceRecord, outcome: &AttemptOutcome, at: Timestamp) {
    let was_taken_up = std::mem::take(&mut record.take_up);
    record.faults = match outcome {
        AttemptOutcome::Errored { .. } => record.faults + 1,
        AttemptOutcome::Interrupted { .. } => record.faults,
        AttemptOutcome::Passed
        | AttemptOutcome::Rejected { .. }
        | AttemptOutcome::Unchanged
        | AttemptOutcome::Asked { .. }
        | AttemptOutcome::Unavailable { .. }
        | AttemptOutcome::Expired { .. }
        | AttemptOutcome::Limited { .. } => 0,
    };
    let captured = record.current_capture().is_some();
    if !matches!(outcome, AttemptOutcome::Interrupted { .. } | AttemptOutcome::Expired { .. }) {
        record.lapses = 0;
    }
    record.session = match record.session.take() {
        Some(session) if session.agent == record.agent => sessions::after(session, outcome, captured),
        of_another => of_another,
    };
    if record.faults > 1 && !captured {
        // What our machinery fails on may be what stands there.
        record.session = None;
    }
    let stage = match outcome {
        AttemptOutcome::Passed => Stage::Reviewing { reviews: BTreeMap::new() },
        AttemptOutcome::Rejected { feedback } => {
            record.fail(&feedback.summary);
            record.tell(feedback);
            if feedback.kind != FeedbackKind::Policy {
                record.next_start = continue_from(record);
            }
            Stage::Waiting
        }
        AttemptOutcome::Interrupted { .. } => {
            record.take_up = captured;
            record.uncounted += 1;
            Stage::Waiting
        }
        AttemptOutcome::Errored { detail } => {
            record.uncounted += 1;
            detail.clone_into(&mut record.last_failure);
            record.take_up = captured;
            Stage::Waiting
        }
        AttemptOutcome::Expired { detail } => {
            record.fail(detail);
            // Where its check ran out twice, it may be the work that holds it up: an agent goes on with that.
            record.take_up = captured && !was_taken_up;
            record.next_start = continue_from(record);
            Stage::Waiting
        }
        AttemptOutcome::Unchanged
        | AttemptOutcome::Asked { .. }
        | AttemptOutcome::Unavailable { .. }
        | AttemptOutcome::Limited { .. } => {
            record.uncounted += 1;
            Stage::Waiting
        }
    };
    record.enter(stage, at);
}

fn reopen(record: &mut SliceRecord, fresh: bool, hint: Option<&str>) {
    (record.failures, record.lapses) = (0, 0);
    (record.faults, record.said_done) = (0, false);
    record.over_budget = None;
    record.ended = None;
    // What an interrupted attempt captured is earlier work too.
    record.take_up &= !fresh;
    if fresh {
        record.session = None;
    }
    if !record.conflicts.is_empty() {
        record.next_start = NextStart::Tip;
    } else if fresh {
        record.next_start = NextStart::Dependencies;
    } else if matches!(record.stage, Stage::Reviewing { .. } | Stage::Accepted) {
        record.next_start = continue_from(record);
    }
    record.conflicts.clear();
    if let Some(hint) = hint {
        record.tell(&operator_says("the operator says".to_owned(), hint));
    }
}
