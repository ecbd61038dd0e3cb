//! Which slice gets an attempt next, and what becomes of an attempt that ended.
//!
//! Pure: inputs and the time go in, facts and intents come out. Invariants: never more live workers than permits;
//! never two live workers on one slice; an attempt ends once, by compare-and-swap on its epoch; a slice is offered
//! only when all that it depends on is integrated.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::decided::Decided;
use crate::domain::event::Fact;
use crate::domain::evidence::{GateResult, GateScope};
use crate::domain::goal::{Charter, Drive};
use crate::domain::ids::{Attempt, AttemptRef, CommitId, SliceId, Timestamp};
use crate::domain::order::AttemptEnd;
use crate::domain::review::{Review, Role, Subject, Verdict};
use crate::domain::settlement::{Obstruction, Settlement};
use crate::domain::task::{Assignment, AttemptOutcome, Capture};
use crate::graph::frontier::Frontier;
use crate::graph::task_graph::TaskGraph;
use crate::workflow::assignment::{SCRIPT, assignment_of, continues};
use crate::workflow::settling::{describe, is_exhausted, reason_to_give_up, review_feedback, settlement_of};
use crate::workflow::slices::{NextStart, SliceRecord, SliceTable, Stage};

/// What the scheduler wants to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Start a worker.
    StartWorker(AttemptRef),
    /// Kill what works on an attempt.
    StopWorker(AttemptRef),
    /// Let these roles look at an attempt.
    Review {
        /// The attempt.
        attempt: AttemptRef,
        /// What it captured.
        capture: Capture,
        /// Who looks.
        roles: Vec<Role>,
    },
    /// Put an attempt into the merge queue.
    Enqueue {
        /// The slice.
        slice: SliceId,
        /// Which try.
        attempt: Attempt,
        /// What it captured.
        capture: Capture,
        /// The verdicts of its gates on the captured tree.
        gates: Vec<GateResult>,
    },
    /// The claim holds: give the worker its assignment.
    Grant(Box<Assignment>),
    /// The end of the attempt is durable.
    Confirm(AttemptRef),
    /// The lease is over: whatever the attempt says no longer counts.
    Deny(AttemptRef),
    /// Nothing runs and nothing can be started.
    Report(Box<Settlement>),
}

/// The scheduler's state.
#[derive(Debug)]
pub struct Scheduler {
    // durable: folded from the journal
    charter: Arc<Charter>,
    table: SliceTable,
    // derived from the table
    graph: Arc<TaskGraph>,
    frontier: Frontier,
    // ephemeral
    live: BTreeSet<AttemptRef>,
    leases: BTreeMap<AttemptRef, Timestamp>,
    obstruction: Option<Obstruction>,
    /// Slices that are given up as soon as nothing works on them, and why.
    doomed: BTreeMap<SliceId, String>,
    /// The slices of this pass; `None` without such a limit.
    pass: Option<BTreeSet<SliceId>>,
    begun: bool,
    reported: bool,
}

impl Scheduler {
    /// A scheduler whose table was folded from the journal.
    pub fn new(charter: Arc<Charter>, graph: Arc<TaskGraph>, table: SliceTable) -> Self {
        let mut frontier = Frontier::new(Arc::clone(&graph));
        for record in table.iter() {
            if let Stage::Integrated { .. } = record.stage {
                frontier.complete(&record.spec.id);
            }
        }
        Self {
            charter,
            table,
            graph,
            frontier,
            live: BTreeSet::new(),
            leases: BTreeMap::new(),
            obstruction: None,
            doomed: BTreeMap::new(),
            pass: None,
            begun: false,
            reported: false,
        }
    }

    /// The slices as they stand.
    pub fn table(&self) -> &SliceTable {
        &self.table
    }

    fn record(&mut self, decided: &mut Decided<Intent>, fact: Fact, now: Timestamp) {
        self.table.apply(&fact, None, now);
        decided.facts.push(fact);
    }

