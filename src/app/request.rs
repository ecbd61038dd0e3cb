//! What the command line hands to the façade, as values.

use std::path::PathBuf;

use crate::domain::budget::Limits;
use crate::domain::goal::{DeliveryPolicy, MergePolicy, SandboxChoice};
use crate::domain::ids::{GoalId, SliceId};

/// Where a command acts.
#[derive(Clone, Debug)]
pub struct Place {
    /// `--state-dir`.
    pub state_dir: Option<PathBuf>,
    /// `--repo`/`-C`; `None` is the working directory.
    pub repo: Option<PathBuf>,
    /// The working directory.
    pub cwd: PathBuf,
}

/// A goal to be created.
#[derive(Clone, Debug)]
pub struct GoalRequest {
    /// The goal's text.
    pub text: String,
    /// `--plan`.
    pub plan: Option<PathBuf>,
    /// `--agent`, in order: who works, then who stands in.
    pub agents: Vec<String>,
    /// `--max-agents`; `None` is the configuration's, else the number of processors, between 2 and 8.
    pub max_agents: Option<u32>,
    /// `--budget-…`.
    pub limits: Limits,
    /// `--policy`.
    pub policy: DeliveryPolicy,
    /// `--merge-policy`.
    pub merge_policy: MergePolicy,
    /// `--gate NAME=CMD`, in order, as typed.
    pub gates: Vec<String>,
    /// `--sandbox`.
    pub sandbox: SandboxChoice,
    /// `--no-input`.
    pub no_input: bool,
}

/// A goal that was created.
#[derive(Clone, Debug)]
pub struct NewGoal {
    /// Its name.
    pub id: GoalId,
    /// What the user should know: the base of a detached HEAD, changes left out, no sandbox; a sentence each.
    pub notes: Vec<String>,
}

/// Another attempt of a slice.
#[derive(Clone, Debug)]
pub struct RetryRequest {
    /// The slice.
    pub slice: SliceId,
    /// Whether earlier work is left aside.
    pub fresh: bool,
    /// What the operator tells the next attempt.
    pub hint: Option<String>,
}

/// Who took what the operator said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakenBy {
    /// The process that runs the goal, which goes on with it.
    Run,
    /// The goal's journal: no process runs it.
    Journal,
}

/// Which change to show.
#[derive(Clone, Debug)]
pub struct DiffRequest {
    /// The goal.
    pub id: GoalId,
    /// One slice, or the whole goal.
    pub slice: Option<SliceId>,
}
