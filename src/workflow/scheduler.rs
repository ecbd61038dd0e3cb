//! Which slice gets an attempt next, and what becomes of an attempt that ended.
//!
//! Pure: inputs and the time go in, facts and intents come out. Invariants: never more live workers than permits;
//! never two live workers on one slice; an attempt ends once, by compare-and-swap on its epoch; a slice is offered
//! only when all that it depends on is integrated.

mod keeping_out;
mod offering;
pub mod operator;
mod over_budget;
mod unchanged;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::decided::Decided;
use crate::domain::evidence::{GateResult, GateScope};
use crate::domain::fact::{AttemptFact, Fact, GateFact, MergeFact, ReviewFact, SliceFact};
use crate::domain::goal::{Charter, Drive};
use crate::domain::ids::{Attempt, AttemptRef, Moment, Now, SliceId};
use crate::domain::order::AttemptEnd;
use crate::domain::question::QuestionTopic;
use crate::domain::review::{Review, Role, Subject, Verdict};
use crate::domain::settlement::{Obstruction, Settlement};
use crate::domain::task::{Assignment, AttemptOutcome, Capture};
use crate::graph::frontier::Frontier;
use crate::graph::task_graph::TaskGraph;
use crate::workflow::assignment::{assignment_of, continues};
use crate::workflow::breaker::Probes;
use crate::workflow::leases::Leases;
use crate::workflow::settling::{
    cut_off_by_the_end, describe, is_exhausted, is_faulted, nobody_answers, reason_to_give_up, review_feedback,
};
use crate::workflow::slices::{SliceRecord, SliceTable, Stage};
use crate::workflow::surroundings::surroundings;

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
    /// What the operator said is durable: tell whoever said it, by this number.
    Answer(u64),
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
    leases: Leases,
    probes: Probes,
    obstruction: Option<Obstruction>,
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
            if matches!(record.stage, Stage::Integrated { .. } | Stage::Unchanged { .. }) {
                frontier.complete(&record.spec.id);
            }
        }
        Self {
            leases: Leases::new(charter.settings.lease_ms),
            charter,
            table,
            graph,
            frontier,
            live: BTreeSet::new(),
            probes: Probes::default(),
            obstruction: None,
            pass: None,
            begun: false,
            reported: false,
        }
    }

    /// The slices as they stand.
    pub fn table(&self) -> &SliceTable {
        &self.table
    }

    fn record(&mut self, decided: &mut Decided<Intent>, fact: Fact, now: Now) {
        self.table.apply(&fact, None, now.wall);
        decided.facts.push(fact);
    }

    /// Starts the run: closes what an earlier run left open, then dispatches.
    pub fn begin(&mut self, drive: Drive, now: Now) -> Decided<Intent> {
        let mut decided = Decided::default();
        self.begun = true;
        self.probes.take_up(&self.table.breakers, &self.charter.settings, now);
        self.close_interrupted(&mut decided, now);
        self.reopen_faulted(&mut decided, now);
        self.take_up_reviews(&mut decided, now);
        if drive == Drive::Pass {
            self.pass = Some(self.frontier.ready().cloned().collect());
        }
        self.dispatch(&mut decided, now);
        decided
    }

    fn close_interrupted(&mut self, decided: &mut Decided<Intent>, now: Now) {
        let cut_off: Vec<_> = self.table.iter().filter_map(cut_off_by_the_end).collect();
        for fact in cut_off {
            self.record(decided, fact, now);
        }
    }

    /// A slice under which our own machinery failed until the run ended is tried again by the next one: whoever resumes
    /// the goal has seen to it.
    fn reopen_faulted(&mut self, decided: &mut Decided<Intent>, now: Now) {
        let faulted = |r: &&SliceRecord| r.stage == Stage::Waiting && is_faulted(r);
        let slices: Vec<_> = self.table.iter().filter(faulted).map(|r| r.spec.id.clone()).collect();
        for slice in slices {
            self.record(decided, Fact::Slice(SliceFact::SliceReopened { slice, fresh: false, hint: None }), now);
        }
    }

    fn take_up_reviews(&mut self, decided: &mut Decided<Intent>, now: Now) {
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
    pub fn claim(&mut self, attempt: &AttemptRef, now: Now) -> Decided<Intent> {
        let mut decided = Decided::default();
        let offered = |r: &&SliceRecord| r.stage == Stage::Offered && r.attempt_ref() == *attempt;
        let Some(record) = self.table.slice(&attempt.slice).filter(offered) else {
            return Decided::intent(Intent::Deny(attempt.clone()));
        };
        let mut assignment = assignment_of(record, continues(&record.agent));
        assignment.around = surroundings(&self.graph, &self.charter.proposal.gates, &record.spec);
        let lease_until = now.wall.plus(self.charter.settings.lease_ms);
        self.leases.grant(attempt, now.steady);
        self.record(
            &mut decided,
            Fact::Attempt(AttemptFact::AttemptClaimed { attempt: attempt.clone(), lease_until }),
            now,
        );
        decided.intents.push(Intent::Grant(Box::new(assignment)));
        decided
    }

    /// A worker and what it runs still live; `false` where its lease is over. Renewals are not facts.
    pub fn renew(&mut self, attempt: &AttemptRef, now: Moment) -> bool {
        self.leases.renew(attempt, now)
    }

    /// The model of an attempt's agent has answered: its provider takes requests.
    pub fn answered(&mut self, attempt: &AttemptRef, now: Now) -> Decided<Intent> {
        let mut decided = Decided::default();
        if let Some(closed) = self.probes.answered(&self.table.breakers, attempt) {
            self.record(&mut decided, closed, now);
            self.dispatch(&mut decided, now);
        }
        decided
    }

    /// Somebody else has handed a fact about slices to the journal: a worker what it did, the budget what was used.
    pub fn heard(&mut self, fact: &Fact, attempt: Option<&AttemptRef>, now: Now) {
        self.table.apply(fact, attempt, now.wall);
    }

    /// A worker ends its attempt.
    pub fn finish(&mut self, attempt: &AttemptRef, end: AttemptEnd, now: Now) -> Decided<Intent> {
        let mut decided = Decided::default();
        let AttemptEnd { outcome, capture, gates, shortage } = end;
        if !self.leases.end(attempt) {
            let detail = format!("{} after the end of its lease", describe(&outcome));
            self.record(
                &mut decided,
                Fact::Attempt(AttemptFact::LateResultDropped { attempt: attempt.clone(), detail }),
                now,
            );
            decided.intents.push(Intent::Deny(attempt.clone()));
            return decided;
        }
        if let Some(capture) = capture {
            self.table.apply(&Fact::Attempt(AttemptFact::SliceCaptured { capture }), Some(attempt), now.wall);
        }
        for result in gates {
            let scope = GateScope::Attempt { slice: attempt.slice.clone(), attempt: attempt.attempt };
            self.table.apply(
                &Fact::Gate(GateFact::GateFinished { scope, result: Box::new(result) }),
                Some(attempt),
                now.wall,
            );
        }
        if let (Some(_), AttemptOutcome::Errored { detail }) = (shortage, &outcome) {
            // The next attempt would fail as well: whoever resumes the goal has made room.
            self.obstruction.get_or_insert_with(|| Obstruction::Fault(detail.clone()));
        }
        self.end_attempt(attempt, outcome, &mut decided, now);
        decided.intents.insert(0, Intent::Confirm(attempt.clone()));
        decided
    }

    fn end_attempt(&mut self, attempt: &AttemptRef, outcome: AttemptOutcome, decided: &mut Decided<Intent>, now: Now) {
        let outcome = self.unasked(attempt, outcome);
        self.record(
            decided,
            Fact::Attempt(AttemptFact::AttemptFinished { attempt: attempt.clone(), outcome: outcome.clone() }),
            now,
        );
        match &outcome {
            AttemptOutcome::Unavailable { detail } => {
                self.obstruction.get_or_insert_with(|| Obstruction::AgentUnavailable(detail.clone()));
            }
            AttemptOutcome::Asked { question } => {
                let asked = self.question(attempt, QuestionTopic::Agents, question.clone());
                self.record(decided, asked, now);
            }
            AttemptOutcome::Unchanged => self.judge_unchanged(attempt, decided, now),
            AttemptOutcome::Passed
            | AttemptOutcome::Rejected { .. }
            | AttemptOutcome::Interrupted { .. }
            | AttemptOutcome::Expired { .. }
            | AttemptOutcome::Limited { .. }
            | AttemptOutcome::Errored { .. } => {}
        }
        self.judge_provider(attempt, &outcome, decided, now);
        self.ask_missing_reviewers(&attempt.slice, decided);
        self.dispatch(decided, now);
    }

    /// The next question about a slice, by the number that follows.
    fn question(&self, attempt: &AttemptRef, about: QuestionTopic, text: String) -> Fact {
        let id = format!("a{}", self.table.questions + 1);
        Fact::Slice(SliceFact::QuestionAsked { id, slice: attempt.slice.clone(), text, about })
    }

    /// Where nobody answers, a question goes back to the agent, but for that of a slice's last attempt: then the goal
    /// ends with it.
    fn unasked(&self, attempt: &AttemptRef, outcome: AttemptOutcome) -> AttemptOutcome {
        let again = |record: &SliceRecord| record.failures + 1 < record.spec.max_attempts();
        match outcome {
            AttemptOutcome::Asked { question }
                if self.charter.no_input && self.table.slice(&attempt.slice).is_some_and(again) =>
            {
                AttemptOutcome::Rejected { feedback: nobody_answers(&question) }
            }
            outcome => outcome,
        }
    }

    /// The worker of an attempt is gone, and its processes with it: the permit is free.
    pub fn worker_gone(&mut self, attempt: &AttemptRef, crash: Option<&str>, now: Now) -> Decided<Intent> {
        let mut decided = Decided::default();
        self.live.remove(attempt);
        let open = self.table.slice(&attempt.slice).is_some_and(|record| {
            record.attempt_ref() == *attempt && matches!(record.stage, Stage::Offered | Stage::Running { .. })
        });
        if open {
            self.leases.end(attempt);
            let detail = crash.unwrap_or("its worker ended without a result").to_owned();
            self.end_attempt(attempt, AttemptOutcome::Errored { detail }, &mut decided, now);
        } else {
            self.dispatch(&mut decided, now);
        }
        decided
    }

    /// Looks for leases that ran out, and for providers whose time has come.
    pub fn tick(&mut self, now: Now) -> Decided<Intent> {
        let mut decided = Decided::default();
        for attempt in self.leases.take_over(now.steady) {
            decided.intents.push(Intent::StopWorker(attempt.clone()));
            let lease = humantime::format_duration(Duration::from_millis(self.charter.settings.lease_ms));
            let detail = format!("its lease ran out: no sign of life for {lease}");
            self.end_attempt(&attempt, AttemptOutcome::Expired { detail }, &mut decided, now);
        }
        if self.table.breakers.iter().next().is_some() {
            self.dispatch(&mut decided, now);
        }
        decided
    }

    /// A reviewer reported on an attempt. The fact is the reviewer's own and durable already.
    pub fn reviewed(&mut self, slice: &SliceId, attempt: Attempt, review: Review, now: Now) -> Decided<Intent> {
        let mut decided = Decided::default();
        let subject = Subject::Slice { slice: slice.clone(), attempt };
        self.table.apply(&Fact::Review(ReviewFact::ReviewFinished { subject, review }), None, now.wall);
        self.judge_reviews(slice, &mut decided, now);
        self.dispatch(&mut decided, now);
        decided
    }

    /// A reviewer could not do its work.
    pub fn review_failed(&mut self, detail: &str, now: Now) -> Decided<Intent> {
        let mut decided = Decided::default();
        self.obstruction.get_or_insert_with(|| Obstruction::Fault(format!("a review failed: {detail}")));
        self.dispatch(&mut decided, now);
        decided
    }

    fn judge_reviews(&mut self, slice: &SliceId, decided: &mut Decided<Intent>, now: Now) {
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
            self.record(decided, Fact::Slice(SliceFact::SliceAccepted { slice: slice.clone(), attempt }), now);
            decided.intents.push(enqueue);
        } else {
            let feedback = review_feedback(&blocking);
            self.record(
                decided,
                Fact::Slice(SliceFact::SliceReturned { slice: slice.clone(), attempt, feedback }),
                now,
            );
        }
    }

    /// The integrator decided about an enqueued slice, or ran a gate. The fact is its own and durable already.
    pub fn landed(&mut self, fact: &Fact, now: Now) -> Decided<Intent> {
        let mut decided = Decided::default();
        self.table.apply(fact, None, now.wall);
        if let Fact::Merge(MergeFact::SliceIntegrated { slice, .. }) = fact {
            self.frontier.complete(slice);
        }
        self.dispatch(&mut decided, now);
        decided
    }

    /// Starts nothing new from here on.
    pub fn halt(&mut self, why: &str, now: Now) -> Decided<Intent> {
        self.obstruct(Obstruction::Halted(why.to_owned()), now)
    }

    /// The merge queue stands still: our own machinery failed.
    pub fn queue_failed(&mut self, detail: &str, now: Now) -> Decided<Intent> {
        self.obstruct(Obstruction::Fault(detail.to_owned()), now)
    }

    fn obstruct(&mut self, obstruction: Obstruction, now: Now) -> Decided<Intent> {
        let mut decided = Decided::default();
        self.obstruction.get_or_insert(obstruction);
        self.dispatch(&mut decided, now);
        decided
    }

    fn dispatch(&mut self, decided: &mut Decided<Intent>, now: Now) {
        if !self.begun {
            return;
        }
        self.complete_answered(decided, now);
        self.quarantine(decided, now);
        self.give_up_exhausted(decided, now);
        self.give_up_over_budget(decided, now);
        if self.obstruction.is_none() {
            self.offer_ready(decided, now);
        }
        if !self.reported && self.is_settled() {
            self.reported = true;
            decided.intents.push(Intent::Report(Box::new(self.settlement())));
        }
    }

    fn give_up_exhausted(&mut self, decided: &mut Decided<Intent>, now: Now) {
        let exhausted: Vec<_> = self.table.iter().filter(|r| is_exhausted(r)).map(|r| r.spec.id.clone()).collect();
        for slice in exhausted {
            let Some(record) = self.table.slice(&slice) else { continue };
            if is_faulted(record) {
                self.obstruction.get_or_insert(Obstruction::Fault(record.last_failure.clone()));
            } else {
                let reason = reason_to_give_up(record);
                self.record(decided, Fact::Slice(SliceFact::SliceGivenUp { slice, reason }), now);
            }
        }
    }
}