    /// Starts the run: closes what an earlier run left open, then dispatches.
    pub fn begin(&mut self, drive: Drive, now: Timestamp) -> Decided<Intent> {
        let mut decided = Decided::default();
        self.begun = true;
        self.close_interrupted(&mut decided, now);
        self.reopen_faulted(&mut decided, now);
        self.take_up_reviews(&mut decided, now);
        if drive == Drive::Pass {
            self.pass = Some(self.frontier.ready().cloned().collect());
        }
        self.dispatch(&mut decided, now);
        decided
    }

    fn close_interrupted(&mut self, decided: &mut Decided<Intent>, now: Timestamp) {
        let open = |r: &&SliceRecord| matches!(r.stage, Stage::Offered | Stage::Running { .. });
        let attempts: Vec<_> = self.table.iter().filter(open).map(SliceRecord::attempt_ref).collect();
        for attempt in attempts {
            let outcome = AttemptOutcome::Interrupted { by: "the end of the run before".to_owned() };
            self.record(decided, Fact::AttemptFinished { attempt, outcome }, now);
        }
    }

    /// A slice whose attempts our own machinery has used up is tried again by the next run: whoever resumes the goal
    /// has seen to it.
    fn reopen_faulted(&mut self, decided: &mut Decided<Intent>, now: Timestamp) {
        let faulted = |r: &&SliceRecord| r.faulted && is_exhausted(r);
        let slices: Vec<_> = self.table.iter().filter(faulted).map(|r| r.spec.id.clone()).collect();
        for slice in slices {
            self.record(decided, Fact::SliceReopened { slice, fresh: false, hint: None }, now);
        }
    }

    fn take_up_reviews(&mut self, decided: &mut Decided<Intent>, now: Timestamp) {
        let reviewing = |r: &&SliceRecord| matches!(r.stage, Stage::Reviewing { .. });
        let slices: Vec<_> = self.table.iter().filter(reviewing).map(|r| r.spec.id.clone()).collect();
        for slice in slices {
            self.judge_reviews(&slice, decided, now);
            self.ask_missing_reviewers(&slice, decided);
        }
    }

    fn ask_missing_reviewers(&self, slice: &SliceId, decided: &mut Decided<Intent>) {
        let Some(record) = self.table.slice(slice) else { return };
        let (Stage::Reviewing { reviews }, Some(capture)) = (&record.stage, record.current_capture()) else { return };
        let roles: Vec<_> = Role::ALL.into_iter().filter(|role| !reviews.contains_key(role)).collect();
        if !roles.is_empty() {
            decided.intents.push(Intent::Review { attempt: record.attempt_ref(), capture: capture.clone(), roles });
        }
    }

    /// A worker takes an offered attempt.
    pub fn claim(&mut self, attempt: &AttemptRef, now: Timestamp) -> Decided<Intent> {
        let mut decided = Decided::default();
        let offered = |r: &&SliceRecord| r.stage == Stage::Offered && r.attempt_ref() == *attempt;
        let Some(record) = self.table.slice(&attempt.slice).filter(offered) else {
            return Decided::intent(Intent::Deny(attempt.clone()));
        };
        let assignment = assignment_of(record, continues(&record.agent));
        let lease_until = now.plus(self.charter.settings.lease_ms);
        self.leases.insert(attempt.clone(), lease_until);
        self.record(&mut decided, Fact::AttemptClaimed { attempt: attempt.clone(), lease_until }, now);
        decided.intents.push(Intent::Grant(Box::new(assignment)));
        decided
    }

    /// A worker still works; `false` where its lease is over. Renewals are not facts.
    pub fn renew(&mut self, attempt: &AttemptRef, now: Timestamp) -> bool {
        let lease_ms = self.charter.settings.lease_ms;
        match self.leases.get_mut(attempt) {
            Some(until) => {
                *until = now.plus(lease_ms);
                true
            }
            None => false,
        }
    }

