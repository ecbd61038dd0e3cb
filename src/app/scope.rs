//! Which goals a command is about: those of the repository at hand, or of every one; and which of them `[ID]` names.
//!
//! A repository is known by its common git directory, so that its linked worktrees, its subdirectories and its symlinks
//! are the same. Invariant: a command that changes a goal never chooses one of another repository by itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::adapters::git::inspect::common_directory_of;
use crate::app::Omk;
use crate::app::create::usage;
use crate::app::error::AppError;
use crate::domain::ids::GoalId;
use crate::domain::listing::Listing;
use crate::store::error::StoreError;
use crate::store::layout::GoalDir;
use crate::store::resolve::{Wanted, wanted};

/// What helps when nobody knows which goal is meant.
const NAME_IT: &str = "name the goal: `omk goal list --all` shows every one";

/// Which goals a command is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those of every repository.
    Everywhere,
    /// Those of the repository with this common git directory.
    Repository(PathBuf),
}

impl Scope {
    /// Whether goals of a repository with this git directory belong to it.
    pub fn holds(&self, git_dir: &Path) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Repository(here) => here == git_dir || git_dir.canonicalize().is_ok_and(|it| it == *here),
        }
    }

    /// Whether the goal is known to be of another repository.
    fn excludes(&self, dir: &GoalDir) -> bool {
        dir.origin().is_some_and(|origin| !self.holds(&origin.git_dir))
    }

    fn includes(&self, dir: &GoalDir) -> bool {
        dir.origin().is_some_and(|origin| self.holds(&origin.git_dir))
    }
}

/// A goal that `[ID]` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The goal.
    pub id: GoalId,
    /// Its repository, if nobody said which one is meant: the newest goal of all was taken.
    pub of: Option<PathBuf>,
}

impl Omk {
    /// The goals that a command shows: of the repository at hand; with `all`, or outside of a repository, of every one.
    pub fn scope_to_read(&self, all: bool) -> Result<Scope, AppError> {
        match self.here()? {
            Some(git_dir) if !all => Ok(Scope::Repository(git_dir)),
            Some(_) | None => Ok(Scope::Everywhere),
        }
    }

    /// The goals that a command acts on: of the repository at hand, or with `all` of every one. Refused outside of a
    /// repository without `all`.
    pub fn scope_to_change(&self, all: bool) -> Result<Scope, AppError> {
        if all {
            return Ok(Scope::Everywhere);
        }
        self.here()?.map(Scope::Repository).ok_or_else(|| {
            let message = format!("{} is in no git repository", self.start().display());
            usage(message, &["name a repository: -C DIR", "or act on the goals of every repository: --all"])
        })
    }

    /// The goals of a scope, newest first, and those that cannot be read.
    pub fn list(&self, scope: &Scope) -> Result<Listing, AppError> {
        let mut listing = self.list_all()?;
        if *scope != Scope::Everywhere {
            // Many goals share few repositories, and only the file system knows which names mean the same.
            let mut known: BTreeMap<PathBuf, bool> = BTreeMap::new();
            listing.goals.retain(|goal| match known.get(&goal.git_dir) {
                Some(held) => *held,
                None => *known.entry(goal.git_dir.clone()).or_insert(scope.holds(&goal.git_dir)),
            });
            listing.left_out.retain(|goal| !scope.excludes(&self.state.goal(&goal.id)));
        }
        Ok(listing)
    }

    /// The goal that a text names, for a command that only reads.
    pub fn find_to_read(&self, text: &str) -> Result<Found, AppError> {
        let found = |id: &GoalId| Found { id: id.clone(), of: None };
        match wanted(&self.state, text)? {
            Wanted::Exactly(dir) => Ok(found(dir.id())),
            Wanted::Latest => match self.here()? {
                Some(git_dir) => Ok(found(self.latest_of(git_dir)?.id())),
                None => {
                    let newest = self.state.newest(|_| true)?.ok_or_else(|| self.no_goals())?;
                    Ok(Found { id: newest.id().clone(), of: newest.origin().map(|origin| origin.root) })
                }
            },
            Wanted::Among(candidates) => {
                let scope = self.scope_to_read(false)?;
                let own: Vec<_> = candidates.iter().filter(|dir| scope.includes(dir)).cloned().collect();
                only(text, if own.is_empty() { candidates } else { own }).map(|dir| found(dir.id()))
            }
        }
    }

