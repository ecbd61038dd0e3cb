//! What a path really names, once the links on the way are followed.

use std::io;
use std::path::{Component, Path, PathBuf};

/// The path behind all links, those that lead to nothing too. What is not there yet stays as it is written.
pub(super) fn resolve(worktree: &Path, path: &Path) -> io::Result<PathBuf> {
    let mut there = worktree.join(path);
    let mut missing = Vec::new();
    loop {
        match there.canonicalize() {
            Ok(real) => return Ok(missing.iter().rev().fold(real, |path, name| path.join(name))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let (Some(Component::Normal(name)), Some(parent)) = (there.components().next_back(), there.parent()) else {
            return Err(io::Error::new(io::ErrorKind::NotFound, "there is no such directory"));
        };
        there = match there.read_link() {
            Ok(target) => parent.join(target),
            Err(_no_link) => {
                missing.push(name.to_owned());
                parent.to_owned()
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_to_where_they_lead_even_to_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().canonicalize().expect("a directory");
        let worktree = root.join("w");
        std::fs::create_dir_all(worktree.join("src")).expect("a directory");
        let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, worktree.join(name)).expect("a link");
        link("../..", "src/out");
        link("../gone/x", "dangling");
        link("loop", "loop");
        let resolved = |path: &str| resolve(&worktree, Path::new(path));
        assert_eq!(resolved("src/new/a").expect("a path"), worktree.join("src/new/a"));
        assert_eq!(resolved("src/out/a").expect("a path"), root.join("a"));
        assert_eq!(resolved("dangling").expect("a path"), root.join("gone/x"));
        assert!(resolved("loop").is_err());
    }
}
