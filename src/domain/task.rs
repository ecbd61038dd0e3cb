//! A slice of the plan: what it is, what came of its attempts, where it stands.
//!
//! Owns the vocabulary of slices. Holds no rule of scheduling: those are decisions (`workflow/scheduler.rs`).

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::access::{AccessSet, PathPattern};
use crate::domain::budget::{Limits, Usage};
use crate::domain::ids::{Attempt, CommitId, Epoch, GateName, SliceId, Timestamp, TreeId};
use crate::domain::redact::redact;

/// How much a slice can break, as its author judges it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Local and easily undone.
    Low,
    /// The default.
    #[default]
    Medium,
    /// Wide or hard to undo.
    High,
}

/// A PR-sized piece of the goal, as the plan froze it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceSpec {
    /// Its name.
    pub id: SliceId,
    /// One line for people.
    pub title: String,
    /// What is to be done, for the agent.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Slices whose integrated results it starts from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<SliceId>,
    /// What it may read, write and merge.
    #[serde(flatten)]
    pub access: AccessSet,
    /// How much it can break.
    #[serde(default)]
    pub risk: Risk,
    /// What must hold when it is done, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acceptance: Vec<String>,
    /// The gates that its attempts must pass; empty means every required one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<GateName>,
    /// How many further attempts follow a failed one.
    pub retries: u32,
    /// The shell command that does the work; `None` leaves it to the goal's agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The agent that works on it; `None` leaves it to the goal's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// What all its attempts together may spend.
    #[serde(default, skip_serializing_if = "Limits::is_unlimited")]
    pub budget: Limits,
}

impl SliceSpec {
    /// The attempts that the slice may have in all.
    pub fn max_attempts(&self) -> u32 {
        self.retries.saturating_add(1)
    }

    /// Whether its attempts must pass the gate.
    pub fn is_judged_by(&self, gate: &GateSpec) -> bool {
        if self.gates.is_empty() { gate.required } else { self.gates.contains(&gate.name) }
    }
}

/// What a gate runs: through `sh -c`, or a program with its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum GateCommand {
    /// A line for `sh -c`.
    Shell(String),
    /// A program and its arguments, no shell between.
    Argv(Vec<String>),
}

impl std::fmt::Display for GateCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Shell(line) => f.write_str(line),
            Self::Argv(words) => f.write_str(&words.join(" ")),
        }
    }
}

/// What a gate judges. The performance review asks for a `bench` gate; `test` gates have their tests counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateKind {
    /// Runs tests; the default.
    #[default]
    Test,
    /// Compiles.
    Build,
    /// Formats, lints, type-checks.
    Lint,
    /// Measures.
    Bench,
    /// Anything else.
    Custom,
}

/// A command whose exit status judges a tree, as the plan froze it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateSpec {
    /// Its name.
    pub name: GateName,
    /// What it runs, in the root of a clean checkout of the tree.
    pub command: GateCommand,
    /// What it judges.
    #[serde(default)]
    pub kind: GateKind,
    /// How long it may take, in milliseconds.
    pub timeout_ms: u64,
    /// Whether `ready` needs it green.
    pub required: bool,
}

/// A plan that the graph has accepted: the slices in plan order, their gates, and the orders that the planner added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedPlan {
    /// The slices, in the order of the plan.
    pub slices: Vec<SliceSpec>,
    /// The gates, in the order in which they run.
    pub gates: Vec<GateSpec>,
    /// Orders between slices that the plan did not state, each with its reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub serialised: Vec<Serialised>,
    /// Where the plan came from: a file's path, `heuristic`, …
    pub source: String,
}

/// What a plan file or a heuristic proposes, before the graph has accepted it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// The slices, in the order of the plan.
    pub slices: Vec<SliceSpec>,
    /// The gates, in the order in which they run.
    pub gates: Vec<GateSpec>,
    /// Where it came from: a file's path, `heuristic`, …
    pub source: String,
}