    /// The goal that a text names, for a command that changes it.
    pub fn find_to_change(&self, text: &str) -> Result<GoalId, AppError> {
        match wanted(&self.state, text)? {
            Wanted::Exactly(dir) => Ok(dir.id().clone()),
            Wanted::Latest => match self.here()? {
                Some(git_dir) => Ok(self.latest_of(git_dir)?.id().clone()),
                None => {
                    let message = format!(
                        "{} is in no git repository, and this command changes a goal: it needs an id",
                        self.start().display()
                    );
                    Err(usage(message, &[NAME_IT, "or name the repository: -C DIR"]))
                }
            },
            Wanted::Among(candidates) => {
                let scope = self.scope_to_read(false)?;
                let own: Vec<_> = candidates.iter().filter(|dir| scope.includes(dir)).cloned().collect();
                if own.is_empty() && scope != Scope::Everywhere {
                    return Err(of_another(text, &candidates));
                }
                only(text, own).map(|dir| dir.id().clone())
            }
        }
    }

    /// The common git directory of the repository at hand; `None` outside of one. A `-C` outside of one is refused.
    fn here(&self) -> Result<Option<PathBuf>, AppError> {
        let start = self.start();
        let found = common_directory_of(&start).map_err(|refusal| usage(refusal.to_string(), &[&refusal.help()]))?;
        match (&found, &self.place.repo) {
            (None, Some(named)) => {
                let message = format!("{} is in no git repository", named.display());
                Err(usage(message, &["give -C a directory of the repository"]))
            }
            (Some(_), _) | (None, None) => Ok(found),
        }
    }

    /// Where a repository is looked for.
    pub(super) fn start(&self) -> PathBuf {
        self.place.repo.as_ref().map_or_else(|| self.place.cwd.clone(), |repo| self.place.cwd.join(repo))
    }

    fn latest_of(&self, git_dir: PathBuf) -> Result<GoalDir, AppError> {
        let shown = git_dir.display().to_string();
        let scope = Scope::Repository(git_dir);
        match self.state.newest(|dir| scope.includes(dir))? {
            Some(dir) => Ok(dir),
            None if self.state.goal_ids()?.is_empty() => Err(self.no_goals()),
            None => {
                let begin = "begin one: omk goal run \"...\" --until-ready";
                Err(usage(format!("there are no goals yet of the repository {shown}"), &[begin, NAME_IT]))
            }
        }
    }

    fn no_goals(&self) -> AppError {
        StoreError::NoGoals { state: self.state.path().to_owned() }.into()
    }
}

/// The one of several goals that is meant.
fn only(text: &str, mut candidates: Vec<GoalDir>) -> Result<GoalDir, AppError> {
    match candidates.len() {
        1 => Ok(candidates.remove(0)),
        _ => {
            let candidates = candidates.iter().map(|dir| dir.id().clone()).collect();
            Err(StoreError::AmbiguousGoal { text: text.to_owned(), candidates }.into())
        }
    }
}

/// A prefix that only goals of other repositories have names none for a command that changes one.
fn of_another(text: &str, candidates: &[GoalDir]) -> AppError {
    let [first, ..] = candidates else { return usage(format!("no goal is called `{text}`"), &[NAME_IT]) };
    let root = first.origin().map_or_else(|| "unknown".to_owned(), |origin| origin.root.display().to_string());
    let message = format!("no goal of this repository is called `{text}`; {} is one of {root}", first.id());
    usage(message, &[&format!("if you mean that one, give its whole id: {}", first.id())])
}
