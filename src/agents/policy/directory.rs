//! The directory that a command works in, as far as the text of its line tells.

use std::path::PathBuf;

use super::shell::Scope;

/// Where commands work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Directory {
    /// There: absolute, relative to the worktree, or below a home (`~`). Not in normal form.
    Known(PathBuf),
    /// Somewhere.
    Unknown,
}

impl Directory {
    /// Follows a command that changes it; other commands leave it as it is.
    pub(super) fn follow(&mut self, program: &str, arguments: &[&str]) {
        let to = arguments.iter().copied().find(|word| *word == "-" || !word.starts_with('-'));
        match (program, to) {
            ("cd", None) => *self = Self::Known(PathBuf::from("~")),
            ("cd" | "pushd", Some(to)) => self.enter(to),
            ("pushd" | "popd", _) => *self = Self::Unknown,
            _ => {}
        }
    }

    fn enter(&mut self, to: &str) {
        // `-` is where it was before, `+1` a place on a stack; a pattern or a variable may be anything.
        let literal = to != "-" && !to.is_empty() && !to.starts_with('+') && !to.contains(['$', '*', '?', '[', '`']);
        let absolute = to.starts_with(['/', '~']);
        *self = match (literal, self.clone()) {
            (true, _) if absolute => Self::Known(PathBuf::from(to)),
            (true, Self::Known(directory)) => Self::Known(directory.join(to)),
            (false, _) | (_, Self::Unknown) => Self::Unknown,
        };
    }

    /// Leaves a scope that was entered in `before`: nobody knows whether a branch was taken.
    pub(super) fn leave(&mut self, scope: Scope, before: Self) {
        match scope {
            Scope::Subshell => *self = before,
            Scope::Branch if *self == before => {}
            Scope::Branch => *self = Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(program: &str, arguments: &[&str]) -> Directory {
        let mut directory = Directory::Known("a".into());
        directory.follow(program, arguments);
        directory
    }

    #[test]
    fn a_literal_change_is_followed_and_every_other_one_is_unknown() {
        let known = |path: &str| Directory::Known(path.into());
        assert_eq!(after("cd", &["-P", "--", "b/.."]), known("a/b/.."));
        assert_eq!(after("pushd", &["/x"]), known("/x"));
        assert_eq!((after("cd", &[]), after("cd", &["~/x"])), (known("~"), known("~/x")));
        for (program, to) in [("cd", "-"), ("cd", "$X"), ("cd", "*/"), ("cd", ""), ("pushd", "+1"), ("popd", "")] {
            assert_eq!(after(program, &[to]), Directory::Unknown, "{program} {to}");
        }
        assert_eq!(after("make", &["x"]), known("a"));
    }

    #[test]
    fn a_subshell_goes_alone_and_a_branch_may_not_have_been_taken() {
        let left = |scope, to: &str| {
            let (mut directory, before) = (Directory::Known("a".into()), Directory::Known("a".into()));
            directory.follow("cd", &[to]);
            directory.leave(scope, before);
            directory
        };
        assert_eq!(left(Scope::Subshell, "b"), Directory::Known("a".into()));
        assert_eq!(left(Scope::Branch, "b"), Directory::Unknown);
        assert_eq!(left(Scope::Branch, "."), Directory::Known("a/.".into()));
    }
}
