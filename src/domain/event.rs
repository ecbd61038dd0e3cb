//! Every durable fact, and the envelope in which the journal keeps it.
//!
//! Owns the schema of the journal, version 3. Version 1 lacks the facts of supervision, of reservations and of
//! sessions; version 2 lacks those of lost history, of a changed checkout and of slices without a change. Facts are in the
//! past tense; each has one deciding actor. A variant that was ever released keeps its name and its fields: old journals
//! must keep replaying.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use crate::domain::actor::ActorName;
use crate::domain::agent::AgentReport;
use crate::domain::budget::{Account, BudgetKind, Checkpoint, ClockMove, Limits, Reservation, Spender, Usage};
use crate::domain::control::{Holder, Stop};
use crate::domain::evidence::{ArtifactRef, GateResult, GateScope};
use crate::domain::goal::{Charter, Drive, GoalStatus, Phase};
use crate::domain::ids::{
    Attempt, AttemptRef, Batch, CommitId, ContentHash, GateName, Seq, SliceId, Timestamp, TreeId,
};
use crate::domain::question::QuestionTopic;
use crate::domain::review::{Review, Subject};
use crate::domain::supervision::{Breaker, Leftovers, ProfileQuarantine, Quarantine};
use crate::domain::task::{AcceptedPlan, AttemptOutcome, Capture, Feedback, KeptLines, UnchangedReason};
use crate::domain::vitals::Sighting;

/// The version of the schema that this program writes.
pub const JOURNAL_VERSION: u32 = 3;

/// A fact before the journal has numbered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Who decided it.
    pub actor: ActorName,
    /// The record that led to it, where one did.
    pub cause: Option<Seq>,
    /// The attempt that it belongs to, where one does.
    pub attempt: Option<AttemptRef>,
    /// What happened.
    pub fact: Fact,
}

/// A record of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its place, from 1 without gaps.
    pub seq: Seq,
    /// When it was decided, by the wall clock.
    pub ts: Timestamp,
    /// Who decided it.
    pub actor: ActorName,
    /// The record that led to it.
    pub cause: Option<Seq>,
    /// The attempt that it belongs to.
    pub attempt: Option<AttemptRef>,
    /// What happened.
    pub fact: Fact,
    /// The hash of the record before; 64 zeros for the first.
    pub prev_hash: ContentHash,
    /// SHA-256 over the exact bytes of the line without `hash`.
    pub hash: ContentHash,
}

/// A branch in the user's repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branch {
    /// Its name, without `refs/heads/`.
    pub name: String,
    /// The commit that it names.
    pub commit: CommitId,
}

