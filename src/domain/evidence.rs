//! What proves something: files named by their content, gate results, the proof document.

use serde::{Deserialize, Serialize};

use crate::domain::goal::SandboxLevel;
use crate::domain::ids::{Attempt, Batch, CommitId, ContentHash, GateName, GoalId, SliceId, Timestamp, TreeId};
use crate::domain::review::Review;
use crate::domain::task::GateKind;

/// A file in the goal's directory, named by its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactRef {
    /// The path relative to the goal's directory.
    pub path: String,
    /// The SHA-256 of its bytes.
    pub sha256: ContentHash,
    /// Its size.
    pub bytes: u64,
}

/// What a gate was run on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum GateScope {
    /// The base, before any change: which gates are green to begin with, and which tests there are.
    Base,
    /// One attempt's own tree.
    Attempt {
        /// The slice.
        slice: SliceId,
        /// Which try of it.
        attempt: Attempt,
    },
    /// A merged tree of the queue, while a batch is judged or bisected.
    Batch {
        /// The batch.
        batch: Batch,
    },
    /// The integrated tree, cold: these decide `ready`.
    Tip,
}

/// How a gate ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum GateOutcome {
    /// Exit status 0.
    Green,
    /// Exit status 0, though a test runner's own final summary counts tests that failed.
    TestsFailed {
        /// How many.
        failed: u64,
    },
    /// Exit status 0, though the test runner ran no test.
    NoTests,
    /// Another exit status.
    Red {
        /// The status; 128+n for signal n.
        exit: i32,
    },
    /// Killed at its timeout.
    TimedOut,
    /// It could not be started at all.
    Unstartable {
        /// The cause.
        detail: String,
    },
    /// Stopped before its end by a pause, a cancel or a spent budget: no verdict.
    Stopped,
}

impl GateOutcome {
    /// Whether the gate passed.
    pub fn is_green(&self) -> bool {
        matches!(self, Self::Green)
    }

    /// The outcome as scripts read it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::TestsFailed { .. } => "tests_failed",
            Self::NoTests => "no_tests",
            Self::Red { .. } => "red",
            Self::TimedOut => "timed_out",
            Self::Unstartable { .. } => "unstartable",
            Self::Stopped => "stopped",
        }
    }
}

/// How well the output of a gate was understood as a test runner's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestReading {
    /// The gate is of another kind, or did not run.
    NotRead,
    /// No runner was recognised.
    Unknown,
    /// A runner was recognised that does not say how many tests passed.
    Unnumbered,
    /// The tests were counted.
    Counted,
}

/// How many tests a gate ran, read from its output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestCount {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed.
    pub failed: u64,
    /// Tests that were ignored or skipped.
    pub ignored: u64,
}

/// A gate's verdict on one exact tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateResult {
    /// The gate.
    pub gate: GateName,
    /// What it judges.
    pub kind: GateKind,
    /// Whether `ready` needs it.
    pub required: bool,
    /// The tree it ran on.
    pub tree: TreeId,
    /// SHA-256 over the gate's frozen specification.
    pub gate_hash: ContentHash,
    /// SHA-256 over the environment that it was given.
    pub env_hash: ContentHash,
    /// What confined it.
    pub sandbox: SandboxLevel,
    /// How it ended.
    pub outcome: GateOutcome,
    /// How long it took.
    pub duration_ms: u64,
    /// Whether it started without anything that an earlier run had built.
    pub cold: bool,
    /// Tests counted in its output, where its runner is one that we can read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<TestCount>,
    /// How well its output was understood; not there in records of earlier releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<TestReading>,
    /// The names of its tests, where they can be read: an artifact of a line `runner NAME` for each runner, then one
    /// `passed|failed|ignored NAME` a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_names: Option<ArtifactRef>,
    /// Tests of the base that are gone or ignored here, sorted, bounded to 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost_tests: Vec<String>,
    /// Whether it was compared with the names of the base's tests.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub compared: bool,
    /// Its output, bounded; escape sequences made harmless.
    pub log: ArtifactRef,
    /// The last lines of its output, bounded to 4 KiB; empty where it is green.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub excerpt: String,
    /// Processes that outlived it and were killed, as `pid name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub survivors: Vec<String>,
}

