//! Why a repository cannot be worked on, by name, and what helps.

use std::path::PathBuf;

use thiserror::Error;

/// A repository of a kind that is not supported. The text says what and where; [`Refusal::help`] says what to do.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// There is none at the path or above it.
    #[error("{} is not in a git repository", .path.display())]
    NotARepository {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// It has no checkout.
    #[error("the repository {} is bare", .path.display())]
    Bare {
        /// Its git directory.
        path: PathBuf,
    },
    /// Its HEAD names no commit.
    #[error("the repository {} has no commit yet", .path.display())]
    NoCommit {
        /// Its checkout.
        path: PathBuf,
    },
    /// Its objects are named by SHA-256.
    #[error("the repository {} uses the SHA-256 object format, which is not supported", .path.display())]
    Sha256 {
        /// Its git directory.
        path: PathBuf,
    },
    /// Its refs are a reftable.
    #[error("the repository {} keeps its refs as a reftable, which is not supported", .path.display())]
    Reftable {
        /// Its git directory.
        path: PathBuf,
    },
    /// It is somebody else's.
    #[error("the repository {} is owned by another user", .path.display())]
    ForeignOwner {
        /// Its checkout or git directory.
        path: PathBuf,
    },
    /// It fetches objects only when they are needed.
    #[error("the repository {} is a partial clone: objects may be missing, and nothing is fetched here", .path.display())]
    PartialClone {
        /// Its git directory.
        path: PathBuf,
        /// The remote that has the rest.
        remote: String,
    },
    /// Its base has paths that are not safe to write out.
    #[error("the base of {} cannot be checked out: {detail}", .path.display())]
    UnsafeTree {
        /// Its checkout.
        path: PathBuf,
        /// Which path, and why.
        detail: String,
    },
    /// Its path cannot be written into a file that holds a path on each line.
    #[error("the path of the repository {path:?} holds a line end")]
    LineEndInPath {
        /// Its git directory.
        path: PathBuf,
    },
    /// Git cannot read it.
    #[error("the repository {} cannot be read: {detail}", .path.display())]
    Unreadable {
        /// Where.
        path: PathBuf,
        /// What git said.
        detail: String,
    },
}

impl Refusal {
    /// What the user can do, one sentence or command.
    pub fn help(&self) -> String {
        match self {
            Self::NotARepository { .. } => "go to a repository, or name one with -C; `git init` makes one".to_owned(),
            Self::Bare { path } => {
                format!("make a checkout: `git -C {} worktree add <directory>`, and run there", path.display())
            }
            Self::NoCommit { path } => {
                let at = path.display();
                format!("make one: `git -C {at} add -A && git -C {at} commit -m start`")
            }
            Self::Sha256 { .. } => "use a clone in the SHA-1 format (`git init --object-format=sha1`)".to_owned(),
            Self::Reftable { path } => {
                format!("convert it: `git -C {} refs migrate --ref-format=files`", path.display())
            }
            Self::ForeignOwner { path } => {
                format!("if you trust it: `git config --global --add safe.directory {}`", path.display())
            }
            Self::PartialClone { path, remote } => completing(&path.display().to_string(), remote),
            Self::LineEndInPath { .. } => "move the repository to a path without line ends".to_owned(),
            Self::UnsafeTree { .. } => "remove that path in a commit".to_owned(),
            Self::Unreadable { path, .. } => format!("see what `git -C {} fsck` says", path.display()),
        }
    }
}

fn completing(at: &str, remote: &str) -> String {
    format!(
        "complete it: `git -C {at} fetch --refetch --no-filter {remote} && git -C {at} config --unset-all \
         remote.{remote}.promisor && git -C {at} config --unset-all remote.{remote}.partialclonefilter; \
         git -C {at} config --unset-all extensions.partialClone`"
    )
}
