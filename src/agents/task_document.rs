//! The task as an agent reads it: the JSON document `omk.task/v1`, described in docs/agent-protocol.md.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::domain::access::AccessSet;
use crate::domain::agent::AgentTask;
use crate::domain::ids::{Attempt, CommitId, GateName, GoalId, SliceId};
use crate::domain::task::{Feedback, KeptLines, Risk};

/// The value of `schema`.
const SCHEMA: &str = "omk.task/v1";

/// The document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TaskDocument {
    schema: String,
    goal: GoalPart,
    pub(super) slice: SlicePart,
    attempt: Attempt,
    workspace: Workspace,
    start: CommitId,
    /// Empty means every required one.
    gates: Vec<GateName>,
    feedback: Vec<Feedback>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    keep: Vec<KeptLines>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<SessionPart>,
}

/// The session that the agent said it works in, at an earlier attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SessionPart {
    id: String,
    cut_off: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct GoalPart {
    id: GoalId,
    text: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    acceptance: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    constraints: Vec<String>,
}

/// The slice as the plan has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SlicePart {
    id: SliceId,
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    acceptance: Vec<String>,
    risk: Risk,
    #[serde(flatten)]
    access: AccessSet,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) run: Option<String>,
}

/// What the worktree holds at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Workspace {
    /// The start commit.
    Fresh,
    /// An earlier attempt's work, on top of the start commit.
    Continued,
}

impl TaskDocument {
    /// The document of a task.
    pub(super) fn of(task: &AgentTask) -> Self {
        let assignment = task.assignment.clone();
        let workspace = if assignment.holds_earlier_work() { Workspace::Continued } else { Workspace::Fresh };
        let spec = assignment.spec;
        Self {
            schema: SCHEMA.to_owned(),
            goal: GoalPart {
                id: task.goal.clone(),
                text: task.goal_text.clone(),
                acceptance: task.criteria.clone(),
                constraints: task.constraints.clone(),
            },
            slice: SlicePart {
                id: spec.id,
                title: spec.title,
                description: spec.description,
                acceptance: spec.acceptance,
                risk: spec.risk,
                access: spec.access,
                run: spec.run,
            },
            attempt: assignment.attempt,
            workspace,
            start: assignment.start,
            gates: spec.gates,
            feedback: assignment.feedback.iter().map(Feedback::without_secrets).collect(),
            keep: assignment.keep,
            session: assignment.session.map(|session| SessionPart { id: session.id, cut_off: session.cut_off }),
        }
    }
}

/// A file, private to the user, that holds a task while an agent works on it. Removed when dropped.
pub(super) struct TaskFile {
    path: PathBuf,
}

impl TaskFile {
    /// Writes `bytes` to `<dir>/<name>`; makes the directory where it is not there, and replaces what an attempt that
    /// died has left.
    pub(super) fn create(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let path = dir.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(bytes)?;
        Ok(Self { path })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TaskFile {
    fn drop(&mut self) {
        let _gone_already = std::fs::remove_file(&self.path);
    }
}
