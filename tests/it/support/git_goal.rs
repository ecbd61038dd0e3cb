//! A goal's workspace on a real repository.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use omk::adapters::git::inspect::inspect;
use omk::adapters::git::program::SystemGit;
use omk::adapters::git::workspace::GitWorkspace;
use omk::domain::access::{AccessSet, PathPattern};
use omk::domain::goal::RepositoryFacts;
use omk::domain::ids::{Attempt, AttemptRef, CommitId, Epoch, GoalId, SliceId, Timestamp, TreeId};
use omk::domain::order::{CaptureLimits, CaptureOrder, Captured, MergeInput, Merged, WorktreeOrder};
use omk::domain::task::Capture;
use omk::ports::Workspace;
use tempfile::TempDir;

use super::git_repo::{GitRepo, git};

/// The moment of every commit here.
pub(crate) const AT: Timestamp = Timestamp(1_800_000_000_000);

/// Waits for an effect.
pub(crate) fn done<T>(effect: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(effect)
}

/// A goal on a repository.
pub(crate) struct Goal {
    /// The user's repository as it was found.
    pub(crate) facts: RepositoryFacts,
    /// Its workspace.
    pub(crate) workspace: GitWorkspace,
    /// How large what its attempts change may be.
    pub(crate) limits: CaptureLimits,
    state: TempDir,
    /// Kept for as long as the goal, where nobody else keeps it.
    _repo: Option<GitRepo>,
}

impl Goal {
    /// A goal on a repository.
    pub(crate) fn on(repo: &GitRepo) -> Self {
        Self::at(&repo.root)
    }

    /// A goal on the repository at a path.
    pub(crate) fn at(root: &Path) -> Self {
        let state = tempfile::tempdir().unwrap();
        let facts = inspect(root).unwrap();
        let workspace = open(state.path(), &facts);
        let limits = CaptureLimits { file: u64::MAX, attempt: u64::MAX };
        Self { facts, workspace, limits, state, _repo: None }
    }

    /// A goal on a new repository with one commit of these files.
    pub(crate) fn with_files(files: &[(&str, &str)]) -> Self {
        let repo = GitRepo::with_files(files);
        let goal = Self::on(&repo);
        Self { _repo: Some(repo), ..goal }
    }

    /// The same goal in a new process: nothing is remembered.
    pub(crate) fn restarted(self) -> Self {
        let workspace = open(self.state.path(), &self.facts);
        Self { workspace, ..self }
    }

    /// The goal's name.
    pub(crate) fn id() -> GoalId {
        GoalId::parse("goal-1").unwrap()
    }

    /// The goal's directory.
    pub(crate) fn directory(&self) -> PathBuf {
        self.state.path().canonicalize().unwrap()
    }

    /// The private repository.
    pub(crate) fn repository(&self) -> PathBuf {
        self.directory().join("repo.git")
    }

    /// Runs git in the private repository.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        git(&self.repository(), args)
    }

    /// A worktree of a slice's first attempt, at the base.
    pub(crate) fn worktree(&self, name: &str) -> PathBuf {
        self.worktree_at(name, &self.facts.base)
    }

    /// A worktree of a slice's first attempt, at a commit.
    pub(crate) fn worktree_at(&self, name: &str, start: &CommitId) -> PathBuf {
        let order = WorktreeOrder { attempt: attempt(name), start: start.clone(), content: None, place: None };
        done(self.workspace.prepare(order)).unwrap().path
    }

    /// Captures a slice's first attempt that started at the base and may write everywhere.
    pub(crate) fn capture(&self, name: &str) -> Captured {
        self.capture_with(name, &self.facts.base, AccessSet { writes: patterns(&["**"]), ..AccessSet::default() })
    }

    /// Captures a slice's first attempt.
    pub(crate) fn capture_with(&self, name: &str, start: &CommitId, access: AccessSet) -> Captured {
        let order = CaptureOrder {
            attempt: attempt(name),
            worktree: self.directory().join("worktrees").join(format!("{name}.1")),
            start: start.clone(),
            access,
            limits: self.limits,
            message: format!("{name}: work\n\nOmk-Slice: {name}\n"),
            at: AT,
        };
        done(self.workspace.capture(order)).unwrap()
    }

    /// A slice that starts at `start` and does `work` in its worktree.
    pub(crate) fn slice_at(&self, name: &str, start: &CommitId, work: impl FnOnce(&Path)) -> MergeInput {
        work(&self.worktree_at(name, start));
        let all = AccessSet { writes: patterns(&["**"]), ..AccessSet::default() };
        let capture = self.capture_with(name, start, all).capture.expect("the slice changed nothing");
        input(name, capture)
    }

    /// A slice that starts at the base and does `work` in its worktree.
    pub(crate) fn slice(&self, name: &str, work: impl FnOnce(&Path)) -> MergeInput {
        self.slice_at(name, &self.facts.base, work)
    }

    /// Merges slices onto the base.
    pub(crate) fn merge(&self, inputs: &[&MergeInput]) -> Vec<Merged> {
        let inputs = inputs.iter().map(|&input| input.clone()).collect();
        done(self.workspace.merge(self.facts.base.clone(), inputs, AT)).unwrap()
    }

    /// A file of a tree or commit of the private repository.
    pub(crate) fn file(&self, tree: &str, path: &str) -> String {
        self.git(&["cat-file", "blob", &format!("{tree}:{path}")])
    }

    /// The paths of a tree or commit of the private repository.
    pub(crate) fn paths(&self, tree: &str) -> Vec<String> {
        self.git(&["ls-tree", "-r", "--name-only", tree]).lines().map(str::to_owned).collect()
    }
}

fn open(directory: &Path, facts: &RepositoryFacts) -> GitWorkspace {
    GitWorkspace::open(directory, &Goal::id(), facts, Arc::new(SystemGit::default())).unwrap()
}

/// A slice's first attempt.
pub(crate) fn attempt(name: &str) -> AttemptRef {
    AttemptRef { slice: SliceId::parse(name).unwrap(), attempt: Attempt(1), epoch: Epoch(1) }
}

/// A slice to merge.
pub(crate) fn input(name: &str, capture: Capture) -> MergeInput {
    let slice = SliceId::parse(name).unwrap();
    MergeInput { slice, attempt: Attempt(1), capture, message: format!("merge {name}\n") }
}

/// Patterns.
pub(crate) fn patterns(texts: &[&str]) -> Vec<PathPattern> {
    texts.iter().map(|text| PathPattern::parse(text).unwrap()).collect()
}

/// The merge commit and tree of a clean merge.
pub(crate) fn clean(merged: &Merged) -> (CommitId, TreeId) {
    match merged {
        Merged::Clean { merge, tree } => (merge.clone(), tree.clone()),
        Merged::Conflict { .. } => panic!("{merged:?}"),
    }
}
