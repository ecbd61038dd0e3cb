//! The workspace of one goal: the port, with all blocking work off the caller's thread.
//!
//! Each piece of work runs on tokio's blocking threads with a repository handle of its own; a few run at once, more
//! wait. Work that has begun runs to its end, also when nobody waits for it any more.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use git2::Repository;
use tokio::sync::Semaphore;

use super::fingerprint::fingerprint;
use super::handles::Handles;
use super::history;
use super::identity::Identity;
use super::lines;
use super::objects::{commit_oid, fault, tree_id, tree_of_commit};
use super::private::PrivateRepository;
use super::program::GitProgram;
use super::shared::Shared;
use crate::domain::change::Change;
use crate::domain::event::Branch;
use crate::domain::goal::RepositoryFacts;
use crate::domain::ids::{CommitId, GoalId, Timestamp, TreeId};
use crate::domain::order::{CaptureOrder, Captured, Fault, MergeInput, Merged, Prepared, WorktreeOrder};
use crate::domain::task::KeptLines;
use crate::ports::{Effect, Workspace};

/// One goal's private repository and worktrees. Clones share everything.
#[derive(Clone)]
pub struct GitWorkspace {
    shared: Arc<Shared>,
    handles: Arc<Handles>,
    permits: Arc<Semaphore>,
}

impl GitWorkspace {
    /// Opens the workspace of a goal, making what is not there. Blocks for some milliseconds.
    pub fn open(
        goal_directory: &Path,
        goal: &GoalId,
        facts: &RepositoryFacts,
        program: Arc<dyn GitProgram>,
    ) -> Result<Self, Fault> {
        let place = PrivateRepository::create(goal_directory, goal, facts)?;
        let author = Identity::of(&place.open_user()?);
        let handles = Arc::new(Handles::new(&place.repository()));
        let at_once = std::thread::available_parallelism().map_or(2, usize::from) + 1;
        let permits = Arc::new(Semaphore::new(at_once));
        Ok(Self { shared: Arc::new(Shared::new(place, author, program)), handles, permits })
    }

    /// Writes the files of a tree, byte for byte and without any `.git`, into a directory that is empty or not there
    /// yet. Submodules become empty directories.
    pub fn export(&self, tree: TreeId, directory: PathBuf) -> Effect<Result<(), Fault>> {
        self.run(move |shared, repo| shared.export(repo, &tree, &directory))
    }

    /// Makes a directory hold exactly the files of a tree, whatever it held before; quick where this workspace brought
    /// it to a similar tree the last time.
    pub fn refresh(&self, tree: TreeId, directory: PathBuf) -> Effect<Result<(), Fault>> {
        self.run(move |shared, repo| shared.refresh(repo, &tree, &directory))
    }

    /// Which of `commits` lack objects, as after a loss of power, in their order.
    pub fn broken(&self, commits: Vec<CommitId>) -> Effect<Result<Vec<CommitId>, Fault>> {
        self.run(move |_, repo| history::broken(repo, &commits))
    }

    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared, &Repository) -> Result<T, Fault> + Send + 'static,
    ) -> Effect<Result<T, Fault>> {
        let Self { shared, handles, permits } = self.clone();
        Box::pin(async move {
            let permit = permits.acquire_owned().await;
            let done = tokio::task::spawn_blocking(move || {
                let _until_done = permit;
                handles.with(|repo| work(&shared, repo))
            });
            done.await.unwrap_or_else(|error| Err(fault("finish work on the goal's repository", error.to_string())))
        })
    }
}

impl Workspace for GitWorkspace {
    fn prepare(&self, order: WorktreeOrder) -> Effect<Result<Prepared, Fault>> {
        self.run(move |shared, repo| shared.prepare(repo, &order))
    }

    fn capture(&self, order: CaptureOrder) -> Effect<Result<Captured, Fault>> {
        self.run(move |shared, repo| shared.capture(repo, &order))
    }

    fn fingerprint(&self, worktree: PathBuf) -> Effect<Result<u64, Fault>> {
        self.run(move |_, _| Ok(fingerprint(&worktree)))
    }

    fn discard(&self, worktree: PathBuf) -> Effect<Result<(), Fault>> {
        self.run(move |shared, _| shared.discard(&worktree))
    }

    fn change(&self, from: CommitId, to: CommitId) -> Effect<Result<Arc<Change>, Fault>> {
        self.run(move |shared, repo| shared.change(repo, commit_oid(&from)?, commit_oid(&to)?))
    }

    fn merge(&self, onto: CommitId, inputs: Vec<MergeInput>, at: Timestamp) -> Effect<Result<Vec<Merged>, Fault>> {
        self.run(move |shared, repo| shared.merge(repo, &onto, &inputs, at))
    }

    fn tree_of(&self, commit: CommitId) -> Effect<Result<TreeId, Fault>> {
        self.run(move |_, repo| tree_of_commit(repo, commit_oid(&commit)?).map(tree_id))
    }

    fn added_lines(&self, from: CommitId, to: CommitId, path: String) -> Effect<Result<Vec<String>, Fault>> {
        self.run(move |_, repo| lines::added(repo, commit_oid(&from)?, commit_oid(&to)?, &path))
    }

    fn missing_lines(&self, commit: CommitId, kept: Vec<KeptLines>) -> Effect<Result<Vec<KeptLines>, Fault>> {
        self.run(move |_, repo| lines::missing(repo, commit_oid(&commit)?, kept))
    }

    fn unreachable(&self, head: CommitId, commits: Vec<CommitId>) -> Effect<Result<Vec<CommitId>, Fault>> {
        self.run(move |shared, repo| history::unreachable(repo, shared.place.base(), &head, &commits))
    }

    fn is_on_branch(&self, branch: String, commit: CommitId) -> Effect<Result<bool, Fault>> {
        self.run(move |shared, _| {
            history::is_on_branch(&shared.place.open_user()?, &branch, shared.place.base(), &commit)
        })
    }

    fn deliver(&self, branches: Vec<Branch>) -> Effect<Result<(), Fault>> {
        self.run(move |shared, repo| shared.deliver(repo, &branches))
    }
}
