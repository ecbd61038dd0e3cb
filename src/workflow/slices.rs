//! The fold of every fact about slices: what the scheduler decides on and what views show.
//!
//! Durable state only: all of it is rebuilt by applying the journal from its first record. Invariant: a fact that
//! does not fit the slice's stage changes nothing, so that a journal of any prefix folds.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::domain::budget::Usage;
use crate::domain::event::Fact;
use crate::domain::evidence::{GateResult, GateScope};
use crate::domain::ids::{Attempt, AttemptRef, Batch, CommitId, Epoch, SliceId, Timestamp, TreeId};
use crate::domain::review::{Review, Role, Subject};
use crate::domain::task::{AcceptedPlan, AttemptOutcome, Capture, Feedback, FeedbackKind, KeptLines, SliceSpec};

/// Where a slice stands, with what belongs to that stage alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// No attempt is under way.
    Waiting,
    /// An attempt is up for a worker.
    Offered,
    /// A worker has it.
    Running {
        /// The end of the lease, as it was granted.
        lease_until: Timestamp,
        /// `preparing`, `agent`, `capturing`, `gates`.
        step: &'static str,
    },
    /// The attempt passed its gates; reviewers look at it.
    Reviewing {
        /// The reports so far.
        reviews: BTreeMap<Role, Review>,
    },
    /// In the merge queue.
    Accepted,
    /// In the integrated history.
    Integrated {
        /// The merge.
        merge: CommitId,
        /// The batch.
        batch: Batch,
        /// Its place among all merges, from 0.
        order: usize,
    },
    /// Waits for the operator.
    Asking {
        /// The question's id.
        question: String,
        /// Its text.
        text: String,
    },
    /// Gets no further attempt.
    GivenUp {
        /// Why.
        reason: String,
    },
}

/// A conflict that a slice had at integration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The slices on the other side.
    pub with: Vec<SliceId>,
    /// The paths.
    pub paths: Vec<String>,
}

/// From where the next attempt starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NextStart {
    /// The results of what the slice depends on.
    #[default]
    Dependencies,
    /// The same commit as before, with the work captured there.
    Continue(TreeId),
    /// All that is integrated by then: its work met somebody else's.
    Tip,
}

/// All that is known of one slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SliceRecord {
    /// The slice as planned.
    pub spec: SliceSpec,
    /// Where it stands.
    pub stage: Stage,
    /// Since when.
    pub since: Timestamp,
    /// The newest attempt, 0 before the first.
    pub attempt: Attempt,
    /// The newest lease.
    pub epoch: Epoch,
    /// The agent of the newest attempt.
    pub agent: String,
    /// Attempts that failed since the slice was planned or reopened.
    pub failures: u32,
    /// How the newest failed one failed, one phrase.
    pub last_failure: String,
    /// Whether that was our own machinery.
    pub faulted: bool,
    /// Conflicts since the slice was planned or reopened.
    pub conflicts: Vec<Conflict>,
    /// Lines of other slices that may not be dropped.
    pub keep: Vec<KeptLines>,
    /// What its attempts were told.
    pub feedback: Vec<Feedback>,
    /// The start of the newest attempt.
    pub start: Option<CommitId>,
    /// From where the next one starts.
    pub next_start: NextStart,
    /// The newest capture and its attempt.
    pub capture: Option<(Attempt, Capture)>,
    /// Whether the next attempt takes that capture up, because its own was interrupted.
    pub take_up: bool,
    /// The newest reports on it.
    pub reviews: Vec<Review>,
    /// The newest verdict of each gate on its newest attempt.
    pub gate_results: Vec<GateResult>,
    /// The newest worktree, relative to the goal's directory.
    pub worktree: Option<PathBuf>,
    /// What its agents used.
    pub usage: Usage,
    /// When its first attempt was offered.
    pub started: Option<Timestamp>,
    /// When it was integrated or given up.
    pub ended: Option<Timestamp>,
}