    /// A worker ends its attempt.
    pub fn finish(&mut self, attempt: &AttemptRef, end: AttemptEnd, now: Timestamp) -> Decided<Intent> {
        let mut decided = Decided::default();
        let AttemptEnd { outcome, capture, gates } = end;
        if self.leases.remove(attempt).is_none() {
            let detail = format!("{} after the end of its lease", describe(&outcome));
            self.record(&mut decided, Fact::LateResultDropped { attempt: attempt.clone(), detail }, now);
            decided.intents.push(Intent::Deny(attempt.clone()));
            return decided;
        }
        if let Some(capture) = capture {
            self.table.apply(&Fact::SliceCaptured { capture }, Some(attempt), now);
        }
        for result in gates {
            let scope = GateScope::Attempt { slice: attempt.slice.clone(), attempt: attempt.attempt };
            self.table.apply(&Fact::GateFinished { scope, result: Box::new(result) }, Some(attempt), now);
        }
        self.end_attempt(attempt, outcome, &mut decided, now);
        decided.intents.insert(0, Intent::Confirm(attempt.clone()));
        decided
    }

    fn end_attempt(
        &mut self,
        attempt: &AttemptRef,
        outcome: AttemptOutcome,
        decided: &mut Decided<Intent>,
        now: Timestamp,
    ) {
        let unavailable = match &outcome {
            AttemptOutcome::Unavailable { detail } => Some(detail.clone()),
            _ => None,
        };
        let question = match &outcome {
            AttemptOutcome::Asked { question } => Some(question.clone()),
            _ => None,
        };
        self.record(decided, Fact::AttemptFinished { attempt: attempt.clone(), outcome }, now);
        if let Some(detail) = unavailable {
            self.obstruction.get_or_insert(Obstruction::AgentUnavailable(detail));
        }
        if let Some(text) = question {
            let id = format!("a{}", self.table.questions + 1);
            self.record(decided, Fact::QuestionAsked { id, slice: attempt.slice.clone(), text }, now);
        }
        self.ask_missing_reviewers(&attempt.slice, decided);
        self.dispatch(decided, now);
    }

    /// The worker of an attempt is gone, and its processes with it: the permit is free.
    pub fn worker_gone(&mut self, attempt: &AttemptRef, crash: Option<&str>, now: Timestamp) -> Decided<Intent> {
        let mut decided = Decided::default();
        self.live.remove(attempt);
        let open = self.table.slice(&attempt.slice).is_some_and(|record| {
            record.attempt_ref() == *attempt && matches!(record.stage, Stage::Offered | Stage::Running { .. })
        });
        if open {
            self.leases.remove(attempt);
            let detail = crash.unwrap_or("its worker ended without a result").to_owned();
            self.end_attempt(attempt, AttemptOutcome::Expired { detail }, &mut decided, now);
        } else {
            self.dispatch(&mut decided, now);
        }
        decided
    }

    /// Looks for leases that ran out.
    pub fn tick(&mut self, now: Timestamp) -> Decided<Intent> {
        let mut decided = Decided::default();
        let over: Vec<_> =
            self.leases.iter().filter(|(_, until)| **until <= now).map(|(attempt, _)| attempt.clone()).collect();
        for attempt in over {
            self.leases.remove(&attempt);
            decided.intents.push(Intent::StopWorker(attempt.clone()));
            let detail = format!("its lease of {} ms ran out", self.charter.settings.lease_ms);
            self.end_attempt(&attempt, AttemptOutcome::Expired { detail }, &mut decided, now);
        }
        decided
    }

    /// A reviewer reported on an attempt. The fact is the reviewer's own and durable already.
    pub fn reviewed(&mut self, slice: &SliceId, attempt: Attempt, review: Review, now: Timestamp) -> Decided<Intent> {
        let mut decided = Decided::default();
        let subject = Subject::Slice { slice: slice.clone(), attempt };
        self.table.apply(&Fact::ReviewFinished { subject, review }, None, now);
        self.judge_reviews(slice, &mut decided, now);
        self.dispatch(&mut decided, now);
        decided
    }

    /// A reviewer could not do its work.
    pub fn review_failed(&mut self, detail: &str, now: Timestamp) -> Decided<Intent> {
        let mut decided = Decided::default();
        self.obstruction.get_or_insert_with(|| Obstruction::Fault(format!("a review failed: {detail}")));
        self.dispatch(&mut decided, now);
        decided
    }

