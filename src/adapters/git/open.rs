//! How a user's repository is opened: where it is said to be, and in any format that is read correctly here.
//!
//! Whether it can be trusted is the git program's word (see `user_git`): libgit2 does not know every place where a user can
//! say so.

use std::path::Path;
use std::sync::Once;

use git2::{Error, Repository, RepositoryOpenFlags};

/// Opens the repository of a git directory; nothing above it is searched.
pub(super) fn open(git_dir: &Path) -> Result<Repository, Error> {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        know_extensions();
        trust();
    });
    Repository::open_ext(git_dir, RepositoryOpenFlags::NO_SEARCH, std::iter::empty::<&Path>())
}

/// Lets libgit2 open a repository that names its storage of refs. `inspect` refuses all but files.
fn know_extensions() {
    #[expect(unsafe_code, reason = "the list of extensions is a global of libgit2")]
    // SAFETY: `Once` lets one thread write the list, and every call that reads it for a format with extensions comes
    // behind that: our own repositories have none that are not built in.
    let known = unsafe { git2::opts::set_extensions(&["refstorage"]) };
    if let Err(error) = known {
        tracing::debug!(%error, "extensions.refStorage stays unknown");
    }
}

/// Lets libgit2 open repositories of other users.
fn trust() {
    #[expect(unsafe_code, reason = "the switch is a global of libgit2")]
    // SAFETY: `Once` lets one thread write the switch.
    let set = unsafe { git2::opts::set_verify_owner_validation(false) };
    if let Err(error) = set {
        tracing::debug!(%error, "libgit2 judges the owner of a repository itself");
    }
}
