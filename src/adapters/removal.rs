//! Removing what agents and gates leave: whole trees, also those that they made read-only.
//!
//! Build tools lock what they cache (Go's modules, Cargo's registry), and an ordinary user cannot remove a file from a
//! directory that is not writable. Never follows a link: what lies behind one is not ours.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Removes a path with all that is below it, whatever it is and whichever permissions were taken away. One that is not
/// there is no error.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotADirectory => fs::remove_file(path),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            unlock(path)?;
            fs::remove_dir_all(path)
        }
        done => done,
    }
}

fn unlock(directory: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(directory)?.is_dir() {
        return Ok(());
    }
    fs::set_permissions(directory, Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            unlock(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_a_file_and_nothing_are_removed_as_trees_are_and_what_is_behind_a_link_stays() {
        let dir = tempfile::tempdir().expect("a directory");
        let (behind, link, file) = (dir.path().join("behind"), dir.path().join("link"), dir.path().join("file"));
        fs::create_dir(&behind).expect("a directory");
        fs::set_permissions(&behind, Permissions::from_mode(0o555)).expect("a mode");
        std::os::unix::fs::symlink(&behind, &link).expect("a link");
        fs::write(&file, "x").expect("a file");
        for path in [&link, &file, &dir.path().join("nothing")] {
            remove_tree(path).expect("it goes");
            assert!(fs::symlink_metadata(path).is_err(), "{path:?}");
        }
        let mode = fs::metadata(&behind).expect("it stays").permissions().mode();
        assert_eq!(mode & 0o777, 0o555);
    }
}
