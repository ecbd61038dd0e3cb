//! Everything that is known of the slices: what the scheduler decides on and what views show.
//!
//! Durable state only: all of it is rebuilt by applying the journal from its first record (`fold`).

mod fold;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::domain::budget::{BudgetKind, ClockMove, Usage};
use crate::domain::evidence::GateResult;
use crate::domain::ids::{Attempt, AttemptRef, Batch, CommitId, Epoch, SliceId, Timestamp, TreeId};
use crate::domain::question::QuestionTopic;
use crate::domain::refusal::AttemptRefusals;
use crate::domain::review::{Review, Role};
use crate::domain::task::{AcceptedPlan, AgentSession, Capture, Feedback, KeptLines, SliceSpec, UnchangedReason};
use crate::workflow::breaker::Breakers;
use crate::workflow::gates::GateLedger;
use crate::workflow::quarantine::Quarantines;

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
    /// Done without a change.
    Unchanged {
        /// What shows that there was nothing to change.
        why: UnchangedReason,
    },
    /// Waits for the operator.
    Asking {
        /// The question's id.
        question: String,
        /// Its text.
        text: String,
        /// What it is about.
        about: QuestionTopic,
    },
    /// Gets no further attempt.
    GivenUp {
        /// Why.
        reason: String,
    },
}