/// Everything that can have happened to a goal. In the journal, the variant's name is `type` and its fields are
/// `data`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    // ---- controller ----
    /// The goal exists. Always the first record.
    GoalCreated(Box<Charter>),
    /// A process took the goal up.
    RunStarted {
        /// Which process.
        holder: Holder,
        /// How far it is to go.
        drive: Drive,
    },
    /// The run entered a phase.
    PhaseEntered {
        /// Which.
        phase: Phase,
    },
    /// Somebody asked the run to stop.
    StopRequested {
        /// For now or for good.
        stop: Stop,
        /// Who asked.
        by: String,
    },
    /// The branches exist in the user's repository.
    Delivered {
        /// The integration branch first.
        branches: Vec<Branch>,
    },
    /// The goal came to rest: the end of a run, or of a command that acted without one.
    GoalSettled {
        /// In which status.
        status: GoalStatus,
        /// Why, one sentence.
        reason: String,
        /// The commands that go on, the best first.
        next: Vec<String>,
    },

    // ---- planner ----
    /// The plan is frozen.
    PlanAccepted(Box<AcceptedPlan>),

    // ---- scheduler ----
    /// An attempt of a slice is up for a worker.
    AttemptOffered {
        /// Slice, attempt and lease.
        attempt: AttemptRef,
        /// The commit that it starts from.
        start: CommitId,
        /// The tree that its worktree holds at first, where that is not the start's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content: Option<TreeId>,
        /// The agent that does it.
        agent: String,
    },
    /// A worker took it.
    AttemptClaimed {
        /// Slice, attempt and lease.
        attempt: AttemptRef,
        /// When the lease ends unless it is renewed.
        lease_until: Timestamp,
    },
    /// It ended; the first end of an epoch is the only one.
    AttemptFinished {
        /// Slice, attempt and lease.
        attempt: AttemptRef,
        /// How.
        outcome: AttemptOutcome,
    },
    /// A result came for a lease that is over.
    LateResultDropped {
        /// Slice, attempt and lease.
        attempt: AttemptRef,
        /// What it said, one sentence.
        detail: String,
    },
    /// Every reviewer let the attempt pass: it goes to the merge queue.
    SliceAccepted {
        /// The slice.
        slice: SliceId,
        /// Which try.
        attempt: Attempt,
    },
    /// A reviewer sent the attempt back.
    SliceReturned {
        /// The slice.
        slice: SliceId,
        /// Which try.
        attempt: Attempt,
        /// What the next attempt is told.
        feedback: Feedback,
    },
    /// The slice gets no further attempt.
    SliceGivenUp {
        /// The slice.
        slice: SliceId,
        /// Why, one sentence.
        reason: String,
    },
    /// The slice is done: an attempt changed nothing, and there was nothing to change.
    SliceUnchanged {
        /// The slice.
        slice: SliceId,
        /// Which try.
        attempt: Attempt,
        /// What shows that.
        why: UnchangedReason,
    },
    /// A slice that was given up gets attempts again.
    SliceReopened {
        /// The slice.
        slice: SliceId,
        /// Whether earlier work is left aside.
        fresh: bool,
        /// What the operator tells the next attempt.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
    /// A slice waits for an answer.
    QuestionAsked {
        /// `a1`, `a2`, …
        id: String,
        /// Who asks.
        slice: SliceId,
        /// The question.
        text: String,
        /// What it is about.
        #[serde(default, skip_serializing_if = "QuestionTopic::is_agents")]
        about: QuestionTopic,
    },
    /// The operator answered.
    QuestionAnswered {
        /// Which question.
        id: String,
        /// The answer.
        answer: String,
    },

    /// An agent's attempts at a slice went stale too often: it is not offered to that agent again.
    WorkerQuarantined(Quarantine),
    /// An agent failed on several slices in a row: the goal does not use it again.
    ProfileQuarantined(ProfileQuarantine),
    /// A provider takes no requests for now: nothing that needs it is started.
    BreakerOpened(Breaker),
    /// The provider takes requests again.
    BreakerClosed {
        /// The provider.
        provider: String,
    },

    // ---- worker ----
    /// An attempt has been quiet for half of the time after which it is stale.
    AttemptQuiet(Box<Sighting>),
    /// The attempt has its worktree.
    WorktreePrepared {
        /// Where, relative to the goal's directory.
        path: PathBuf,
    },
    /// The operator said something to the agent at work; a later attempt is told as well.
    SliceSteered {
        /// The slice.
        slice: SliceId,
        /// The operator's words.
        text: String,
    },
    /// The agent has begun a session, by which a later attempt can go on.
    SessionOpened {
        /// Its name for it.
        id: String,
    },
    /// The agent's process ended.
    AgentReported {
        /// What came of it.
        report: AgentReport,
    },
    /// What the attempt changed is captured and committed.
    SliceCaptured {
        /// The capture.
        capture: Capture,
    },

    /// The user's own checkout changed while the attempt was under way, by its agent or by somebody else.
    CheckoutChanged {
        /// What changed: absolute paths, bounded.
        paths: Vec<String>,
    },

    // ---- worker, integrator, controller ----
    /// A gate ended.
    GateFinished {
        /// What it was run on.
        scope: GateScope,
        /// The verdict.
        result: Box<GateResult>,
    },

    // ---- reviewer ----
    /// A reviewer reported.
    ReviewFinished {
        /// On what.
        subject: Subject,
        /// The report.
        review: Review,
    },

    // ---- integrator ----
    /// Accepted slices were taken from the queue together.
    BatchFormed {
        /// Which batch.
        batch: Batch,
        /// The tip that they are merged onto.
        onto: CommitId,
        /// The slices, in merge order.
        slices: Vec<SliceId>,
    },
    /// A slice could not be merged.
    MergeConflicted {
        /// The slice.
        slice: SliceId,
        /// Which try.
        attempt: Attempt,
        /// The batch.
        batch: Batch,
        /// What it was merged onto.
        onto: CommitId,
        /// The slices that changed the same paths before it.
        with: Vec<SliceId>,
        /// The paths.
        paths: Vec<String>,
        /// Both sides and their base, for each path.
        evidence: Vec<ArtifactRef>,
        /// Lines that the next attempt may not drop: what the others added to these paths.
        keep: Vec<KeptLines>,
        /// What the next attempt is told.
        feedback: Feedback,
    },
    /// A gate was red and then green on one tree: said, not blamed on anybody.
    FlakeSeen {
        /// What the gate was run on.
        scope: GateScope,
        /// The gate.
        gate: GateName,
        /// The tree.
        tree: TreeId,
    },
    /// A gate was red on a batch and on what the batch was merged onto: nobody in the batch broke it.
    RedBefore {
        /// The batch.
        batch: Batch,
        /// The gate.
        gate: GateName,
        /// The tip on which it was red already.
        onto: CommitId,
    },
    /// Bisection found the slice that turns a batch red.
    SliceBlamed {
        /// The slice.
        slice: SliceId,
        /// Which try.
        attempt: Attempt,
        /// The batch.
        batch: Batch,
        /// The gate.
        gate: GateName,
        /// What the next attempt is told.
        feedback: Feedback,
    },
    /// The slice is in the integrated history.
    SliceIntegrated {
        /// The slice.
        slice: SliceId,
        /// Which try.
        attempt: Attempt,
        /// The batch.
        batch: Batch,
        /// The merge: its first parent is the tip before, its second the slice's commit.
        merge: CommitId,
        /// The tree after the merge.
        tree: TreeId,
    },
    /// The private repository has lost commits of the integrated history. The history ends before the first that is lost;
    /// what came later is merged again.
    IntegrationLost {
        /// The slices that are in the history no more, in the order of their merges.
        slices: Vec<SliceId>,
        /// Those among them whose captured work is lost as well: they begin again.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        begin_again: Vec<SliceId>,
        /// The commit that the history ends with now.
        tip: CommitId,
        /// Its tree.
        tree: TreeId,
    },

    // ---- budget ----
    /// The limits changed.
    LimitsSet {
        /// The limits from now on, in all.
        limits: Limits,
        /// Whose.
        #[serde(default, skip_serializing_if = "Account::is_goal")]
        account: Account,
    },
    /// An agent reported use.
    UsageRecorded {
        /// For which slice.
        slice: SliceId,
        /// The increment.
        usage: Usage,
        /// In which role.
        #[serde(default, skip_serializing_if = "Spender::is_executor")]
        role: Spender,
        /// With which model, in the agent's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
    },
    /// An attempt may spend this much; until it is settled, nobody else may.
    BudgetReserved(Reservation),
    /// The attempt is over: what it did not use is free again.
    BudgetSettled {
        /// The slice.
        slice: SliceId,
        /// What the attempt used in all.
        usage: Usage,
    },
    /// The time that runs have taken so far.
    BudgetCheckpointed(Checkpoint),
    /// The machine slept, or its clock was set.
    ClockMoved(ClockMove),
    /// A limit is two thirds used.
    BudgetNoticed {
        /// Which.
        budget: BudgetKind,
        /// How much is used.
        spent: u64,
        /// Of how much.
        limit: u64,
        /// Whose limit.
        #[serde(default, skip_serializing_if = "Account::is_goal")]
        account: Account,
    },
    /// A limit is used up.
    BudgetExhausted {
        /// Which.
        budget: BudgetKind,
        /// How much is used.
        spent: u64,
        /// Of how much.
        limit: u64,
        /// Whose limit.
        #[serde(default, skip_serializing_if = "Account::is_goal")]
        account: Account,
    },

    // ---- supervisor, journal ----
    /// What an earlier run had left behind was cleared away.
    LeftoversCleared(Leftovers),
    /// An actor ended where it should not have and was built anew.
    ActorRestarted {
        /// Which.
        child: ActorName,
        /// How it ended.
        cause: String,
    },
    /// An actor ended too often within the period.
    RestartsExceeded {
        /// Which.
        child: ActorName,
        /// How it ended last.
        cause: String,
    },
    /// An incomplete last line was cut when the journal was opened.
    TailCut {
        /// How many bytes.
        bytes: u64,
    },
}
