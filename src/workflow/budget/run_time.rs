//! The time of all runs of a goal, from its records.
//!
//! Records bear the wall clock, which people set; checkpoints bear the steady clock. Invariants: from a goal's first
//! checkpoint on, no step of the wall clock and no time between runs adds more than the longest time that a run is
//! silent, and the next checkpoint sets it right; a run that died counts for no less than it lasted.

use crate::domain::ids::Timestamp;

/// How long a run may be silent at least, and at most, in milliseconds.
const LEAST_GAP_MS: u64 = 1_000;
const MOST_GAP_MS: u64 = 60_000;
/// Between the two, a run may be silent for this part of what it has lasted.
const PART: u64 = 10;

/// The fold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RunTime {
    total_ms: u64,
    /// What it was when the newest run began.
    began_ms: u64,
    /// The last record of the run under way.
    last: Option<Timestamp>,
    /// Journals from before there were checkpoints have gaps of any length, and say less: they fold as they did.
    checkpointed: bool,
    /// The run is told to stop.
    stopping: bool,
}

impl RunTime {
    pub(super) fn total_ms(&self) -> u64 {
        self.total_ms
    }

    /// The longest that two records of the run can be apart. What a death costs stays a small part of what the run
    /// has lasted, and a run of days writes one record a minute.
    pub(super) fn longest_gap_ms(&self) -> u64 {
        (self.total_ms.saturating_sub(self.began_ms) / PART).clamp(LEAST_GAP_MS, MOST_GAP_MS)
    }

    /// Whether a run is under way, or died.
    pub(super) fn is_open(&self) -> bool {
        self.last.is_some()
    }

    /// Whether no checkpoint was written yet.
    pub(super) fn is_unwritten(&self) -> bool {
        !self.checkpointed
    }

    /// A run begins at `at`; one that was under way has died.
    pub(super) fn begin(&mut self, at: Timestamp) {
        self.died(at);
        self.began_ms = self.total_ms;
        self.last = Some(at);
        self.stopping = false;
    }

    /// The run is told to stop: what follows takes no time.
    pub(super) fn stop(&mut self) {
        self.stopping = true;
        if self.checkpointed {
            self.last = None;
        }
    }

    pub(super) fn end(&mut self) {
        self.last = None;
    }

    /// The run under way is found dead at `at`. It may have lived on after its last record until the next was due; that
    /// counts, as what a dead attempt held does.
    pub(super) fn died(&mut self, at: Timestamp) {
        let most = self.longest_gap_ms();
        if let Some(last) = self.last.take().filter(|_| self.checkpointed) {
            self.total_ms += at.since(last).min(most);
        }
    }

    /// What the time comes to where the run under way is found dead at `at`.
    pub(super) fn at_death_ms(&self, at: Timestamp) -> u64 {
        let mut dead = self.clone();
        dead.died(at);
        dead.total_ms
    }

    /// The run was alive at `at`.
    pub(super) fn touch(&mut self, at: Timestamp) {
        let most = self.longest_gap_ms();
        let Some(last) = &mut self.last else { return };
        let gap = at.since(*last);
        if self.checkpointed {
            self.total_ms += gap.min(most);
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
        self.last = self.last.filter(|_| !self.stopping).map(|_| at);
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
