//! What an agent says that it used, each message of its model counted once.
//!
//! Invariant: the total never goes down; a message that is reported again adds only what the report has more of.

use std::collections::BTreeMap;

use crate::domain::budget::Usage;

/// The most messages that are told apart, and the longest id: beyond that a report counts whole.
const MOST_MESSAGES: usize = 10_000;
const LONGEST_ID: usize = 256;

/// The reports of one attempt so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reports {
    total: Usage,
    messages: BTreeMap<String, Usage>,
}

impl Reports {
    /// Takes a report, of the message `id` where it names one.
    pub fn take(&mut self, id: Option<&str>, usage: &Usage) {
        let known = id.filter(|id| id.len() <= LONGEST_ID);
        let Some(id) = known.filter(|id| self.messages.contains_key(*id) || self.messages.len() < MOST_MESSAGES) else {
            self.total = self.total.plus(usage);
            return;
        };
        let before = self.messages.entry(id.to_owned()).or_default();
        let after = before.at_least(usage);
        self.total = self.total.plus(&after.beyond(before));
        *before = after;
    }

    /// What was used in all.
    pub fn total(&self) -> Usage {
        self.total
    }
}