impl GateResult {
    /// Whether the gate passed with every test of the base.
    pub fn passes(&self) -> bool {
        self.outcome.is_green() && self.lost_tests.is_empty()
    }
}

/// The proof of a goal: an in-toto Statement (`https://in-toto.io/Statement/v1`), unsigned until signing exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofStatement {
    /// Always `https://in-toto.io/Statement/v1`.
    #[serde(rename = "_type")]
    pub statement_type: String,
    /// The integrated commit and tree.
    pub subject: Vec<ProofSubject>,
    /// Always [`PROOF_PREDICATE`].
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// What is claimed of the subject.
    pub predicate: ProofPredicate,
}

/// The type of an in-toto Statement.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// The type of our predicate.
pub const PROOF_PREDICATE: &str = "urn:omk:goal-proof:v1";

/// The version of the rules by which this program folds a proof from the journal.
pub const PROOF_RULES: u32 = 2;

/// What an in-toto Statement speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofSubject {
    /// The branch, or the goal where nothing was delivered.
    pub name: String,
    /// `gitCommit` and `gitTree`.
    pub digest: ProofDigest,
}

/// The digests of a subject, in the names that in-toto gives to git objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofDigest {
    /// The commit.
    #[serde(rename = "gitCommit")]
    pub git_commit: CommitId,
    /// Its tree.
    #[serde(rename = "gitTree")]
    pub git_tree: TreeId,
}

/// What is claimed of the integrated tree, and on which evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofPredicate {
    /// The goal.
    pub goal: GoalId,
    /// Its text.
    pub request: String,
    /// Its status.
    pub status: String,
    /// Why it has that status.
    pub reason: String,
    /// The commit that it started from.
    pub base: CommitId,
    /// The integrated commit.
    pub head: CommitId,
    /// The integrated tree.
    pub tree: TreeId,
    /// The branch in the user's repository; `None` where nothing was delivered.
    pub branch: Option<String>,
    /// The repository that holds `head`.
    pub repo: String,
    /// What confined agents and gates.
    pub sandbox: SandboxLevel,
    /// The deciding gates, each on exactly `tree`.
    pub gates: Vec<GateResult>,
    /// What became of each slice.
    pub slices: Vec<ProofSlice>,
    /// The six roles on the whole change.
    pub reviews: Vec<Review>,
    /// What is not proved, a sentence each.
    pub gaps: Vec<String>,
    /// The journal that all this is folded from.
    pub journal: JournalPosition,
    /// When it was folded: the time of the journal's last record.
    pub at: Timestamp,
    /// The version of the rules that folded it from the journal; 1 if the document does not say.
    #[serde(default = "first_rules", skip_serializing_if = "is_first")]
    pub rules: u32,
}

fn first_rules() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_first(rules: &u32) -> bool {
    *rules == first_rules()
}

/// A slice in the proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofSlice {
    /// The slice.
    pub id: SliceId,
    /// Its title.
    pub title: String,
    /// `integrated`, `unchanged`, `given_up`, `open`.
    pub state: String,
    /// Attempts that it took.
    pub attempts: u32,
    /// Acts that the policy refused to its agents, in all attempts.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refused: u64,
    /// Its captured commit, where it was integrated.
    pub commit: Option<CommitId>,
    /// The merge that brought it in.
    pub merge: Option<CommitId>,
    /// Why it is not integrated, or had nothing to change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A place in a journal, by number and content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalPosition {
    /// The number of the last record.
    pub seq: crate::domain::ids::Seq,
    /// Its hash.
    pub hash: ContentHash,
}