    fn judge_reviews(&mut self, slice: &SliceId, decided: &mut Decided<Intent>, now: Timestamp) {
        let Some(record) = self.table.slice(slice) else { return };
        let (Stage::Reviewing { reviews }, Some(capture)) = (&record.stage, record.current_capture()) else { return };
        if reviews.len() < Role::ALL.len() {
            return;
        }
        let attempt = record.attempt;
        let blocking: Vec<_> = reviews.values().filter(|r| r.verdict == Verdict::Blocked).cloned().collect();
        if blocking.is_empty() {
            let (capture, gates) = (capture.clone(), record.gate_results.clone());
            let enqueue = Intent::Enqueue { slice: slice.clone(), attempt, capture, gates };
            self.record(decided, Fact::SliceAccepted { slice: slice.clone(), attempt }, now);
            decided.intents.push(enqueue);
        } else {
            let feedback = review_feedback(&blocking);
            self.record(decided, Fact::SliceReturned { slice: slice.clone(), attempt, feedback }, now);
        }
    }

    /// The integrator decided about an enqueued slice. The fact is its own and durable already.
    pub fn landed(&mut self, fact: &Fact, now: Timestamp) -> Decided<Intent> {
        let mut decided = Decided::default();
        self.table.apply(fact, None, now);
        if let Fact::SliceIntegrated { slice, .. } = fact {
            self.frontier.complete(slice);
        }
        self.dispatch(&mut decided, now);
        decided
    }

    /// Starts nothing new from here on.
    pub fn halt(&mut self, why: &str, now: Timestamp) -> Decided<Intent> {
        self.obstruct(Obstruction::Halted(why.to_owned()), now)
    }

    /// The merge queue stands still: our own machinery failed.
    pub fn queue_failed(&mut self, detail: &str, now: Timestamp) -> Decided<Intent> {
        self.obstruct(Obstruction::Fault(detail.to_owned()), now)
    }

    fn obstruct(&mut self, obstruction: Obstruction, now: Timestamp) -> Decided<Intent> {
        let mut decided = Decided::default();
        self.obstruction.get_or_insert(obstruction);
        self.dispatch(&mut decided, now);
        decided
    }

    fn dispatch(&mut self, decided: &mut Decided<Intent>, now: Timestamp) {
        if !self.begun {
            return;
        }
        self.give_up_exhausted(decided, now);
        self.give_up_doomed(decided, now);
        if self.obstruction.is_none() {
            self.offer_ready(decided, now);
        }
        if !self.reported && self.is_settled() {
            self.reported = true;
            decided.intents.push(Intent::Report(Box::new(self.settlement())));
        }
    }

    fn give_up_exhausted(&mut self, decided: &mut Decided<Intent>, now: Timestamp) {
        let exhausted: Vec<_> = self.table.iter().filter(|r| is_exhausted(r)).map(|r| r.spec.id.clone()).collect();
        for slice in exhausted {
            let Some(record) = self.table.slice(&slice) else { continue };
            if record.faulted {
                self.obstruction.get_or_insert(Obstruction::Fault(record.last_failure.clone()));
            } else {
                let reason = reason_to_give_up(record);
                self.record(decided, Fact::SliceGivenUp { slice, reason }, now);
            }
        }
    }

    fn offer_ready(&mut self, decided: &mut Decided<Intent>, now: Timestamp) {
        let ready: Vec<_> = self.frontier.ready().cloned().collect();
        for slice in ready {
            if self.live.len() >= self.charter.max_agents as usize {
                return;
            }
            if self.may_offer(&slice) {
                self.offer(&slice, decided, now);
            }
        }
    }

    fn may_offer(&self, slice: &SliceId) -> bool {
        let waiting = self.table.slice(slice).is_some_and(|r| r.stage == Stage::Waiting && !is_exhausted(r));
        let in_pass = self.pass.as_ref().is_none_or(|pass| pass.contains(slice));
        waiting && in_pass && !self.awaits_queue(slice) && !self.live.iter().any(|attempt| attempt.slice == *slice)
    }

    /// What it clashed with may still be in the merge queue: begun before that has landed, its next attempt would
    /// clash with the same thing again.
    fn awaits_queue(&self, slice: &SliceId) -> bool {
        let clashed = |record: &SliceRecord| record.next_start == NextStart::Tip && !record.take_up;
        self.table.slice(slice).is_some_and(clashed) && self.table.iter().any(|other| other.stage == Stage::Accepted)
    }