impl SliceRecord {
    fn planned(spec: &SliceSpec, at: Timestamp) -> Self {
        Self {
            spec: spec.clone(),
            stage: Stage::Waiting,
            since: at,
            attempt: Attempt(0),
            epoch: Epoch(0),
            agent: String::new(),
            failures: 0,
            last_failure: String::new(),
            faulted: false,
            conflicts: Vec::new(),
            keep: Vec::new(),
            feedback: Vec::new(),
            start: None,
            next_start: NextStart::Dependencies,
            capture: None,
            take_up: false,
            reviews: Vec::new(),
            gate_results: Vec::new(),
            worktree: None,
            usage: Usage::default(),
            started: None,
            ended: None,
        }
    }

    /// The capture of the newest attempt, where it has one.
    pub fn current_capture(&self) -> Option<&Capture> {
        self.capture.as_ref().filter(|(attempt, _)| *attempt == self.attempt).map(|(_, capture)| capture)
    }

    /// The newest attempt under its lease.
    pub fn attempt_ref(&self) -> AttemptRef {
        AttemptRef { slice: self.spec.id.clone(), attempt: self.attempt, epoch: self.epoch }
    }

    fn is_running(&self) -> bool {
        matches!(self.stage, Stage::Running { .. })
    }

    fn enter(&mut self, stage: Stage, at: Timestamp) {
        self.stage = stage;
        self.since = at;
    }

    fn fail(&mut self, how: &str) {
        self.failures += 1;
        how.clone_into(&mut self.last_failure);
    }

    fn tell(&mut self, feedback: &Feedback) {
        self.feedback.push(feedback.clone());
    }
}

/// Every slice of a goal, in plan order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SliceTable {
    records: Vec<SliceRecord>,
    index: BTreeMap<SliceId, usize>,
    /// The newest lease of the goal.
    pub epoch: Epoch,
    /// Questions asked so far.
    pub questions: u32,
    /// Merges so far.
    merges: usize,
    /// The newest merge; `None` while nothing is integrated.
    pub tip: Option<CommitId>,
}

impl SliceTable {
    /// The slices of a plan that was just accepted.
    pub fn planned(plan: &Arc<AcceptedPlan>, at: Timestamp) -> Self {
        let records: Vec<_> = plan.slices.iter().map(|spec| SliceRecord::planned(spec, at)).collect();
        let index = plan.slices.iter().enumerate().map(|(place, spec)| (spec.id.clone(), place)).collect();
        Self { records, index, ..Self::default() }
    }

    /// One slice.
    pub fn slice(&self, id: &SliceId) -> Option<&SliceRecord> {
        self.index.get(id).map(|&place| &self.records[place])
    }

    /// The place of a slice in the plan, from 0.
    pub fn place(&self, id: &SliceId) -> Option<usize> {
        self.index.get(id).copied()
    }

    /// All slices, in plan order.
    pub fn iter(&self) -> impl Iterator<Item = &SliceRecord> {
        self.records.iter()
    }