/// An order that the planner added: one slice reads what the other writes, and the plan has no order between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serialised {
    /// The slice that goes first, the earlier one of the plan.
    pub first: SliceId,
    /// The slice that waits.
    pub then: SliceId,
    /// The path over which they meet.
    pub path: String,
}

/// What kind of answer an attempt gets back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedbackKind {
    /// A gate was red.
    Gate,
    /// A reviewer has a blocking finding.
    Review,
    /// The change broke the slice's rights.
    Policy,
    /// The change met another slice's at integration.
    Conflict,
    /// The agent itself failed.
    Agent,
    /// The operator says something.
    Operator,
}

/// Why an attempt goes back, as the next attempt reads it. Paths are exact; see [`Feedback::without_secrets`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feedback {
    /// Which check speaks.
    pub kind: FeedbackKind,
    /// One line for people.
    pub summary: String,
    /// The evidence, bounded to a few kilobytes: a gate's output, the findings, both sides of a conflict.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The paths that it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
}

impl Feedback {
    /// The same as an agent is given it: without secrets. The operator's words are meant as they are.
    #[must_use]
    pub fn without_secrets(&self) -> Self {
        if self.kind == FeedbackKind::Operator {
            return self.clone();
        }
        Self {
            kind: self.kind,
            summary: redact(&self.summary),
            detail: redact(&self.detail),
            paths: self.paths.iter().map(|path| redact(path)).collect(),
        }
    }
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// Captured, within its rights, gates green: on to the reviewers.
    Passed,
    /// A check sent it back. Counts against the retries.
    Rejected {
        /// What the next attempt is told.
        feedback: Feedback,
    },
    /// The agent ended well and changed nothing. Whether the slice is done by that is the scheduler's to say.
    Unchanged,
    /// The agent asks something that only a person can answer.
    Asked {
        /// The question.
        question: String,
    },
    /// The agent cannot be used at all: not installed, not executable, not logged in.
    Unavailable {
        /// The cause, in the agent's or the system's words.
        detail: String,
    },
    /// Stopped by a pause, a cancel, a spent budget or a restart of `omk`; does not count against the retries.
    Interrupted {
        /// What stopped it.
        by: String,
    },
    /// The lease ran out, or its process died. Counts against the retries.
    Expired {
        /// Which clock ended it.
        detail: String,
    },
    /// The provider of its agent takes no requests for now; does not count against the retries.
    Limited {
        /// The provider, where the agent named it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provider: Option<String>,
        /// When it takes requests again, where that is stated.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
        /// Its words.
        detail: String,
    },
    /// Our own machinery failed under it: a disk, a repository, a worker. Does not count against the retries.
    Errored {
        /// What failed.
        detail: String,
    },
}

impl AttemptOutcome {
    /// Whether the end uses up one of the slice's attempts.
    pub fn counts(&self) -> bool {
        match self {
            Self::Passed | Self::Rejected { .. } | Self::Expired { .. } => true,
            Self::Unchanged
            | Self::Asked { .. }
            | Self::Unavailable { .. }
            | Self::Interrupted { .. }
            | Self::Limited { .. }
            | Self::Errored { .. } => false,
        }
    }
}

/// Why a slice is done without a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum UnchangedReason {
    /// Its command ran and exited with 0.
    CommandSucceeded,
    /// A gate that judges it was red on the base and green where it started.
    GateMended {
        /// The gate.
        gate: GateName,
    },
    /// The operator said so.
    Answered,
}

impl std::fmt::Display for UnchangedReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::CommandSucceeded => f.write_str("its command exited with 0 and changed nothing"),
            Self::GateMended { gate } => {
                write!(f, "nothing to change: gate `{gate}` was red on the base and green where the slice started")
            }
            Self::Answered => f.write_str("the operator said that there is nothing to change"),
        }
    }
}

