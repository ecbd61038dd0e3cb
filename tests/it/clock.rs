//! A wall clock that is set shows up in no duration.

use std::sync::Arc;

use omk::domain::budget::ClockMove;
use omk::domain::fact::{AttemptFact, BudgetFact, Fact, SliceFact};
use omk::domain::ids::Timestamp;
use omk::workflow::slices::SliceTable;

use crate::support::facts::{attempt, commit, plan, slice};

const START: u64 = 1_763_700_000_000;
const TEN_YEARS: i64 = 3_650 * 86_400_000;

/// How long a slice took that was begun, during which the clock was set by `jumped_ms` after a minute, and that ended
/// after `more_ms`. Times are those of the journal.
fn took(jumped_ms: i64, more_ms: u64) -> u64 {
    let set = |ms: u64| Timestamp((START + 60_000 + ms).checked_add_signed(jumped_ms).unwrap());
    let mut table = SliceTable::planned(&Arc::new(plan()), Timestamp(START));
    let offered = Fact::Attempt(AttemptFact::AttemptOffered {
        attempt: attempt("a"),
        start: commit('c'),
        agent: "cmd:x".to_owned(),
        content: None,
    });
    table.apply(&offered, None, Timestamp(START));
    // It is noticed within some seconds, and what is recorded meanwhile has the new time already.
    let moved = Fact::Budget(BudgetFact::ClockMoved(ClockMove { slept_ms: 0, jumped_ms }));
    let ended = Fact::Slice(SliceFact::SliceGivenUp { slice: slice("a"), reason: "it is enough".to_owned() });
    let mut rest = [(moved, 4_000), (ended, more_ms)];
    rest.sort_by_key(|(_, ms)| *ms);
    rest.iter().for_each(|(fact, ms)| table.apply(fact, None, set(*ms)));
    let record = table.slice(&slice("a")).unwrap();
    record.ended.unwrap().since(record.started.unwrap())
}

#[test]
fn a_clock_that_is_set_forward_or_back_changes_no_duration_of_a_slice() {
    for jumped_ms in [TEN_YEARS, -TEN_YEARS, 3_600_000, -3_600_000] {
        assert_eq!(took(jumped_ms, 30_000), 90_000, "{jumped_ms}, noticed before the end");
        assert_eq!(took(jumped_ms, 1_000), 61_000, "{jumped_ms}, noticed after the end");
    }
}
