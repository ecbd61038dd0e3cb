//! The whole state of a goal: every fold of the journal, side by side.
//!
//! Invariant: a pure function of the records; applying the same records gives the same state, byte for byte.

use crate::domain::event::Event;
use crate::domain::fact::{Fact, GoalFact};
use crate::domain::ids::{ContentHash, Seq, Timestamp};
use crate::workflow::budget::Ledger;
use crate::workflow::deciding::{self, Deciding};
use crate::workflow::gates::GateLedger;
use crate::workflow::goal_record::GoalRecord;
use crate::workflow::merge_queue::MergeQueue;
use crate::workflow::restart::RestartHistory;
use crate::workflow::slices::SliceTable;
use crate::workflow::spending::SpendingRecord;

/// Everything that the journal says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoalState {
    /// Charter, plan, phase, status.
    pub goal: GoalRecord,
    /// The slices.
    pub slices: SliceTable,
    /// The merge queue; `None` before the first record.
    pub queue: Option<MergeQueue>,
    /// The verdicts of gates.
    pub gates: GateLedger,
    /// What was spent.
    pub budget: Ledger,
    /// When, and by whom.
    pub spending: SpendingRecord,
    /// What was restarted.
    pub restarts: RestartHistory,
    /// What a `ready` goal rests on; `None` if it is not `ready`.
    pub deciding: Option<Deciding>,
    /// The last record: number, hash and time.
    pub last: Option<(Seq, ContentHash, Timestamp)>,
}

impl GoalState {
    /// Folds records from the first.
    pub fn replay<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut state = Self::default();
        for event in events {
            state.apply(event);
        }
        state
    }

    /// Applies the next record.
    pub fn apply(&mut self, event: &Event) {
        let Event { fact, ts, attempt, .. } = event;
        if let Fact::Goal(GoalFact::GoalCreated(charter)) = fact {
            self.queue = Some(MergeQueue::new(&charter.repository));
        }
        self.goal.apply(fact);
        self.slices.apply(fact, attempt.as_ref(), *ts);
        if let Some(queue) = &mut self.queue {
            queue.apply(fact, attempt.as_ref().map(|of| (&of.slice, of.attempt)));
        }
        self.gates.apply(fact);
        self.budget.follow(event);
        self.spending.follow(event, &self.budget);
        self.restarts.apply(fact, *ts);
        if let Fact::Goal(GoalFact::GoalSettled { status, .. }) = fact {
            self.deciding = deciding::after(self, *status);
        }
        self.last = Some((event.seq, event.hash.clone(), *ts));
    }
}
