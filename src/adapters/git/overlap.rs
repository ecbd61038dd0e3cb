//! A set of changed paths, asked whether another change meets it.

use std::collections::BTreeSet;

/// Paths that have changed.
#[derive(Clone, Debug, Default)]
pub(super) struct ChangedPaths {
    paths: BTreeSet<Vec<u8>>,
}

impl ChangedPaths {
    /// Adds paths.
    pub(super) fn extend<'p>(&mut self, paths: impl Iterator<Item = &'p Vec<u8>>) {
        self.paths.extend(paths.cloned());
    }

    /// Whether a path, one above it or one below it has changed: a file here and a directory there meet too.
    pub(super) fn meets(&self, path: &[u8]) -> bool {
        if self.paths.contains(path) {
            return true;
        }
        let above =
            path.iter().enumerate().filter(|(_, b)| **b == b'/').any(|(at, _)| self.paths.contains(&path[..at]));
        above || self.holds_below(path)
    }

    fn holds_below(&self, path: &[u8]) -> bool {
        let prefix = [path, b"/"].concat();
        self.paths.range(prefix.clone()..).next().is_some_and(|next| next.starts_with(&prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_meets_itself_its_parents_and_its_children_and_no_neighbour() {
        let mut changed = ChangedPaths::default();
        changed.extend([b"a/b".to_vec(), b"a-b".to_vec(), b"c/d/e".to_vec()].iter());
        for path in [&b"a/b"[..], b"a", b"a/b/c", b"c", b"c/d", b"c/d/e/f"] {
            assert!(changed.meets(path), "{}", String::from_utf8_lossy(path));
        }
        for path in [&b"a/bb"[..], b"a/c", b"b", b"c/d/f", b"a-", b"a-c"] {
            assert!(!changed.meets(path), "{}", String::from_utf8_lossy(path));
        }
    }
}
