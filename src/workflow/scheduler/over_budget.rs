//! Slices whose own budget is used up.
//!
//! What is used up is durable, in the fold; nothing is kept here. Invariant: a slice is given up for it only while the
//! journal calls it so, and never while work of it is at hand that needs no agent any more.

use super::{Intent, Scheduler};
use crate::domain::budget::Account;
use crate::domain::decided::Decided;
use crate::domain::fact::{Fact, SliceFact};
use crate::domain::ids::{Now, SliceId};
use crate::workflow::budget::cashier::reason;
use crate::workflow::slices::{SliceRecord, Stage};

impl Scheduler {
    /// A slice has spent all that it may, as the budget's fact says: what works on it is killed, and it is given up.
    /// Work that is done already goes on to its gates, its reviews and its merge.
    pub fn budget_used_up(&mut self, slice: &SliceId, fact: &Fact, now: Now) -> Decided<Intent> {
        let mut decided = Decided::default();
        self.table.apply(fact, None, now.wall);
        decided.intents.extend(self.live.iter().filter(|it| it.slice == *slice).cloned().map(Intent::StopWorker));
        self.dispatch(&mut decided, now);
        decided
    }

    pub(super) fn give_up_over_budget(&mut self, decided: &mut Decided<Intent>, now: Now) {
        for fact in self.table.iter().filter_map(given_up).collect::<Vec<_>>() {
            self.record(decided, fact, now);
        }
    }
}

fn given_up(record: &SliceRecord) -> Option<Fact> {
    let (budget, limit) = record.over_budget?;
    let idle = match record.stage {
        Stage::Waiting => !record.take_up && !record.said_done,
        Stage::Asking { .. } => true,
        Stage::Offered
        | Stage::Running { .. }
        | Stage::Reviewing { .. }
        | Stage::Accepted
        | Stage::Integrated { .. }
        | Stage::Unchanged { .. }
        | Stage::GivenUp { .. } => false,
    };
    let slice = record.spec.id.clone();
    let reason = reason(budget, limit, &Account::Slice(slice.clone()));
    idle.then_some(Fact::Slice(SliceFact::SliceGivenUp { slice, reason }))
}
