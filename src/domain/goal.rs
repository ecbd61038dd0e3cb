//! A goal: its charter, its status, its phases.
//!
//! Owns the outcomes that scripts rely on, their exit codes, and which verb may act on which status.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::budget::{Limits, Price, Spender};
use crate::domain::ids::{CommitId, GoalId, Timestamp, TreeId};
use crate::domain::task::Proposal;

/// Where a goal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GoalStatus {
    /// There is a plan, and nothing runs.
    Planned,
    /// A process drives it (or died while it did).
    Running,
    /// Stopped by the operator or a signal.
    Paused,
    /// Proven on the integrated tree and delivered. Only a check of its gates can change it.
    Ready,
    /// A person has to decide something.
    BlockedOnHuman,
    /// Something outside is missing: an agent, credentials, a service.
    BlockedOnExternal,
    /// Work was done and the proof is missing.
    NotReady,
    /// Time, tokens or money are used up.
    NeedsMoreBudget,
    /// Our own machinery failed beyond recovery.
    FailedInfra,
    /// Given up by the operator. Final.
    Cancelled,
}

impl GoalStatus {
    /// All statuses, in the order of the documentation.
    pub const ALL: [Self; 10] = [
        Self::Planned,
        Self::Running,
        Self::Paused,
        Self::Ready,
        Self::BlockedOnHuman,
        Self::BlockedOnExternal,
        Self::NotReady,
        Self::NeedsMoreBudget,
        Self::FailedInfra,
        Self::Cancelled,
    ];

    /// The status as scripts read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Ready => "ready",
            Self::BlockedOnHuman => "blocked_on_human",
            Self::BlockedOnExternal => "blocked_on_external",
            Self::NotReady => "not_ready",
            Self::NeedsMoreBudget => "needs_more_budget",
            Self::FailedInfra => "failed_infra",
            Self::Cancelled => "cancelled",
        }
    }

    /// The exit code of a command that leaves a goal in this status.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Planned | Self::Ready => 0,
            Self::BlockedOnHuman => 3,
            Self::BlockedOnExternal => 4,
            Self::NotReady => 5,
            Self::Paused => 6,
            Self::NeedsMoreBudget => 7,
            Self::Running => 8,
            Self::Cancelled => 9,
            Self::FailedInfra => 70,
        }
    }

    /// Whether no run works on the goal any more: it can be looked at only.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Ready | Self::Cancelled)
    }

    /// Whether a run has ended here (as against running, paused or merely planned).
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Planned | Self::Running | Self::Paused)
    }

    /// Whether `verb` may act on a goal of this status that no live process runs.
    pub fn allows(self, verb: Verb) -> bool {
        match verb {
            Verb::Verify | Verb::Review => self != Self::Cancelled,
            Verb::Execute | Verb::Resume | Verb::Answer | Verb::AddBudget => !self.is_final(),
            Verb::Retry => !matches!(self, Self::Ready | Self::Cancelled | Self::Planned),
            Verb::Pause => matches!(self, Self::Planned | Self::Running | Self::Paused),
            Verb::Cancel => !self.is_final(),
        }
    }
}

impl fmt::Display for GoalStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A command that changes a goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// One controller pass.
    Execute,
    /// Gates on the current tree.
    Verify,
    /// The six-role wall on the current tree.
    Review,
    /// Another attempt of a slice.
    Retry,
    /// Stop for now.
    Pause,
    /// Go on.
    Resume,
    /// The answer to a question.
    Answer,
    /// More to spend.
    AddBudget,
    /// Give up.
    Cancel,
}

impl Verb {
    /// The verb as it is typed after `omk goal`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Execute => "execute",
            Self::Verify => "verify",
            Self::Review => "review",
            Self::Retry => "retry",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Answer => "answer",
            Self::AddBudget => "budget-add",
            Self::Cancel => "cancel",
        }
    }
}

/// What a running goal is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The request is taken down.
    Intake,
    /// The plan is made or read.
    Planning,
    /// The plan becomes a graph of slices.
    Decomposition,
    /// Gates are frozen and run on the base.
    VerificationDesign,
    /// Slices are worked on; their results are reviewed and integrated as they come.
    Execution,
    /// The six roles look at the whole change.
    Review,
    /// The last batches are merged and the deciding gates run.
    Integration,
    /// Branches are made in the user's repository.
    Delivery,
    /// The proof is written.
    Proof,
}

impl Phase {
    /// The phase as scripts read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intake => "intake",
            Self::Planning => "planning",
            Self::Decomposition => "decomposition",
            Self::VerificationDesign => "verification_design",
            Self::Execution => "execution",
            Self::Review => "review",
            Self::Integration => "integration",
            Self::Delivery => "delivery",
            Self::Proof => "proof",
        }
    }
}

/// How far one run of the controller goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drive {
    /// To a terminal status.
    UntilReady,
    /// Plan, run the gates on the base, stop.
    Scaffold,
    /// One pass: what is ready now is dispatched, collected, gated and integrated.
    Pass,
    /// The gates on the current tree; nothing is dispatched.
    Verify,
    /// The six roles on the current tree; nothing is dispatched.
    Review,
}

/// What happens to the result beyond the local branches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryPolicy {
    /// Local branches only.
    #[default]
    Local,
    /// A draft pull request.
    DraftPr,
    /// A pull request.
    AutoPr,
}

/// Who may merge the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MergePolicy {
    /// Nobody, through omk.
    #[default]
    Disabled,
    /// The operator, by command.
    Manual,
    /// omk, after every check.
    Gated,
}

