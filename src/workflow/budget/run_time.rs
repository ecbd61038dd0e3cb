//! The time of all runs of a goal, from its records.
//!
//! Records bear the wall clock, which people set; checkpoints bear the steady clock. Invariant: from a goal's first
//! checkpoint on, no step of the wall clock adds more than [`LONGEST_GAP_MS`], and the next checkpoint sets it right.

use crate::domain::ids::Timestamp;

/// The longest that two records of a run can be apart: checkpoints come at least every minute.
const LONGEST_GAP_MS: u64 = 120_000;

/// The fold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RunTime {
    total_ms: u64,
    /// The last record of the run under way.
    last: Option<Timestamp>,
    /// Journals from before there were checkpoints have gaps of any length.
    checkpointed: bool,
}

impl RunTime {
    pub(super) fn total_ms(&self) -> u64 {
        self.total_ms
    }

    pub(super) fn begin(&mut self, at: Timestamp) {
        self.last = Some(at);
    }

    pub(super) fn end(&mut self) {
        self.last = None;
    }

    /// The run was alive at `at`.
    pub(super) fn touch(&mut self, at: Timestamp) {
        let Some(last) = &mut self.last else { return };
        let gap = at.since(*last);
        if self.checkpointed {
            self.total_ms += gap.min(LONGEST_GAP_MS);
            *last = at;
        } else {
            self.total_ms += gap;
            *last = at.max(*last);
        }
    }

    /// A checkpoint of time `at` says how much it is.
    pub(super) fn checkpoint(&mut self, total_ms: u64, at: Timestamp) {
        self.total_ms = total_ms;
        self.checkpointed = true;
        self.last = self.last.map(|_| at);
    }

    /// From here on somebody measures: records no longer count. A run that is under way goes on at `at`.
    pub(super) fn measured_from(&mut self, at: Timestamp) {
        self.checkpointed = true;
        self.touch(at);
        self.last = None;
    }

    pub(super) fn measured(&mut self, total_ms: u64) {
        self.total_ms = total_ms;
    }
}