/// What a slice changed, captured by content and committed by us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    /// The commit that the attempt started from; the only parent of `commit`.
    pub start: CommitId,
    /// The captured tree.
    pub tree: TreeId,
    /// The commit of that tree, with the trailers `Omk-Goal`, `Omk-Slice`, `Omk-Attempt`.
    pub commit: CommitId,
    /// The changed paths, sorted.
    pub paths: Vec<String>,
    /// Lines added.
    pub added: u64,
    /// Lines removed.
    pub removed: u64,
    /// Changed paths left out because the base's ignore rules exclude them, sorted, bounded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<String>,
}

/// What an attempt is to do: all that a worker needs, by value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// The slice as planned.
    pub spec: SliceSpec,
    /// Which try.
    pub attempt: Attempt,
    /// The lease.
    pub epoch: Epoch,
    /// The agent that does it, as the goal names it: `script`, `cmd:…`.
    pub agent: String,
    /// The commit to start from and to diff against.
    pub start: CommitId,
    /// The tree that the worktree holds at first, where it differs from the start: an earlier attempt's work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<TreeId>,
    /// What earlier attempts were told, the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub feedback: Vec<Feedback>,
    /// Work that an interrupted run of the same attempt has already captured: go on at the gates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captured: Option<Capture>,
    /// Lines that this attempt must not drop, by path: what other slices added to files that both merge.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keep: Vec<KeptLines>,
    /// The session of this agent to go on with, where it has begun one for the slice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<AgentSession>,
    /// What is around the slice: its neighbours in the plan, and the gates that judge it.
    #[serde(default, skip_serializing_if = "Surroundings::is_empty")]
    pub around: Surroundings,
    /// How many of this agent's attempts before it `omk` stood still under, in a row.
    #[serde(default, skip_serializing_if = "is_none")]
    pub lapses: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none(count: &u32) -> bool {
    *count == 0
}

/// What an agent is told of the rest of the plan, and of how its work is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surroundings {
    /// Slices that it starts from: they are integrated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Neighbour>,
    /// Slices that may be worked on at the same time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<Neighbour>,
    /// Slices that wait for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Neighbour>,
    /// The gates that its attempts must pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<GateSpec>,
}

impl Surroundings {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Another slice of the same plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbour {
    /// Its name.
    pub id: SliceId,
    /// One line for people.
    pub title: String,
    /// What it alone may change meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writes: Vec<PathPattern>,
    /// What it changes as others do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merges: Vec<PathPattern>,
}

impl Assignment {
    /// Whether the worktree holds work of an earlier attempt: captured, or as its agent left it.
    pub fn holds_earlier_work(&self) -> bool {
        self.content.is_some() || self.session.as_ref().is_some_and(|session| session.cut_off)
    }
}

/// What an agent remembers of its work on a slice, by which another process of it can go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentSession {
    /// The agent, as the goal names it.
    pub agent: String,
    /// Its own name for it.
    pub id: String,
    /// The worktree that it was begun in, relative to the goal's directory: agents find it by that.
    pub worktree: PathBuf,
    /// What it has used, as far as that was recorded.
    #[serde(default)]
    pub used: Usage,
    /// Whether it was cut off in the middle of its work, so that the worktree stands as it left it.
    #[serde(default)]
    pub cut_off: bool,
    /// How many attempts in a row failed in it.
    #[serde(default)]
    pub failures: u32,
    /// In a task: how many pieces of its feedback, the newest ones, the agent was not given with an earlier one.
    #[serde(default)]
    pub news: u32,
}

/// Lines of one file that other slices added and a second attempt after a conflict may not drop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptLines {
    /// The file.
    pub path: String,
    /// The slices that added them.
    pub from: Vec<SliceId>,
    /// The lines, without their ends, in file order.
    pub lines: Vec<String>,
}

/// Why a slice waits, in a form that scripts can read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingFor {
    /// `slice`, `permit`, `retry`, `human`, …
    pub kind: String,
    /// What it waits for: a slice id, a question id.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Since when.
    pub since: Timestamp,
    /// What happens next.
    pub next: String,
}
