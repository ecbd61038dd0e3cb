//! Which added lines were only moved: removed to the letter elsewhere in the same change.
//!
//! Counts: a line removed once excuses one added line. What was there before is no finding against this change.

use std::collections::HashMap;

use crate::domain::change::{Change, FileChange, Line};

/// The removed lines of a change that still excuse an added one.
pub(super) struct Moved<'a> {
    left: HashMap<&'a str, usize>,
}

impl<'a> Moved<'a> {
    /// Takes down what a change removed.
    pub(super) fn of(change: &'a Change) -> Self {
        let mut left = HashMap::new();
        for line in change.files.iter().flat_map(|file| &file.removed) {
            *left.entry(line.text.trim()).or_default() += 1;
        }
        Self { left }
    }

    /// Whether the line was moved; uses up one removed line if so.
    pub(super) fn excuses(&mut self, line: &str) -> bool {
        match self.left.get_mut(line.trim()) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            Some(_) | None => false,
        }
    }
}

/// Parts a file's lines, which are in order, into runs without a gap between their numbers.
pub(super) fn runs(lines: &[Line]) -> impl Iterator<Item = &[Line]> {
    lines.chunk_by(|a, b| a.number.checked_add(1) == Some(b.number))
}

/// The files that are still there and have lines to look at.
pub(super) fn present(change: &Change) -> impl Iterator<Item = &FileChange> {
    change.files.iter().filter(|file| file.after.is_some() && !file.binary)
}
