//! The workspace of one goal: the port, with all blocking work off the caller's thread.
//!
//! Each piece of work runs on tokio's blocking threads with a repository handle of its own; a few run at once, more
//! wait. Work that has begun runs to its end, also when nobody waits for it any more, unless the workspace is abandoned.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use git2::Repository;
use tokio::sync::Semaphore;

use super::fingerprint::fingerprint;
use super::handles::Handles;
use super::history;
use super::identity::Identity;
use super::lines;
use super::objects::{commit_oid, failed, fault, tree_id, tree_of_commit};
use super::private::PrivateRepository;
use super::program::GitProgram;
use super::refusal::Refusal;
use super::shared::Shared;
use super::user_git::{self, Opened};
use crate::adapters::remover::Remover;
use crate::adapters::room;
use crate::domain::change::Change;
use crate::domain::fact::Branch;
use crate::domain::goal::RepositoryFacts;
use crate::domain::ids::{CommitId, GoalId, Timestamp, TreeId};
use crate::domain::order::{CaptureOrder, Captured, Fault, MergeInput, Merged, Prepared, WorktreeOrder};
use crate::domain::shortage::{Disk, Shortage};
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
        refuse_foreign(facts)?;
        let place = PrivateRepository::create(goal_directory, goal, facts)?;
        let author = Identity::of(&facts.root, &place.open_user()?);
        place.tell(&author)?;
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

    /// The owner of what is out of use below the goal's directory.
    pub fn remover(&self) -> Remover {
        self.shared.remover.clone()
    }

    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared, &Repository) -> Result<T, Fault> + Send + 'static,
    ) -> Effect<Result<T, Fault>> {
        let Self { shared, handles, permits } = self.clone();
        Box::pin(async move {
            let permit = permits.acquire_owned().await;
            on_a_thread(move || {
                let _until_done = permit;
                shared.abandon.check().map_err(failed("begin work on the goal's repository"))?;
                handles.with(|repo| work(&shared, repo))
            })
            .await
        })
    }
}

/// A repository that git does not open for this user any more is not worked on.
fn refuse_foreign(facts: &RepositoryFacts) -> Result<(), Fault> {
    match user_git::open(&facts.root) {
        Opened::Foreign(path) => {
            let refusal = Refusal::ForeignOwner { path };
            Err(fault(
                format!("open the repository {}", facts.root.display()),
                format!("{refusal}; {}", refusal.help()),
            ))
        }
        Opened::GitDir(_) | Opened::Nowhere | Opened::Refused(_) | Opened::NoProgram => Ok(()),
    }
}

async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(fault("finish work on the goal's repository", error.to_string())))
}

impl Workspace for GitWorkspace {
    fn prepare(&self, order: WorktreeOrder) -> Effect<Result<Prepared, Fault>> {
        self.run(move |shared, repo| shared.prepare(repo, &order))
    }

    fn capture(&self, order: CaptureOrder) -> Effect<Result<Captured, Fault>> {
        self.run(move |shared, repo| shared.capture(repo, &order))
    }

    fn fingerprint(&self, worktree: PathBuf) -> Effect<Result<u64, Fault>> {
        self.run(move |shared, _| fingerprint(&worktree, &shared.abandon).map_err(failed("look at a worktree")))
    }

    fn discard(&self, worktree: PathBuf) -> Effect<Result<(), Fault>> {
        // It is short, and whoever waits for the next attempt waits for it: it does not queue behind captures.
        let shared = Arc::clone(&self.shared);
        Box::pin(on_a_thread(move || shared.discard(&worktree)))
    }

    fn abandon(&self) {
        self.shared.abandon.set();
        self.shared.program.end();
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

    fn shortage(&self, disk: Disk) -> Effect<Option<Shortage>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let look = move || match disk {
                Disk::Goal => room::shortage(shared.place.directory()),
                Disk::User => room::shortage(&shared.place.user_objects()),
            };
            tokio::task::spawn_blocking(look).await.unwrap_or(None)
        })
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
