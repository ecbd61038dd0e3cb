//! Where things are: the state directory, and the directory of one goal.
//!
//! Owns every path and the modes of directories (0700) and files (0600). The environment comes in as arguments.
//! A goal's directory is made by one process only: `mkdir` decides.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::domain::ids::GoalId;
use crate::store::artifacts::hash_of;
use crate::store::error::StoreError;

/// The mode of every directory that the store makes.
const DIRECTORY_MODE: u32 = 0o700;
/// The mode of every file that the store makes.
pub(crate) const FILE_MODE: u32 = 0o600;

/// The environment's say on where the state directory is. Empty values count as unset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `$OMK_STATE_DIR`.
    pub omk_state_dir: Option<OsString>,
    /// `$XDG_STATE_HOME`.
    pub xdg_state_home: Option<OsString>,
    /// `$HOME`.
    pub home: Option<OsString>,
}

/// The state directory: all goals of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDir {
    path: PathBuf,
}

impl StateDir {
    /// Names a directory that may not exist yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Finds it: the flag, else `$OMK_STATE_DIR`, else `$XDG_STATE_HOME/omk`, else `~/.local/state/omk`. Relative
    /// values of the last two are ignored, as the XDG specification demands.
    pub fn locate(flag: Option<&Path>, environment: &Environment) -> Result<Self, StoreError> {
        let set = |value: &Option<OsString>| value.clone().filter(|text| !text.is_empty()).map(PathBuf::from);
        let absolute = |value: &Option<OsString>| set(value).filter(|path| path.is_absolute());
        flag.map(Path::to_owned)
            .or_else(|| set(&environment.omk_state_dir))
            .or_else(|| absolute(&environment.xdg_state_home).map(|path| path.join("omk")))
            .or_else(|| absolute(&environment.home).map(|path| path.join(".local/state/omk")))
            .map(Self::at)
            .ok_or(StoreError::NoHome)
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the goals are.
    pub fn goals(&self) -> PathBuf {
        self.path.join("goals")
    }

    /// The directory of a goal, whether it exists or not.
    pub fn goal(&self, id: &GoalId) -> GoalDir {
        GoalDir { id: id.clone(), path: self.goals().join(id.as_str()) }
    }

    /// Makes the directory of a new goal, durably. `Taken` where there is one already: the caller tries the id of
    /// the next millisecond.
    pub fn create_goal(&self, id: &GoalId) -> Result<GoalDir, StoreError> {
        let goals = self.goals();
        let goal = self.goal(id);
        let made = make_directories(&goals).and_then(|()| DirBuilder::new().mode(DIRECTORY_MODE).create(&goal.path));
        match made.and_then(|()| sync_directory(&goals)) {
            Ok(()) => Ok(goal),
            Err(error) if error.kind() == ErrorKind::AlreadyExists && goal.path.is_dir() => {
                Err(StoreError::Taken { id: id.clone() })
            }
            Err(source) => Err(StoreError::NotWritable { state: self.path.clone(), source }),
        }
    }

    /// The ids of all goals, newest first. A state directory that does not exist has none; names that are no goal
    /// ids are passed over.
    pub fn goal_ids(&self) -> Result<Vec<GoalId>, StoreError> {
        let goals = self.goals();
        let entries = match fs::read_dir(&goals) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(StoreError::io("list", &goals))?,
        };
        let mut ids = Vec::new();
        for entry in entries {
            let entry = entry.map_err(StoreError::io("list", &goals))?;
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let id = entry.file_name().to_str().and_then(|name| GoalId::parse(name).ok());
            ids.extend(id.filter(|_| is_directory));
        }
        ids.sort_unstable_by(|a, b| (b.code(), b).cmp(&(a.code(), a)));
        Ok(ids)
    }
}

/// The directory of one goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoalDir {
    id: GoalId,
    path: PathBuf,
}

/// Declares the path of one file or directory of a goal.
macro_rules! paths {
    ($($(#[$doc:meta])* $name:ident = $file:literal;)*) => {
        impl GoalDir {
            $($(#[$doc])* pub fn $name(&self) -> PathBuf {
                self.path.join($file)
            })*
        }
    };
}

paths! {
    /// The journal: the only truth.
    events = "events.jsonl";
    /// The goal as it was last folded.
    goal_json = "goal.json";
    /// The graph of slices.
    task_graph = "task-graph.json";
    /// The proof.
    proof = "proof.json";
    /// Why the goal did not end `ready`.
    failure = "failure.json";
    /// What was asked for.
    prd = "prd.md";
    /// How it is done.
    technical_plan = "technical-plan.md";
    /// How it is proved.
    test_spec = "test-spec.md";
    /// The planner's decisions.
    decisions = "decisions.jsonl";
    /// What was spent, over time.
    budget_checkpoints = "budget-checkpoints.jsonl";
    /// What each agent spent.
    cost = "cost.jsonl";
    /// The evidence.
    artifacts = "artifacts";
    /// The private bare repository.
    repository = "repo.git";
    /// The linked worktrees of attempts.
    worktrees = "worktrees";
    /// Where gates run.
    gates = "gates";
    /// The socket of the running process.
    control_socket = "control.sock";
    /// The file whose lock makes a process the only writer.
    lock = "lock";
    /// Space kept for writing the end of a run on a full disk.
    ballast = "ballast";
}

impl GoalDir {
    /// The goal's id.
    pub fn id(&self) -> &GoalId {
        &self.id
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the processes of the goal are marked with: two state directories can hold goals of one id, made within the
    /// same millisecond, and neither may take the other's processes for its own.
    pub fn owner(&self) -> String {
        let path = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        let place = hash_of(path.as_os_str().as_bytes()).to_string();
        format!("{}@{}", self.id, &place[..12])
    }
}

fn make_directories(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path)
}

/// Makes the entries of a directory durable.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
