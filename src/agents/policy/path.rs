//! Where a path lies, by its text alone: within a worktree, in git's own directory, or elsewhere.
//!
//! Conservative: what cannot be read for sure lies elsewhere.

use std::path::{Component, Path};

/// Where a path lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Within the worktree, as a repository path in normal form.
    Inside(String),
    /// In git's own directory, however that is spelled.
    Git,
    /// Anywhere else.
    Outside,
}

/// Places `path`, absolute or relative to `worktree`, which is absolute and in normal form.
pub(super) fn place(worktree: &Path, path: &Path) -> Place {
    let whole = worktree.join(path);
    let Some(components) = normal(&whole) else { return Place::Outside };
    let Some(root) = normal(worktree) else { return Place::Outside };
    let Some(inside) = components.strip_prefix(root.as_slice()) else { return Place::Outside };
    if path.to_str().is_some_and(|text| text.starts_with('~')) {
        return Place::Outside;
    }
    if inside.iter().any(|name| is_git(name)) {
        return Place::Git;
    }
    match inside.is_empty() {
        true => Place::Outside,
        false => Place::Inside(inside.join("/")),
    }
}

/// The components without `.` and `..`; `None` where they leave the root or are no plain text.
pub(super) fn normal(path: &Path) -> Option<Vec<&str>> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir => {
                names.pop()?;
            }
            Component::Normal(name) => {
                let name = name.to_str()?;
                if name.contains('\\') || name.chars().any(char::is_control) {
                    return None;
                }
                names.push(name);
            }
            Component::Prefix(_) => return None,
        }
    }
    Some(names)
}

/// Whether a component of `path` is git's own.
pub(super) fn names_git(path: &Path) -> bool {
    path.components().filter_map(|component| component.as_os_str().to_str()).any(is_git)
}

/// Whether some file system takes the name for git's own.
fn is_git(name: &str) -> bool {
    let name = name.trim_end_matches(['.', ' ']);
    name.eq_ignore_ascii_case(".git") || name.eq_ignore_ascii_case("git~1")
}