impl Stage {
    /// The open question and its text, where the slice asks one.
    pub fn asked(&self) -> Option<(&str, &str)> {
        match self {
            Self::Asking { question, text, about: _ } => Some((question, text)),
            Self::Waiting
            | Self::Offered
            | Self::Running { .. }
            | Self::Reviewing { .. }
            | Self::Accepted
            | Self::Integrated { .. }
            | Self::Unchanged { .. }
            | Self::GivenUp { .. } => None,
        }
    }
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
    /// Attempts that count against nothing: interrupted, ended with a question, refused by a provider, or under which our
    /// own machinery failed.
    pub uncounted: u32,
    /// Attempts of its newest agent in a row under which `omk` stood still for a whole lease.
    pub lapses: u32,
    /// How the newest failed one failed, one phrase.
    pub last_failure: String,
    /// Attempts in a row under which our own machinery failed; `last_failure` is about them then.
    pub faults: u32,
    /// Whether the operator said that there is nothing to change.
    pub said_done: bool,
    /// Conflicts since the slice was planned or reopened.
    pub conflicts: Vec<Conflict>,
    /// Lines of other slices that may not be dropped.
    pub keep: Vec<KeptLines>,
    /// What its attempts were told.
    pub feedback: Vec<Feedback>,
    /// The questions that pieces of feedback answer, by the place of those.
    pub answered: BTreeMap<usize, String>,
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
    /// The newest session of the agent of its newest attempt that had one.
    pub session: Option<AgentSession>,
    /// How much of the feedback the newest attempt was given with its task.
    pub told: usize,
    /// How much of it the agent of that session was given with a task.
    pub session_told: usize,
    /// What its agents were refused, each attempt with any for itself.
    pub refused: Vec<AttemptRefusals>,
    /// What its agents used.
    pub usage: Usage,
    /// The limit of its own budget that is used up, until there is more or it is reopened.
    pub over_budget: Option<(BudgetKind, u64)>,
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
            uncounted: 0,
            lapses: 0,
            last_failure: String::new(),
            faults: 0,
            said_done: false,
            conflicts: Vec::new(),
            keep: Vec::new(),
            feedback: Vec::new(),
            answered: BTreeMap::new(),
            start: None,
            next_start: NextStart::Dependencies,
            capture: None,
            take_up: false,
            reviews: Vec::new(),
            gate_results: Vec::new(),
            worktree: None,
            session: None,
            told: 0,
            session_told: 0,
            refused: Vec::new(),
            usage: Usage::default(),
            over_budget: None,
            started: None,
            ended: None,
        }
    }

    /// Counts what began by the old clock as begun by the new one, so that no duration holds the jump.
    fn clock_moved(&mut self, moved: &ClockMove, now: Timestamp) {
        let ended_before = self.ended.is_some_and(|ended| moved.is_by_the_old_clock(ended, now));
        self.since = moved.restated(self.since, now);
        if !ended_before {
            self.started = self.started.map(|started| moved.restated(started, now));
        }
    }

    /// The capture of the newest attempt, where it has one.
    pub fn current_capture(&self) -> Option<&Capture> {
        self.capture.as_ref().filter(|(attempt, _)| *attempt == self.attempt).map(|(_, capture)| capture)
    }

    /// What an interrupted attempt captured, where the next one goes on from there.
    pub fn capture_to_take_up(&self) -> Option<&Capture> {
        self.current_capture().filter(|_| self.take_up)
    }

    /// The worktree that stands as an agent left it, to be gone on with, if only once the slice is reopened; relative
    /// to the goal's directory.
    pub fn left_worktree(&self) -> Option<&PathBuf> {
        let done = matches!(self.stage, Stage::Accepted | Stage::Integrated { .. } | Stage::Unchanged { .. });
        self.session.as_ref().filter(|session| session.cut_off && !done).map(|session| &session.worktree)
    }

    /// The newest attempt under its lease.
    pub fn attempt_ref(&self) -> AttemptRef {
        AttemptRef { slice: self.spec.id.clone(), attempt: self.attempt, epoch: self.epoch }
    }

    /// The next attempt that may fail, among those that it may have.
    pub fn next_try(&self) -> String {
        let most = self.spec.max_attempts();
        format!("attempt {} of {most}", self.failures.saturating_add(1).min(most))
    }

    fn is_running(&self) -> bool {
        matches!(self.stage, Stage::Running { .. })
    }

    /// Whether its newest attempt is not over.
    pub fn is_at_work(&self) -> bool {
        matches!(self.stage, Stage::Offered | Stage::Running { .. })
    }

    fn is_integrated(&self) -> bool {
        matches!(self.stage, Stage::Integrated { .. })
    }

    fn enter(&mut self, stage: Stage, at: Timestamp) {
        self.stage = stage;
        self.since = at;
    }

    fn use_up(&mut self, usage: &Usage) {
        self.usage = self.usage.plus(usage);
        if let Some(session) = self.session.as_mut().filter(|session| session.agent == self.agent) {
            session.used = session.used.plus(usage);
        }
    }

    fn fail(&mut self, how: &str) {
        self.failures += 1;
        how.clone_into(&mut self.last_failure);
    }

    fn tell(&mut self, feedback: &Feedback) {
        self.feedback.push(feedback.clone());
    }

    /// A later check does not let the newest attempt pass.
    fn sent_back(&mut self, feedback: &Feedback, next_start: NextStart, at: Timestamp) {
        self.fail(&feedback.summary);
        self.tell(feedback);
        self.next_start = next_start;
        self.enter(Stage::Waiting, at);
    }

    /// Whether further attempts may follow.
    fn is_open(&self) -> bool {
        match self.stage {
            Stage::Waiting
            | Stage::Offered
            | Stage::Running { .. }
            | Stage::Reviewing { .. }
            | Stage::Asking { .. } => true,
            Stage::Accepted | Stage::Integrated { .. } | Stage::Unchanged { .. } | Stage::GivenUp { .. } => false,
        }
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
    /// Who is kept from working on what.
    pub quarantines: Quarantines,
    /// Which providers take no requests.
    pub breakers: Breakers,
    /// The verdicts of gates.
    pub gates: GateLedger,
    /// The trees of merges.
    trees: BTreeMap<CommitId, TreeId>,
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

    fn records_mut(&mut self) -> impl Iterator<Item = &mut SliceRecord> {
        self.records.iter_mut()
    }

    /// The tree of a merge.
    pub fn tree_of(&self, merge: &CommitId) -> Option<&TreeId> {
        self.trees.get(merge)
    }

    fn record(&mut self, id: &SliceId) -> Option<&mut SliceRecord> {
        self.index.get(id).map(|&place| &mut self.records[place])
    }
}