/// What confines agents and gates, as asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SandboxChoice {
    /// The strongest level that the machine gives.
    #[default]
    Auto,
    /// None, on the user's own word.
    Off,
}

/// What confines agents and gates, as it is in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SandboxLevel {
    /// Nothing.
    #[default]
    None,
}

impl SandboxLevel {
    /// The level as scripts read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
        }
    }
}

/// The user's repository as the goal found it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryFacts {
    /// The root of the checkout.
    pub root: PathBuf,
    /// The directory with the objects (`.git`, or the common directory of a linked worktree).
    pub git_dir: PathBuf,
    /// The commit that the goal starts from.
    pub base: CommitId,
    /// Its tree.
    pub base_tree: TreeId,
    /// The branch that HEAD names; `None` where it is detached.
    pub branch: Option<String>,
    /// What the user should know: changes left out, LFS pointers, submodules; a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// The numbers that supervise a goal, frozen at its creation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// How long a lease lasts without renewal.
    pub lease_ms: u64,
    /// Between SIGTERM and SIGKILL.
    pub grace_ms: u64,
    /// Restarts of one actor that are allowed within `restart_period_ms`.
    pub restart_intensity: u32,
    /// The period over which restarts are counted.
    pub restart_period_ms: u64,
    /// Retries of a slice whose plan names none.
    pub retries: u32,
    /// The timeout of a gate whose plan names none.
    pub gate_timeout_ms: u64,
    /// The longest an attempt of an agent may take.
    pub attempt_timeout_ms: u64,
    /// How long an agent may be quiet: no message, no output, no change in its worktree.
    #[serde(default = "default_stall_ms")]
    pub stall_ms: u64,
    /// Slices in a row on which an agent may fail before the goal no longer uses it.
    #[serde(default = "default_quarantine_after")]
    pub quarantine_after: u32,
    /// The first pause after a provider's refusal that states no time; it doubles with every further one.
    #[serde(default = "default_backoff_ms")]
    pub backoff_ms: u64,
    /// Whether a run waits for a provider that refuses, or ends.
    #[serde(default = "default_wait_for_quota")]
    pub wait_for_quota: bool,
    /// The largest changed file that an attempt may leave, in bytes.
    #[serde(default = "default_max_file_size", skip_serializing_if = "is_default_max_file_size")]
    pub max_file_size: u64,
    /// The most bytes that the changed files of an attempt may have in all.
    #[serde(default = "default_max_attempt_size", skip_serializing_if = "is_default_max_attempt_size")]
    pub max_attempt_size: u64,
}

fn default_max_file_size() -> u64 {
    512 << 20
}

fn default_max_attempt_size() -> u64 {
    2 << 30
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_default_max_file_size(size: &u64) -> bool {
    *size == default_max_file_size()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_default_max_attempt_size(size: &u64) -> bool {
    *size == default_max_attempt_size()
}

fn default_stall_ms() -> u64 {
    10 * 60_000
}

fn default_quarantine_after() -> u32 {
    3
}

fn default_backoff_ms() -> u64 {
    30_000
}

fn default_wait_for_quota() -> bool {
    true
}

impl Settings {
    /// How often a keeper is asked after its processes, in milliseconds: a few times within a lease.
    pub fn pulse_ms(&self) -> u64 {
        (self.lease_ms / 4).clamp(10, 5_000)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lease_ms: 60_000,
            grace_ms: 5_000,
            restart_intensity: 3,
            restart_period_ms: 60_000,
            retries: 2,
            gate_timeout_ms: 30 * 60_000,
            attempt_timeout_ms: 4 * 3_600_000,
            stall_ms: default_stall_ms(),
            quarantine_after: default_quarantine_after(),
            backoff_ms: default_backoff_ms(),
            wait_for_quota: default_wait_for_quota(),
            max_file_size: default_max_file_size(),
            max_attempt_size: default_max_attempt_size(),
        }
    }
}

/// What the operator asked for, frozen at the creation of the goal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charter {
    /// The goal's name.
    pub id: GoalId,
    /// When it was created.
    pub created: Timestamp,
    /// The text as the user gave it.
    pub request: String,
    /// The text with white space folded: what agents and titles show.
    pub goal: String,
    /// What must not happen, a sentence each.
    pub constraints: Vec<String>,
    /// What is taken for granted, a sentence each.
    pub assumptions: Vec<String>,
    /// What `ready` means for this goal, a sentence each.
    pub criteria: Vec<String>,
    /// The user's repository.
    pub repository: RepositoryFacts,
    /// The agent of slices without a `run` of their own; `None` where the user named none.
    pub agent: Option<String>,
    /// Agents that stand in, in this order, for one that is in quarantine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stand_ins: Vec<String>,
    /// Slices that may be worked on at once.
    pub max_agents: u32,
    /// What may be spent.
    pub limits: Limits,
    /// What each role may spend.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub role_limits: BTreeMap<Spender, Limits>,
    /// What models cost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prices: Vec<Price>,
    /// What happens to the result.
    pub policy: DeliveryPolicy,
    /// Who may merge it.
    pub merge_policy: MergePolicy,
    /// The confinement asked for.
    pub sandbox: SandboxChoice,
    /// The confinement in force.
    pub sandbox_level: SandboxLevel,
    /// Whether nobody answers questions.
    pub no_input: bool,
    /// The numbers that supervise it.
    pub settings: Settings,
    /// The plan as it was given, for the planner to accept.
    pub proposal: Proposal,
}
