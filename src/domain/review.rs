//! The six reviewers' vocabulary: role, finding, severity, verdict.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::ids::{Attempt, SliceId, TreeId};

/// From which side a reviewer looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Scope, structure, dependencies.
    Architect,
    /// Correctness and leftovers.
    Code,
    /// Tests that are removed, ignored or missing.
    Test,
    /// Secrets, executables, links.
    Security,
    /// Measured speed.
    Performance,
    /// Placeholders and work that is only claimed.
    AntiSlop,
}

impl Role {
    /// The six roles, in the order in which they are shown.
    pub const ALL: [Self; 6] =
        [Self::Architect, Self::Code, Self::Test, Self::Security, Self::Performance, Self::AntiSlop];

    /// The role as scripts read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Architect => "architect",
            Self::Code => "code",
            Self::Test => "test",
            Self::Security => "security",
            Self::Performance => "performance",
            Self::AntiSlop => "anti_slop",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How bad a finding is. `High` and `Critical` block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth mending some day.
    Low,
    /// Worth mending soon.
    Medium,
    /// Sends the attempt back.
    High,
    /// Sends the attempt back.
    Critical,
}

impl Severity {
    /// Whether a finding of this severity sends the attempt back.
    pub fn blocks(self) -> bool {
        self >= Self::High
    }

    /// The severity as scripts read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// What a reviewer found, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// A stable name of the rule: `security.secret`, `test.ignored`, …
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// The file.
    pub path: String,
    /// The line, from 1; `None` where the finding is about the file or the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// One sentence.
    pub message: String,
}

/// What a reviewer concludes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No blocking finding.
    Passed,
    /// At least one blocking finding.
    Blocked,
    /// The role has nothing to judge here; the summary says why.
    NotApplicable,
}

impl Verdict {
    /// The verdict as scripts read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Blocked => "blocked",
            Self::NotApplicable => "not_applicable",
        }
    }
}

/// What was reviewed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Subject {
    /// One attempt's change.
    Slice {
        /// The slice.
        slice: SliceId,
        /// Which try of it.
        attempt: Attempt,
    },
    /// The whole integrated change.
    Goal {
        /// The integrated tree.
        tree: TreeId,
    },
}

/// One reviewer's report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Who looked.
    pub role: Role,
    /// What it concludes.
    pub verdict: Verdict,
    /// What it looked at, or why it does not apply; one sentence.
    pub summary: String,
    /// What it found, blocking findings first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

impl Review {
    /// A report whose verdict follows from its findings, the worst of which comes first.
    pub fn of(role: Role, summary: String, mut findings: Vec<Finding>) -> Self {
        findings.sort_by(|a, b| {
            b.severity.cmp(&a.severity).then_with(|| (&a.path, a.line, &a.rule).cmp(&(&b.path, b.line, &b.rule)))
        });
        let blocked = findings.iter().any(|finding| finding.severity.blocks());
        Self { role, verdict: if blocked { Verdict::Blocked } else { Verdict::Passed }, summary, findings }
    }

    /// The report of a role that has nothing to judge.
    pub fn not_applicable(role: Role, reason: &str) -> Self {
        Self { role, verdict: Verdict::NotApplicable, summary: reason.to_owned(), findings: Vec::new() }
    }
}
