//! Which of the calls that a session's files note are counted already.
//!
//! Invariant: a call is counted once. Its message's id tells it from others; what the end of a turn says has the calls
//! that were noted before, and those noted later that were made before; what earlier processes noted was counted then,
//! up to what the session is known to have used.

use std::collections::{BTreeMap, BTreeSet};

use crate::agents::scene::Spent;
use crate::domain::budget::Usage;
use crate::domain::ids::Timestamp;
use crate::domain::metering::Reports;

/// The most messages that are told apart.
const MOST_MESSAGES: usize = 100_000;

/// What is known of a session's calls.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    /// The messages of earlier processes, what they used in all, and the model of the last one.
    past: BTreeSet<String>,
    before: Reports,
    model: Option<String>,
    /// The messages of this one.
    known: BTreeMap<String, Usage>,
    /// By model, what was noted since a turn ended last.
    noted: BTreeMap<Option<String>, Usage>,
    /// Until when the ends of turns have told everything.
    told: Option<Timestamp>,
}

impl Accounts {
    /// An earlier process noted a call.
    pub(super) fn earlier(&mut self, spent: Spent) {
        self.before.take(spent.id.as_deref(), &spent.usage);
        self.past.extend(spent.id.filter(|_| self.past.len() < MOST_MESSAGES));
        self.model = spent.model.or(self.model.take());
    }

    /// What of the calls of earlier processes is not within what is counted.
    pub(super) fn uncounted(&mut self, counted: &Usage) -> Option<Spent> {
        let usage = Usage { usd_micros: None, ..self.before.total().beyond(counted) };
        (!usage.is_nothing()).then(|| Spent { usage, id: None, model: self.model.clone() })
    }

    /// A call is noted, made at `at`; it is returned where it is to be counted.
    pub(super) fn noted(&mut self, spent: Spent, at: Option<Timestamp>) -> Option<Spent> {
        let id = spent.id.clone().unwrap_or_default();
        if self.past.contains(&id) {
            return None;
        }
        let before = self.known.get(&id).copied().unwrap_or_default();
        let usage = before.at_least(&spent.usage);
        if self.known.len() < MOST_MESSAGES {
            self.known.insert(id, usage);
        }
        if usage == before || at.is_some_and(|at| self.told.is_some_and(|told| at <= told)) {
            return None;
        }
        let noted = self.noted.entry(spent.model.clone()).or_default();
        *noted = noted.plus(&usage.beyond(&before));
        Some(Spent { usage, ..spent })
    }

    /// A turn ended at `now` and tells what was used in it; what of that was not noted is returned.
    pub(super) fn settle(&mut self, told: Vec<Spent>, now: Timestamp) -> Vec<Spent> {
        let noted = std::mem::take(&mut self.noted);
        if told.is_empty() {
            return told;
        }
        self.told = Some(now);
        let rest = match noted.keys().all(|model| told.iter().any(|one| one.model == *model)) {
            true => by_model(told, noted),
            false => in_all(&told, noted.values()),
        };
        rest.into_iter().filter(|one| !one.usage.is_nothing()).collect()
    }
}

fn by_model(told: Vec<Spent>, mut noted: BTreeMap<Option<String>, Usage>) -> Vec<Spent> {
    let rest = |one: Spent| {
        let known = noted.remove(&one.model).unwrap_or_default();
        Spent { usage: one.usage.beyond(&known), ..one }
    };
    told.into_iter().map(rest).collect()
}

/// Where the names of models are not the same: whose the rest is nobody knows, unless there is one only.
fn in_all<'a>(told: &[Spent], noted: impl Iterator<Item = &'a Usage>) -> Vec<Spent> {
    let sum = told.iter().fold(Usage::default(), |sum, one| sum.plus(&one.usage));
    let known = noted.fold(Usage::default(), |sum, usage| sum.plus(usage));
    let model = told.first().filter(|_| told.len() == 1).and_then(|one| one.model.clone());
    vec![Spent { usage: sum.beyond(&known), id: None, model }]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(input_tokens: u64, output_tokens: u64) -> Usage {
        Usage { input_tokens, output_tokens, ..Usage::default() }
    }

    fn call(id: &str, usage: Usage) -> Spent {
        Spent { usage, id: Some(id.to_owned()), model: Some("m".to_owned()) }
    }

    fn told(model: &str, usage: Usage) -> Spent {
        Spent { usage, id: None, model: Some(model.to_owned()) }
    }

    #[test]
    fn the_end_of_a_turn_adds_what_was_not_noted_of_it() {
        let mut accounts = Accounts::default();
        for (at, id, output) in [(1, "a", 1), (1, "a", 5), (2, "b", 5)] {
            let call = call(id, used(10, output));
            assert_eq!(accounts.noted(call.clone(), Some(Timestamp(at))), Some(call));
        }
        assert_eq!(accounts.noted(call("a", used(10, 5)), Some(Timestamp(1))), None);
        let turn = vec![told("m", used(30, 15)), told("hidden", used(2, 1))];
        let rest = [told("m", used(10, 5)), told("hidden", used(2, 1))];
        assert_eq!(accounts.settle(turn, Timestamp(3)), rest);
        // Made in that turn, noted later; and one of the next turn.
        assert_eq!(accounts.noted(call("c", used(10, 5)), Some(Timestamp(3))), None);
        assert_eq!(accounts.noted(call("d", used(7, 7)), Some(Timestamp(4))), Some(call("d", used(7, 7))));
        assert_eq!(accounts.settle(vec![told("m", used(7, 7))], Timestamp(5)), []);
    }

    #[test]
    fn models_of_other_names_are_settled_as_one() {
        let mut accounts = Accounts::default();
        accounts.noted(call("a", used(10, 5)), Some(Timestamp(1)));
        assert_eq!(accounts.settle(vec![told("m[1m]", used(12, 5))], Timestamp(2)), [told("m[1m]", used(2, 0))]);
        accounts.noted(call("b", used(10, 5)), Some(Timestamp(3)));
        let two = vec![told("x", used(12, 5)), told("y", used(1, 1))];
        assert_eq!(accounts.settle(two, Timestamp(4)), [Spent { model: None, ..told("", used(3, 1)) }]);
    }

    #[test]
    fn what_was_passed_over_is_no_news() {
        let mut accounts = Accounts::default();
        for (id, output) in [("a", 1), ("a", 5), ("b", 5)] {
            accounts.earlier(call(id, used(10, output)));
        }
        assert_eq!(accounts.uncounted(&used(20, 10)), None);
        assert_eq!(accounts.uncounted(&used(10, 5)), Some(told("m", used(10, 5))));
        assert_eq!(accounts.noted(call("b", used(10, 9)), Some(Timestamp(9))), None);
    }
}
