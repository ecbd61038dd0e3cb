//! Takes a ref of ours out of the user's `packed-refs`, under git's own lock.
//!
//! Git has one lock file for all packed refs, and a process that dies leaves it to everybody. Invariant: a lock that we
//! make is a second name of a file of ours beside it, so that the next call knows it and no other is ever removed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use git2::Repository;

use super::regular;
use crate::domain::ids::GoalId;

/// How often somebody else may write the file between our look and our lock.
const TRIES: u32 = 5;

/// Removes the entry of a ref, where there is one. Fails while another process holds the lock. To be called by the holder
/// of the goal's lock.
pub(super) fn forget(user: &Repository, goal: &GoalId, name: &str) -> io::Result<()> {
    let files = Files::of(user, goal);
    files.remove_own_lock()?;
    for _ in 0..TRIES {
        let before = match regular::read(&files.packed) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            before => before?,
        };
        let Some(after) = without(&before, name) else { return Ok(()) };
        if files.replace(&before, &after)? {
            return Ok(());
        }
    }
    Err(io::Error::other("packed-refs changes all the time"))
}

/// The files concerned.
struct Files {
    packed: PathBuf,
    lock: PathBuf,
    own: PathBuf,
}

impl Files {
    fn of(user: &Repository, goal: &GoalId) -> Self {
        let at = |name: String| user.commondir().join(name);
        Self {
            packed: at("packed-refs".to_owned()),
            lock: at("packed-refs.lock".to_owned()),
            own: at(format!("packed-refs.omk-{goal}")),
        }
    }

    /// Removes what a dead process of ours has left.
    fn remove_own_lock(&self) -> io::Result<()> {
        let identity = |path: &Path| fs::symlink_metadata(path).map(|meta| (meta.dev(), meta.ino()));
        let Ok(own) = identity(&self.own) else { return Ok(()) };
        if identity(&self.lock).is_ok_and(|lock| lock == own) {
            fs::remove_file(&self.lock)?;
        }
        fs::remove_file(&self.own)
    }

    /// Replaces the file under its lock; `false` where it is not as it was `before`.
    fn replace(&self, before: &[u8], after: &[u8]) -> io::Result<bool> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(&self.own)?;
        file.set_permissions(fs::metadata(&self.packed)?.permissions())?;
        file.write_all(after)?;
        file.sync_all()?;
        if let Err(error) = fs::hard_link(&self.own, &self.lock) {
            fs::remove_file(&self.own)?;
            return Err(match error.kind() {
                ErrorKind::AlreadyExists => io::Error::other(format!("{} exists: git is at work", self.lock.display())),
                _ => error,
            });
        }
        let same = regular::read(&self.packed).is_ok_and(|now| now == before);
        if same {
            fs::rename(&self.lock, &self.packed)?
        } else {
            fs::remove_file(&self.lock)?
        }
        fs::remove_file(&self.own)?;
        // Best effort: the ref may be there again after a loss of power, and the next call removes it.
        let _ = self.packed.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all());
        Ok(same)
    }
}

/// The file without the entry of a ref and what it is peeled to; `None` where it has none.
fn without(packed: &[u8], name: &str) -> Option<Vec<u8>> {
    let (mut kept, mut found, mut peels) = (Vec::new(), false, false);
    for line in packed.split_inclusive(|&byte| byte == b'\n') {
        let entry = line.strip_suffix(b"\n").unwrap_or(line);
        let is_it = entry.get(40..).and_then(|rest| rest.strip_prefix(b" ")) == Some(name.as_bytes());
        if is_it || (peels && entry.starts_with(b"^")) {
            (found, peels) = (true, true);
            continue;
        }
        peels = false;
        kept.extend_from_slice(line);
    }
    found.then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_goes_with_what_it_is_peeled_to_and_nothing_else() {
        let id = "1".repeat(40);
        let packed = format!("# pack-refs with: peeled\n{id} refs/a\n^{id}\n{id} refs/a/b\n^{id}\n{id} refs/c\n");
        let left = format!("# pack-refs with: peeled\n{id} refs/a/b\n^{id}\n{id} refs/c\n");
        assert_eq!(without(packed.as_bytes(), "refs/a"), Some(left.into_bytes()));
        assert_eq!(without(packed.as_bytes(), "refs/b"), None);
    }
}