    fn offer(&mut self, slice: &SliceId, decided: &mut Decided<Intent>, now: Timestamp) {
        let Some(record) = self.table.slice(slice) else { return };
        let attempt =
            AttemptRef { slice: slice.clone(), attempt: record.attempt.next(), epoch: self.table.epoch.next() };
        let agent = self.agent_of(record);
        let (start, content) = self.start_of(record, continues(&agent));
        self.record(decided, Fact::AttemptOffered { attempt: attempt.clone(), start, content, agent }, now);
        self.live.insert(attempt.clone());
        decided.intents.push(Intent::StartWorker(attempt));
    }

    fn agent_of(&self, record: &SliceRecord) -> String {
        match (&record.spec.run, &self.charter.agent) {
            (Some(_), _) => SCRIPT.to_owned(),
            (None, Some(agent)) => agent.clone(),
            (None, None) => String::new(),
        }
    }

    /// The commit that the next attempt starts from, and the tree that its worktree holds where that differs.
    fn start_of(&self, record: &SliceRecord, continues: bool) -> (CommitId, Option<crate::domain::ids::TreeId>) {
        let base = &self.charter.repository.base;
        if record.take_up
            && let Some(start) = &record.start
        {
            return (start.clone(), None);
        }
        match (&record.next_start, &record.start) {
            (NextStart::Tip, _) => (self.table.tip.as_ref().unwrap_or(base).clone(), None),
            (NextStart::Continue(tree), Some(start)) if continues => (start.clone(), Some(tree.clone())),
            (NextStart::Continue(_) | NextStart::Dependencies, _) => (self.newest_dependency(record), None),
        }
    }

    /// The merge that brought in the last of the slice's dependencies: the earliest integrated commit that holds all
    /// of them.
    fn newest_dependency(&self, record: &SliceRecord) -> CommitId {
        let dependencies = self.graph.dependencies(&record.spec.id);
        let merges = dependencies.into_iter().filter_map(|id| match &self.table.slice(id)?.stage {
            Stage::Integrated { merge, order, .. } => Some((*order, merge)),
            Stage::Waiting
            | Stage::Offered
            | Stage::Running { .. }
            | Stage::Reviewing { .. }
            | Stage::Accepted
            | Stage::Asking { .. }
            | Stage::GivenUp { .. } => None,
        });
        merges.max().map_or_else(|| self.charter.repository.base.clone(), |(_, merge)| merge.clone())
    }

    fn is_settled(&self) -> bool {
        if !self.live.is_empty() {
            return false;
        }
        let halted = self.obstruction.is_some();
        self.table.iter().all(|record| match record.stage {
            Stage::Offered | Stage::Running { .. } => false,
            Stage::Reviewing { .. } | Stage::Accepted => halted,
            Stage::Waiting => halted || !self.frontier.is_ready(&record.spec.id) || !self.may_offer(&record.spec.id),
            Stage::Integrated { .. } | Stage::Asking { .. } | Stage::GivenUp { .. } => true,
        })
    }

    fn settlement(&self) -> Settlement {
        Settlement { obstacle: self.obstruction.clone(), ..settlement_of(&self.table) }
    }

    /// A slice has spent all that it may: what works on it is killed, and it is given up. Work that is done already
    /// goes on to its reviews and its merge.
    pub fn budget_used_up(&mut self, slice: &SliceId, reason: &str, now: Timestamp) -> Decided<Intent> {
        let mut decided = Decided::default();
        self.doomed.insert(slice.clone(), reason.to_owned());
        decided.intents.extend(self.live.iter().filter(|it| it.slice == *slice).cloned().map(Intent::StopWorker));
        self.dispatch(&mut decided, now);
        decided
    }

    fn give_up_doomed(&mut self, decided: &mut Decided<Intent>, now: Timestamp) {
        let waits = |slice: &SliceId| self.table.slice(slice).is_some_and(|record| record.stage == Stage::Waiting);
        let due: Vec<_> = self.doomed.keys().filter(|slice| waits(slice)).cloned().collect();
        for slice in due {
            if let Some(reason) = self.doomed.remove(&slice) {
                self.record(decided, Fact::SliceGivenUp { slice, reason }, now);
            }
        }
    }
}
