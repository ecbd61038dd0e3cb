//! What a walk through a worktree brings home: edits against the start, what the ignore rules left out, what cannot be
//! captured.

use super::edit::Edits;
use super::leaf::Leaf;
use super::listing::Listing;
use super::names;
use super::objects::shown;
use crate::domain::change::EntryKind;
use crate::domain::order::Uncapturable;

/// How many left-out paths are listed.
const IGNORED_LISTED: usize = 100;

/// The findings of a walk, in the order in which they were made.
pub(super) struct Harvest<'a> {
    start: &'a Listing,
    seen: Vec<bool>,
    edits: Edits,
    ignored: Vec<String>,
    refused: Vec<Uncapturable>,
}

impl<'a> Harvest<'a> {
    /// Nothing found yet.
    pub(super) fn new(start: &'a Listing) -> Self {
        Self {
            start,
            seen: vec![false; start.entries().len()],
            edits: Edits::new(),
            ignored: Vec::new(),
            refused: Vec::new(),
        }
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
        let problem = path.split(|&b| b == b'/').find_map(names::uncapturable);
        match problem.or_else(|| known.is_none().then(|| names::tells_a_secret(path)).flatten()) {
            Some(problem) => self.refuse(path, problem),
            None => drop(self.edits.insert(path.to_vec(), Some(leaf))),
        }
    }

    /// A path is there and cannot be captured.
    pub(super) fn refuse(&mut self, path: &[u8], problem: impl Into<String>) {
        if let Some(at) = self.start.position(path) {
            self.seen[at] = true;
        }
        self.refused.push(Uncapturable { path: shown(path), problem: problem.into() });
    }

    /// A path (of a directory: with a slash at its end) is left out.
    pub(super) fn leave_out(&mut self, path: &[u8], is_directory: bool) {
        self.ignored.push(format!("{}{}", shown(path), if is_directory { "/" } else { "" }));
    }

    /// Ends the walk: what the start has and the worktree lacks is deleted, except submodules, which stay as they are.
    pub(super) fn finish(mut self) -> Findings {
        for (entry, _) in self.start.entries().iter().zip(&self.seen).filter(|(_, seen)| !**seen) {
            if entry.leaf.kind != EntryKind::Gitlink {
                self.edits.insert(entry.path.to_vec(), None);
            }
        }
        self.ignored.sort();
        self.ignored.truncate(IGNORED_LISTED);
        self.refused.sort_by(|a, b| a.path.cmp(&b.path));
        Findings { edits: self.edits, ignored: self.ignored, refused: self.refused }
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
}
