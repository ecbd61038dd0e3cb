//! What a walk through a worktree brings home: edits against the start, what the ignore rules left out, what cannot be
//! captured, and what the slice has no right to change.

use super::change::path_text;
use super::edit::Edits;
use super::leaf::Leaf;
use super::listing::Listing;
use super::names;
use super::objects::shown;
use crate::domain::access::AccessSet;
use crate::domain::change::EntryKind;
use crate::domain::order::Uncapturable;

/// How many left-out paths are listed.
const IGNORED_LISTED: usize = 100;

/// The findings of a walk, in the order in which they were made.
pub(super) struct Harvest<'a> {
    start: &'a Listing,
    access: &'a AccessSet,
    seen: Vec<bool>,
    edits: Edits,
    ignored: Vec<String>,
    refused: Vec<Uncapturable>,
    outside: Vec<String>,
}

impl<'a> Harvest<'a> {
    /// Nothing found yet.
    pub(super) fn new(start: &'a Listing, access: &'a AccessSet) -> Self {
        Self {
            start,
            access,
            seen: vec![false; start.entries().len()],
            edits: Edits::new(),
            ignored: Vec::new(),
            refused: Vec::new(),
            outside: Vec::new(),
        }
    }

    /// Whether the slice may change a path.
    pub(super) fn permits(&self, path: &[u8]) -> bool {
        self.access.permits_change(&path_text(path))
    }

    /// Whether nothing will be committed, so that no further content is wanted.
    pub(super) fn is_lost(&self) -> bool {
        !self.refused.is_empty() || !self.outside.is_empty()
    }

    /// A path is there with this content. Names are judged only where something changed: what the base holds stays.
    pub(super) fn found(&mut self, path: &[u8], leaf: Leaf) {
        let known = self.start.position(path);
        if let Some(at) = known {
            self.seen[at] = true;
            if self.start.entries()[at].leaf == leaf {
                return;
            }
        }
        let secret = || known.is_none().then(|| names::tells_a_secret(path)).flatten();
        match unusable(path).or_else(secret) {
            Some(problem) => self.refuse(path, problem),
            None => self.edit(path, Some(leaf)),
        }
    }

    /// A path is there and differs from the start; what it holds is not known.
    pub(super) fn changed(&mut self, path: &[u8]) {
        self.see(path);
        match unusable(path) {
            Some(problem) => self.refuse(path, problem),
            None if self.permits(path) => {}
            None => self.outside.push(path_text(path)),
        }
    }

    fn edit(&mut self, path: &[u8], leaf: Option<Leaf>) {
        if self.permits(path) {
            self.edits.insert(path.to_vec(), leaf);
        } else {
            self.outside.push(path_text(path));
        }
    }

    fn see(&mut self, path: &[u8]) {
        if let Some(at) = self.start.position(path) {
            self.seen[at] = true;
        }
    }

    /// A path is there and cannot be captured.
    pub(super) fn refuse(&mut self, path: &[u8], problem: impl Into<String>) {
        self.see(path);
        self.refused.push(Uncapturable { path: shown(path), problem: problem.into() });
    }

    /// A path (of a directory: with a slash at its end) is left out.
    pub(super) fn leave_out(&mut self, path: &[u8], is_directory: bool) {
        self.ignored.push(format!("{}{}", shown(path), if is_directory { "/" } else { "" }));
    }

    /// Ends the walk: what the start has and the worktree lacks is deleted, except submodules, which stay as they are.
    pub(super) fn finish(mut self) -> Findings {
        let start = self.start;
        for (at, entry) in start.entries().iter().enumerate() {
            if !self.seen[at] && entry.leaf.kind != EntryKind::Gitlink {
                self.edit(&entry.path, None);
            }
        }
        self.ignored.sort();
        self.ignored.truncate(IGNORED_LISTED);
        self.refused.sort_by(|a, b| a.path.cmp(&b.path));
        self.outside.sort();
        Findings { edits: self.edits, ignored: self.ignored, refused: self.refused, outside: self.outside }
    }
}

/// What a whole walk found.
pub(super) struct Findings {
    /// What differs from the start.
    pub(super) edits: Edits,
    /// What the ignore rules left out: sorted, bounded.
    pub(super) ignored: Vec<String>,
    /// What cannot be captured, sorted by path.
    pub(super) refused: Vec<Uncapturable>,
    /// What differs from the start and is not the slice's to change, sorted.
    pub(super) outside: Vec<String>,
}

/// Why a changed path cannot be captured under its name.
fn unusable(path: &[u8]) -> Option<&'static str> {
    path.split(|&b| b == b'/').find_map(names::uncapturable)
}
