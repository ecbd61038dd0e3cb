//! What an agent says that it used: the first reports as they come, the rest added up and passed on now and then.
//!
//! Invariant: nothing is left out, and nothing counts twice. Sums are kept apart by model, and by whether they state
//! tokens and money, so that they come to the same price as the reports themselves.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::agent::AgentEvent;
use crate::domain::budget::Usage;
use crate::domain::metering::Reports;

/// The most reports of one run that are passed on one by one.
const ONE_BY_ONE: usize = 10_000;
/// How often sums are passed on at most.
const EVERY: Duration = Duration::from_secs(1);
/// The most sums that are kept apart; what more models use goes with the model that was named last.
const MOST_KINDS: usize = 32;

/// The model, and whether tokens and money are stated.
type Kind = (Option<String>, bool, bool);

/// The reports of one run.
#[derive(Default)]
pub(super) struct Sums {
    reports: Reports,
    passed_on: usize,
    model: Option<String>,
    open: BTreeMap<Kind, Usage>,
    said: Option<Instant>,
}

impl Sums {
    /// Takes a report, and says whether it is passed on as it is.
    pub(super) fn take(&mut self, id: Option<&str>, model: Option<&str>, usage: &Usage) -> bool {
        let before = self.reports.total();
        self.reports.take(id, usage);
        if let Some(model) = model.filter(|model| self.model.as_deref() != Some(*model)) {
            self.model = Some(model.to_owned());
        }
        if self.passed_on < ONE_BY_ONE {
            self.passed_on += 1;
            return true;
        }
        let more = self.reports.total().beyond(&before);
        if !more.is_nothing() {
            self.add(&more);
        }
        false
    }

    fn add(&mut self, more: &Usage) {
        let (tokens, money) = (more.tokens() > 0, more.usd_micros.is_some());
        let mut kind = (self.model.clone(), tokens, money);
        if !self.open.contains_key(&kind) && self.open.len() >= MOST_KINDS {
            kind.0 = None;
        }
        let sum = self.open.entry(kind).or_default();
        *sum = sum.plus(more);
    }

    /// The sums that are to be passed on at `now`.
    pub(super) fn due(&mut self, now: Instant) -> Vec<AgentEvent> {
        if self.open.is_empty() || self.said.is_some_and(|said| now.duration_since(said) < EVERY) {
            return Vec::new();
        }
        self.said = Some(now);
        self.rest()
    }

    /// The sums that were not passed on yet.
    pub(super) fn rest(&mut self) -> Vec<AgentEvent> {
        let sums = std::mem::take(&mut self.open).into_iter();
        sums.map(|((model, ..), usage)| AgentEvent::Usage { usage, id: None, model }).collect()
    }

    /// What was used in all.
    pub(super) fn total(&self) -> Usage {
        self.reports.total()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(output_tokens: u64) -> Usage {
        Usage { output_tokens, ..Usage::default() }
    }

    fn sum(model: &str, usage: Usage) -> AgentEvent {
        AgentEvent::Usage { usage, id: None, model: Some(model.to_owned()) }
    }

    #[test]
    fn reports_beyond_those_that_are_passed_on_count_as_sums_by_model_and_by_what_they_state() {
        let (mut sums, start) = (Sums::default(), Instant::now());
        let one_by_one = (0..ONE_BY_ONE + 500).filter(|_| sums.take(None, Some("m"), &output(2))).count();
        assert_eq!(one_by_one, ONE_BY_ONE);
        assert_eq!(sums.due(start), [sum("m", output(1_000))]);
        let money = Usage { usd_micros: Some(7), ..Usage::default() };
        for (id, model, usage) in [(Some("x"), Some("n"), output(3)), (Some("x"), None, output(5)), (None, None, money)]
        {
            assert!(!sums.take(id, model, &usage));
        }
        assert!(!sums.take(None, Some("m"), &output(1)));
        assert_eq!(sums.due(start + EVERY / 2), []);
        assert_eq!(sums.due(start + EVERY), [sum("m", output(1)), sum("n", money), sum("n", output(5))]);
        assert_eq!((sums.rest(), sums.total().tokens()), (vec![], 2 * (ONE_BY_ONE as u64 + 500) + 6));
    }

    #[test]
    fn a_flood_of_models_is_a_bounded_number_of_sums() {
        let mut sums = Sums::default();
        for n in 0..ONE_BY_ONE + 1_000 {
            sums.take(None, Some(&n.to_string()), &output(1));
        }
        let told: Vec<_> = sums.rest();
        let tokens = |event: &AgentEvent| match event {
            AgentEvent::Usage { usage, .. } => usage.tokens(),
            other => panic!("{other:?}"),
        };
        assert_eq!((told.len(), told.iter().map(tokens).sum::<u64>()), (MOST_KINDS + 1, 1_000));
    }
}
