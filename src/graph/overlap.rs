//! Whether two patterns, or the access sets of two slices, meet on a path.
//!
//! Two patterns meet where some path is covered by both; a literal covers what lies below it, so that of two literals
//! one is the other or lies above it. In doubt they meet. For whole plans, `validate` uses an index instead of pairs.

use crate::domain::access::{AccessSet, PathPattern};
use crate::graph::shape::{parts_meet, shapes};

/// How a slice touches a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Touch {
    /// Depends on the content.
    Read,
    /// Changes it, alone.
    Write,
    /// Changes it, together with others.
    Merge,
}

impl Touch {
    /// Whether two slices that touch one path so may not do it at once.
    pub fn clashes(self, other: Self) -> bool {
        match (self, other) {
            (Self::Read, Self::Read) | (Self::Merge, Self::Merge) => false,
            (Self::Write, _) | (_, Self::Write) | (Self::Read, Self::Merge) | (Self::Merge, Self::Read) => true,
        }
    }

    /// The verb, as in "slice x writes y".
    pub fn verb(self) -> &'static str {
        match self {
            Self::Read => "reads",
            Self::Write => "writes",
            Self::Merge => "merges",
        }
    }
}

/// Two accesses that may not happen at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clash {
    /// How the one slice touches it.
    pub ours: Touch,
    /// How the other one does.
    pub theirs: Touch,
    /// The path or pattern over which they meet.
    pub path: String,
}

/// Whether some path is covered by both patterns. Exact but for constructs named in `shape`, where it may be `true` in
/// vain.
pub fn overlap(a: &PathPattern, b: &PathPattern) -> bool {
    if a.is_literal() && b.is_literal() {
        return a.covers(b.as_str()) || b.covers(a.as_str());
    }
    let theirs = shapes(b);
    shapes(a).iter().any(|ours| theirs.iter().any(|theirs| parts_meet(ours, theirs)))
}

/// What to call the place where two overlapping patterns meet: the narrower one, as far as that is plain to see.
pub fn meeting(a: &PathPattern, b: &PathPattern) -> String {
    let certain = |p: &PathPattern| p.as_str().find(['*', '?', '[', '{']).unwrap_or(usize::MAX);
    let key = |p: &PathPattern| (certain(p), p.as_str().len(), p.as_str().to_owned());
    let narrower = match (a.is_literal(), b.is_literal()) {
        (true, true) | (false, false) => std::cmp::max_by_key(a, b, |p| key(p)),
        (true, false) if b.as_str().starts_with(&format!("{a}/")) => b,
        (false, true) if a.as_str().starts_with(&format!("{b}/")) => a,
        (true, false) => a,
        (false, true) => b,
    };
    narrower.to_string()
}

/// The accesses of a set, in the order reads, writes, merges.
pub fn touches(access: &AccessSet) -> impl Iterator<Item = (Touch, &PathPattern)> {
    let of = |touch: Touch, patterns| std::iter::repeat(touch).zip(patterns);
    let AccessSet { reads, writes, merges } = access;
    of(Touch::Read, reads.iter()).chain(of(Touch::Write, writes.iter())).chain(of(Touch::Merge, merges.iter()))
}

/// The first clash between the rights of two slices, if they may not run at once.
pub fn clash(ours: &AccessSet, theirs: &AccessSet) -> Option<Clash> {
    touches(ours).find_map(|(our_touch, our_path)| {
        touches(theirs)
            .find(|(their_touch, their_path)| our_touch.clashes(*their_touch) && overlap(our_path, their_path))
            .map(|(theirs, path)| Clash { ours: our_touch, theirs, path: meeting(our_path, path) })
    })
}