    /// Whether there is no slice.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    fn record(&mut self, id: &SliceId) -> Option<&mut SliceRecord> {
        self.index.get(id).map(|&place| &mut self.records[place])
    }

    /// Applies a fact. `attempt` is the one that the journal's record bears, `at` its time.
    pub fn apply(&mut self, fact: &Fact, attempt: Option<&AttemptRef>, at: Timestamp) {
        match fact {
            Fact::PlanAccepted(plan) => *self = Self::planned(&Arc::new((**plan).clone()), at),
            Fact::AttemptOffered { .. } | Fact::AttemptClaimed { .. } | Fact::AttemptFinished { .. } => {
                self.apply_lease(fact, at);
            }
            Fact::WorktreePrepared { .. } | Fact::AgentReported { .. } | Fact::SliceCaptured { .. } => {
                if let Some(attempt) = attempt {
                    self.apply_progress(fact, attempt);
                }
            }
            Fact::GateFinished { scope: GateScope::Attempt { slice, attempt }, result } => {
                // A verdict that comes after the attempt is over no longer counts.
                let counts = |record: &&mut SliceRecord| record.attempt == *attempt && record.is_running();
                if let Some(record) = self.record(slice).filter(counts) {
                    record.gate_results.retain(|known| known.gate != result.gate);
                    record.gate_results.push((**result).clone());
                }
            }
            Fact::ReviewFinished { subject: Subject::Slice { slice, attempt }, review } => {
                self.apply_review(slice, *attempt, review);
            }
            Fact::SliceAccepted { .. }
            | Fact::SliceReturned { .. }
            | Fact::MergeConflicted { .. }
            | Fact::SliceBlamed { .. }
            | Fact::SliceIntegrated { .. } => self.apply_judgement(fact, at),
            Fact::SliceGivenUp { .. }
            | Fact::SliceReopened { .. }
            | Fact::QuestionAsked { .. }
            | Fact::QuestionAnswered { .. } => self.apply_operator(fact, at),
            Fact::UsageRecorded { slice, usage, .. } => {
                if let Some(record) = self.record(slice) {
                    record.usage = record.usage.plus(usage);
                }
            }
            Fact::GateFinished { .. }
            | Fact::ReviewFinished { .. }
            | Fact::GoalCreated(_)
            | Fact::RunStarted { .. }
            | Fact::PhaseEntered { .. }
            | Fact::StopRequested { .. }
            | Fact::Delivered { .. }
            | Fact::GoalSettled { .. }
            | Fact::LateResultDropped { .. }
            | Fact::BatchFormed { .. }
            | Fact::FlakeSeen { .. }
            | Fact::RedBefore { .. }
            | Fact::LimitsSet { .. }
            | Fact::BudgetNoticed { .. }
            | Fact::BudgetExhausted { .. }
            | Fact::ActorRestarted { .. }
            | Fact::RestartsExceeded { .. }
            | Fact::WorkerQuarantined(_)
            | Fact::ProfileQuarantined(_)
            | Fact::BreakerOpened(_)
            | Fact::BreakerClosed { .. }
            | Fact::AttemptQuiet(_)
            | Fact::BudgetReserved(_)
            | Fact::BudgetSettled { .. }
            | Fact::BudgetCheckpointed(_)
            | Fact::ClockMoved(_)
            | Fact::LeftoversCleared(_)
            | Fact::TailCut { .. } => {}
        }
    }

    fn apply_lease(&mut self, fact: &Fact, at: Timestamp) {
        match fact {
            Fact::AttemptOffered { attempt, start, agent, .. } => {
                self.epoch = self.epoch.max(attempt.epoch);
                let Some(record) = self.record(&attempt.slice) else { return };
                record.attempt = attempt.attempt;
                record.epoch = attempt.epoch;
                record.start = Some(start.clone());
                record.agent.clone_from(agent);
                record.gate_results.clear();
                record.reviews.clear();
                record.started.get_or_insert(at);
                if let Some((owner, _)) = record.capture.as_mut().filter(|_| record.take_up) {
                    *owner = attempt.attempt;
                }
                record.enter(Stage::Offered, at);
            }
            Fact::AttemptClaimed { attempt, lease_until } => {
                let Some(record) = self.record(&attempt.slice).filter(|r| r.epoch == attempt.epoch) else { return };
                record.enter(Stage::Running { lease_until: *lease_until, step: "preparing" }, at);
            }
            Fact::AttemptFinished { attempt, outcome } => {
                let Some(record) = self.record(&attempt.slice).filter(|r| r.epoch == attempt.epoch) else { return };
                finish(record, outcome, at);
            }
            _ => {}
        }
    }

    fn apply_progress(&mut self, fact: &Fact, attempt: &AttemptRef) {
        let counts = |record: &&mut SliceRecord| record.epoch == attempt.epoch && record.is_running();
        let Some(record) = self.record(&attempt.slice).filter(counts) else { return };
        let now_doing = match fact {
            Fact::WorktreePrepared { path } => {
                record.worktree = Some(path.clone());
                "agent"
            }
            Fact::AgentReported { .. } => "capturing",
            Fact::SliceCaptured { capture } => {
                record.capture = Some((attempt.attempt, capture.clone()));
                "gates"
            }
            _ => return,
        };
        if let Stage::Running { step, .. } = &mut record.stage {
            *step = now_doing;
        }
    }

    fn apply_review(&mut self, slice: &SliceId, attempt: Attempt, review: &Review) {
        let Some(record) = self.record(slice).filter(|record| record.attempt == attempt) else { return };
        if let Stage::Reviewing { reviews } = &mut record.stage {
            reviews.insert(review.role, review.clone());
            record.reviews = reviews.values().cloned().collect();
        }
    }

    fn apply_judgement(&mut self, fact: &Fact, at: Timestamp) {
        let merges = self.merges;
        match fact {
            Fact::SliceAccepted { slice, .. } => {
                if let Some(record) = self.record(slice) {
                    record.enter(Stage::Accepted, at);
                }
            }
            Fact::SliceReturned { slice, feedback, .. } => {
                if let Some(record) = self.record(slice) {
                    record.fail(&feedback.summary);
                    record.tell(feedback);
                    record.next_start = continue_from(record);
                    record.enter(Stage::Waiting, at);
                }
            }
            Fact::MergeConflicted { slice, with, paths, keep, feedback, .. } => {
                if let Some(record) = self.record(slice) {
                    record.conflicts.push(Conflict { with: with.clone(), paths: paths.clone() });
                    record.keep.extend(keep.iter().cloned());
                    feedback.summary.clone_into(&mut record.last_failure);
                    record.tell(feedback);
                    record.next_start = NextStart::Tip;
                    record.enter(Stage::Waiting, at);
                }
            }
            Fact::SliceBlamed { slice, feedback, .. } => {
                if let Some(record) = self.record(slice) {
                    record.fail(&feedback.summary);
                    record.tell(feedback);
                    record.next_start = NextStart::Tip;
                    record.enter(Stage::Waiting, at);
                }
            }
            Fact::SliceIntegrated { slice, batch, merge, .. } => {
                if let Some(record) = self.record(slice) {
                    record.ended = Some(at);
                    record.enter(Stage::Integrated { merge: merge.clone(), batch: *batch, order: merges }, at);
                    self.merges += 1;
                    self.tip = Some(merge.clone());
                }
            }
            _ => {}
        }
    }

    fn apply_operator(&mut self, fact: &Fact, at: Timestamp) {
        match fact {
            Fact::SliceGivenUp { slice, reason } => {
                if let Some(record) = self.record(slice) {
                    record.ended = Some(at);
                    record.enter(Stage::GivenUp { reason: reason.clone() }, at);
                }
            }
            Fact::SliceReopened { slice, fresh, hint } => {
                if let Some(record) = self.record(slice) {
                    reopen(record, *fresh, hint.as_deref());
                    record.enter(Stage::Waiting, at);
                }
            }
            Fact::QuestionAsked { id, slice, text } => {
                self.questions += 1;
                if let Some(record) = self.record(slice) {
                    record.enter(Stage::Asking { question: id.clone(), text: text.clone() }, at);
                }
            }
            Fact::QuestionAnswered { id, answer } => {
                let asks = |r: &&mut SliceRecord| matches!(&r.stage, Stage::Asking { question, .. } if question == id);
                if let Some(record) = self.records.iter_mut().find(asks) {
                    let summary = format!("the operator's answer to {id}");
                    record.tell(&operator_says(summary, answer));
                    record.enter(Stage::Waiting, at);
                }
            }
            _ => {}
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
    record.take_up = false;
    record.faulted = matches!(outcome, AttemptOutcome::Errored { .. });
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
            record.take_up = record.current_capture().is_some();
            Stage::Waiting
        }
        AttemptOutcome::Expired { detail } | AttemptOutcome::Errored { detail } => {
            record.fail(detail);
            Stage::Waiting
        }
        AttemptOutcome::Asked { .. } | AttemptOutcome::Unavailable { .. } | AttemptOutcome::Limited { .. } => {
            Stage::Waiting
        }
    };
    record.enter(stage, at);
}

fn reopen(record: &mut SliceRecord, fresh: bool, hint: Option<&str>) {
    record.failures = 0;
    record.faulted = false;
    record.ended = None;
    // What an interrupted attempt captured is earlier work too.
    record.take_up &= !fresh;
    if !record.conflicts.is_empty() {
        record.next_start = NextStart::Tip;
    } else if fresh {
        record.next_start = NextStart::Dependencies;
    }
    record.conflicts.clear();
    if let Some(hint) = hint {
        record.tell(&operator_says("the operator says".to_owned(), hint));
    }
}
