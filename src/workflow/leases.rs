//! Who holds which attempt, and for how long.
//!
//! In memory only: a run that dies takes its leases with it, and the next one closes its attempts. Measured by the
//! steady clock, so that a wall clock that is set ends no lease; `lease_until` in the journal is for show. Time in which
//! nobody looked, because the program itself stood still, counts against no holder.

use std::collections::BTreeMap;

use crate::domain::ids::{AttemptRef, Moment};

/// The leases of a run.
#[derive(Debug)]
pub struct Leases {
    length_ms: u64,
    until: BTreeMap<AttemptRef, Moment>,
    looked: Option<Moment>,
}

impl Leases {
    /// No lease yet; each will last `length_ms` milliseconds without renewal.
    pub fn new(length_ms: u64) -> Self {
        Self { length_ms, until: BTreeMap::new(), looked: None }
    }

    /// A worker has taken the attempt.
    pub fn grant(&mut self, attempt: &AttemptRef, now: Moment) {
        self.looked.get_or_insert(now);
        self.until.insert(attempt.clone(), now.plus(self.length_ms));
    }

    /// Its worker has shown a sign of life; `false` where the lease is over.
    pub fn renew(&mut self, attempt: &AttemptRef, now: Moment) -> bool {
        let held = self.until.get_mut(attempt);
        let holds = held.is_some();
        if let Some(until) = held {
            *until = now.plus(self.length_ms);
        }
        holds
    }

    /// The lease ends; `false` where it was over already.
    pub fn end(&mut self, attempt: &AttemptRef) -> bool {
        self.until.remove(attempt).is_some()
    }

    /// Takes out the attempts whose lease has run out. Wants to be asked several times within the length of a lease.
    pub fn take_over(&mut self, now: Moment) -> Vec<AttemptRef> {
        let unseen = self.looked.replace(now).map_or(0, |looked| now.since(looked));
        if unseen >= self.length_ms / 2 {
            // A holder could not renew either. The length itself is no news of how it fares; one more is.
            self.until.values_mut().for_each(|until| *until = (*until).max(now.plus(self.length_ms)));
        }
        let over = self.until.iter().filter(|(_, until)| **until <= now);
        let over: Vec<_> = over.map(|(attempt, _)| attempt.clone()).collect();
        for attempt in &over {
            self.until.remove(attempt);
        }
        over
    }
}
