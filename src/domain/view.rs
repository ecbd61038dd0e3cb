//! The read model: what commands show of a goal. Every part is folded from the journal, except `live`, which says
//! what was seen of the process that runs it.
//!
//! The field names are the contract of `--json`. A field that was ever released keeps its name and its meaning.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::budget::{BudgetKind, Limits, Usage};
use crate::domain::control::Holder;
use crate::domain::evidence::{GateResult, GateScope};
use crate::domain::fact::Branch;
use crate::domain::goal::{Charter, GoalStatus, Phase};
use crate::domain::ids::{Attempt, Batch, CommitId, ContentHash, Epoch, GoalId, Seq, SliceId, Timestamp, TreeId};
use crate::domain::refusal::AttemptRefusals;
use crate::domain::review::Review;
use crate::domain::task::{Capture, Feedback, GateSpec, Serialised, SliceSpec, WaitingFor};

/// The full state of a goal (`goal show --json`, `goal.json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoalView {
    /// `omk.goal/v1`.
    pub schema: String,
    /// The goal.
    pub id: GoalId,
    /// Where it stands, by its journal.
    pub status: GoalStatus,
    /// What a `running` goal is doing.
    pub phase: Phase,
    /// Why it stands there, one sentence.
    pub reason: String,
    /// The commands that go on, the best first.
    pub next: Vec<String>,
    /// What was asked for.
    pub charter: Charter,
    /// Where the plan came from; empty before there is one.
    pub plan_source: String,
    /// The slices, in plan order.
    pub slices: Vec<SliceView>,
    /// The gates, as frozen.
    pub gates: Vec<GateSpec>,
    /// Orders that the planner added.
    pub serialised: Vec<Serialised>,
    /// The newest verdict of each gate on the base and on the integrated tree.
    pub gate_results: Vec<ScopedGate>,
    /// The six roles on the whole change, where they have looked.
    pub reviews: Vec<Review>,
    /// What is integrated so far.
    pub integration: IntegrationView,
    /// What was spent.
    pub budget: BudgetView,
    /// Questions that wait for an answer.
    pub questions: Vec<QuestionView>,
    /// Branches made in the user's repository.
    pub branches: Vec<Branch>,
    /// Things that were said and are no failure: flakes, restarts, repaired journals.
    pub notes: Vec<String>,
    /// How many runs took the goal up.
    pub runs: u32,
    /// The journal that this is folded from.
    pub journal: JournalView,
    /// The time of the last record.
    pub updated: Timestamp,
}

/// A gate's verdict and what it was run on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopedGate {
    /// What it was run on.
    pub scope: GateScope,
    /// The verdict.
    pub result: GateResult,
}

/// Where a slice stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SliceState {
    /// No attempt runs: see what it waits for.
    Waiting,
    /// An attempt is being worked on, in a run of the goal.
    Running,
    /// Reviewers look at an attempt.
    Reviewing,
    /// In the merge queue.
    Accepted,
    /// In the integrated history.
    Integrated,
    /// Done without a change.
    Unchanged,
    /// Waits for the operator's answer.
    Asking,
    /// Gets no further attempt.
    GivenUp,
    /// It was not done when the goal was cancelled.
    Cancelled,
}

impl SliceState {
    /// The state as scripts read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Reviewing => "reviewing",
            Self::Accepted => "accepted",
            Self::Integrated => "integrated",
            Self::Unchanged => "unchanged",
            Self::Asking => "asking",
            Self::GivenUp => "given_up",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A slice and all that came of it (`task-graph.json` holds these).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceView {
    /// The slice as planned.
    #[serde(flatten)]
    pub spec: SliceSpec,
    /// Always `slice`.
    pub kind: String,
    /// Always `executor`.
    pub owner_role: String,
    /// Where it stands.
    pub state: SliceState,
    /// The newest attempt, 0 before the first.
    pub attempt: Attempt,
    /// Attempts that failed so far, of `retries` + 1.
    pub failures: u32,
    /// Attempts that count against nothing: interrupted, ended with a question, refused by a provider.
    #[serde(default)]
    pub uncounted: u32,
    /// The newest lease.
    pub epoch: Epoch,
    /// When the newest lease ends, while an attempt runs.
    pub lease_until: Option<Timestamp>,
    /// What a running attempt does: `preparing`, `agent`, `capturing`, `gates`.
    pub step: Option<String>,
    /// Why it does not move.
    pub waiting_for: Vec<WaitingFor>,
    /// Why it was given up, or is done without a change.
    pub reason: Option<String>,
    /// What its attempts were told, the newest last.
    pub feedback: Vec<Feedback>,
    /// The newest capture.
    pub captured: Option<Capture>,
    /// The newest reviews of it.
    pub reviews: Vec<Review>,
    /// The newest verdict of each gate on an attempt of it.
    pub gate_results: Vec<GateResult>,
    /// How it was, or will be, delivered.
    pub delivery: SliceDelivery,
    /// What its agents were refused, each attempt with any for itself, the newest last.
    #[serde(default)]
    pub refused: Vec<AttemptRefusals>,
    /// What its agents used.
    pub usage: Usage,
    /// When its first attempt began.
    pub started: Option<Timestamp>,
    /// When it was integrated or given up.
    pub ended: Option<Timestamp>,
}

/// The delivery record of a slice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceDelivery {
    /// The branch that bears it at `ready`.
    pub branch: String,
    /// The newest worktree, relative to the goal's directory.
    pub worktree: Option<PathBuf>,
    /// The commit that the newest attempt started from.
    pub base: Option<CommitId>,
    /// The batch that it was integrated with.
    pub batch: Option<Batch>,
    /// The merge that integrated it.
    pub merge: Option<CommitId>,
}

/// What is integrated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntegrationView {
    /// The integrated commit: the base where nothing is integrated.
    pub tip: CommitId,
    /// Its tree.
    pub tree: TreeId,
    /// Batches formed so far.
    pub batches: u32,
    /// Lines added over the base, by the captures of the integrated slices.
    pub added: u64,
    /// Lines removed.
    pub removed: u64,
}

/// What was spent, and of how much.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetView {
    /// What may be spent.
    pub limits: Limits,
    /// Wall-clock time of runs, in milliseconds: up to the journal's last record, or, where a run that is well was
    /// looked at, to that moment.
    pub time_ms: u64,
    /// What agents reported.
    pub usage: Usage,
    /// Whether `usage` has the price of every token, and every attempt reported its use; else the true sum is unknown.
    #[serde(default = "is_complete")]
    pub usd_complete: bool,
    /// Attempts whose agent worked and did not say what it used: no limit of tokens or money holds for them.
    #[serde(default)]
    pub unreported: u32,
    /// What attempts held that ended without a word: it counts as spent, on top of `usage`.
    #[serde(default)]
    pub lost: Limits,
    /// The limit that ended the last run, where one did.
    pub exhausted: Option<BudgetKind>,
}

fn is_complete() -> bool {
    true
}

/// A question that waits for the operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuestionView {
    /// `a1`, `a2`, …
    pub id: String,
    /// Who asks.
    pub slice: SliceId,
    /// The question.
    pub text: String,
    /// Since when.
    pub since: Timestamp,
}

/// A journal by its size and its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalView {
    /// The last record's number.
    pub seq: Seq,
    /// Its hash.
    pub hash: ContentHash,
}

/// What was seen of the process that runs a goal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Liveness {
    /// Nobody holds the goal's lock.
    NoProcess,
    /// A process holds it.
    Held {
        /// Which.
        holder: Holder,
        /// How it looks from outside.
        #[serde(default)]
        health: Health,
    },
}

/// How the process that runs a goal looks from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// It is there.
    #[default]
    Well,
    /// It is stopped (SIGSTOP, Ctrl-Z, a debugger) and answers nobody until it is continued.
    Stopped,
    /// It was asked and gave no answer.
    Silent,
}

/// A line of `goal list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoalSummary {
    /// The goal.
    pub id: GoalId,
    /// Where it stands, by its journal.
    pub status: GoalStatus,
    /// Whether it says `running` and no process does.
    pub orphaned: bool,
    /// When it was created.
    pub created: Timestamp,
    /// The time of its last record.
    pub updated: Timestamp,
    /// Slices integrated.
    pub integrated: u32,
    /// Slices in all.
    pub slices: u32,
    /// Tokens used.
    pub tokens: u64,
    /// Money used, in millionths of a US dollar, where it is known.
    pub usd_micros: Option<u64>,
    /// Whether that is the price of every token.
    #[serde(default = "is_complete")]
    pub usd_complete: bool,
    /// What it needs from a person, one phrase; empty where nothing.
    pub needs: String,
    /// The root of its repository, as it was when the goal was created.
    pub repository: PathBuf,
    /// The directory with that repository's objects: by this, goals of one repository are told from others'.
    pub git_dir: PathBuf,
}

/// How a command that drives a goal came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// The goal.
    pub id: GoalId,
    /// Where it stands now.
    pub status: GoalStatus,
    /// Why, one sentence.
    pub reason: String,
    /// The commands that go on, the best first.
    pub next: Vec<String>,
    /// The signal that ended the run, where one did: the command exits with 128 + this.
    pub signal: Option<i32>,
    /// What kept a check of a `ready` goal from a verdict, as a status: the goal stays as it was, and the command exits
    /// with the code of this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<GoalStatus>,
}

/// What re-checking a proof found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofCheck {
    /// `omk.proof-check/v1`.
    pub schema: String,
    /// Whether every check held.
    pub holds: bool,
    /// `unsigned` until signing exists.
    pub signature: String,
    /// The checks, in the order in which they were made.
    pub checks: Vec<CheckedClaim>,
}

/// One claim of a proof, checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedClaim {
    /// What was checked: `journal`, `proof`, `evidence`, `gates`, `reviews`, `tree`, `slices`, `branch`, `status`.
    pub claim: String,
    /// Whether it held.
    pub holds: bool,
    /// What was seen, one sentence.
    pub detail: String,
}

/// What `goal gc` removed, or would remove.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GarbageReport {
    /// Per goal: what went, and how many bytes that frees.
    pub goals: Vec<GarbageOfGoal>,
    /// Whether nothing was removed because the user only asked.
    pub dry_run: bool,
    /// What could not be removed, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

/// What `goal gc` found of one goal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GarbageOfGoal {
    /// The goal.
    pub id: GoalId,
    /// What goes, a phrase each.
    pub removed: Vec<String>,
    /// The bytes that this frees.
    pub bytes: u64,
}
