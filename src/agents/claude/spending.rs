//! What Claude Code says that it used, as increments that add up to what it says in the end.
//!
//! Invariant: nothing is counted twice. While the model answers, its message's own count is reported under the
//! message's id, each report replacing the one before; at the end of a turn the process's sums are set against that,
//! and what is missing (calls that it does not show, money) is added. A process that resumes a session begins with the
//! sums of the one before, if that ended by itself.

use std::collections::BTreeMap;

use serde_json::Value;

use super::line::Outcome;
use crate::agents::heard::Heard;
use crate::domain::agent::AgentEvent;
use crate::domain::budget::Usage;

/// The most messages of a turn that are told apart; what the others used is counted when it ends.
const MOST_MESSAGES: usize = 10_000;

/// What was reported so far.
#[derive(Debug, Default)]
pub(super) struct Spending {
    /// Messages since the last result, by id.
    messages: BTreeMap<String, (String, Usage)>,
    /// The process's sums at the last result.
    settled: Usage,
    /// What earlier processes of the session used, until the first result shows how much of it the sums include.
    before: Option<Usage>,
}

/// Sums that begin with less than this part of what was counted before do not include it.
const INCLUDED: u64 = 4;

impl Spending {
    /// The spending of a process that resumes a session.
    pub(super) fn resumed(before: Usage) -> Self {
        Self { before: Some(before), ..Self::default() }
    }

    /// A message began.
    pub(super) fn begun(&mut self, id: String, model: String, usage: &Value) -> Option<Heard> {
        if self.messages.len() >= MOST_MESSAGES {
            return None;
        }
        let usage = of_message(usage);
        self.messages.insert(id.clone(), (model.clone(), usage));
        report(usage, id, model)
    }

    /// Of a message that began, more is known.
    pub(super) fn counted(&mut self, id: &str, usage: &Value) -> Option<Heard> {
        let (model, known) = self.messages.get_mut(id)?;
        let told = of_message(usage);
        let better = Usage {
            input_tokens: known.input_tokens.max(told.input_tokens),
            cached_tokens: known.cached_tokens.max(told.cached_tokens),
            output_tokens: known.output_tokens.max(told.output_tokens),
            ..Usage::default()
        };
        if *known == better {
            return None;
        }
        *known = better;
        report(better, id.to_owned(), model.clone())
    }

    /// A message is there, or a part of it. One whose beginning was heard is counted already, and better.
    pub(super) fn said(&mut self, id: String, model: String, usage: &Value) -> Option<Heard> {
        if self.messages.contains_key(&id) || usage.is_null() {
            return None;
        }
        self.begun(id, model, usage)
    }

    /// The turn is over: what the process used in all, less what was reported.
    pub(super) fn settled(&mut self, outcome: &Outcome) -> Option<Heard> {
        let streamed = self.messages.values().fold(Usage::default(), |sum, (_, usage)| sum.plus(usage));
        let mut sum = outcome.models.values().map(of_model).fold(Usage::default(), |sum, usage| sum.plus(&usage));
        sum.usd_micros = outcome.usd.map(micros);
        if let Some(before) = self.before.take() {
            self.settled = restored(outcome, &sum, &streamed, &before);
        }
        let reported = self.settled.plus(&streamed);
        let missing = Usage {
            input_tokens: sum.input_tokens.saturating_sub(reported.input_tokens),
            cached_tokens: sum.cached_tokens.saturating_sub(reported.cached_tokens),
            output_tokens: sum.output_tokens.saturating_sub(reported.output_tokens),
            usd_micros: sum.usd_micros.map(|usd| usd.saturating_sub(self.settled.usd_micros.unwrap_or_default())),
        };
        self.messages.clear();
        self.settled = Usage {
            input_tokens: sum.input_tokens.max(reported.input_tokens),
            cached_tokens: sum.cached_tokens.max(reported.cached_tokens),
            output_tokens: sum.output_tokens.max(reported.output_tokens),
            usd_micros: sum.usd_micros.or(self.settled.usd_micros),
        };
        let mut names = outcome.models.keys();
        let model = names.next().filter(|_| names.next().is_none()).cloned();
        (!missing.is_nothing()).then_some(Heard::Event(AgentEvent::Usage { usage: missing, id: None, model }))
    }
}

/// What of the sums of a resumed session's first result earlier processes used.
fn restored(outcome: &Outcome, sum: &Usage, streamed: &Usage, before: &Usage) -> Usage {
    if let Some(since) = &outcome.since {
        let used = since.values().map(of_model).fold(Usage::default(), |sum, usage| sum.plus(&usage));
        let usd: f64 = since.values().filter_map(|model| model["costUSD"].as_f64()).sum();
        let usd_micros = sum.usd_micros.map(|total| total.saturating_sub(micros(usd)));
        return Usage { usd_micros, ..sum.beyond(&used) };
    }
    let priced = |usage: &Usage| usage.usd_micros.is_some_and(|usd| usd > 0);
    if priced(sum) && !priced(before) {
        // No process of the session has ever come to a result.
        return Usage::default();
    }
    let unshown = sum.beyond(streamed);
    let included = unshown.tokens().saturating_mul(INCLUDED) >= before.tokens() && unshown.tokens() > 0;
    let least = |a: Option<u64>, b: Option<u64>| a.zip(b).map(|(a, b)| a.min(b));
    Usage {
        input_tokens: unshown.input_tokens.min(before.input_tokens),
        cached_tokens: unshown.cached_tokens.min(before.cached_tokens),
        output_tokens: unshown.output_tokens.min(before.output_tokens),
        usd_micros: least(sum.usd_micros, before.usd_micros).filter(|_| included),
    }
}

fn report(usage: Usage, id: String, model: String) -> Option<Heard> {
    (usage != Usage::default()).then_some(Heard::Event(AgentEvent::Usage { usage, id: Some(id), model: Some(model) }))
}

/// Input includes what was read from a cache and what was written to it.
fn of_message(usage: &Value) -> Usage {
    let number = |name: &str| usage[name].as_u64().unwrap_or_default();
    let cached = number("cache_read_input_tokens");
    Usage {
        input_tokens: number("input_tokens") + number("cache_creation_input_tokens") + cached,
        cached_tokens: cached,
        output_tokens: number("output_tokens"),
        ..Usage::default()
    }
}

fn of_model(usage: &Value) -> Usage {
    let number = |name: &str| usage[name].as_u64().unwrap_or_default();
    let cached = number("cacheReadInputTokens");
    Usage {
        input_tokens: number("inputTokens") + number("cacheCreationInputTokens") + cached,
        cached_tokens: cached,
        output_tokens: number("outputTokens"),
        ..Usage::default()
    }
}

/// Dollars as millionths, rounded up: money is never counted too low.
fn micros(usd: f64) -> u64 {
    let micros = (usd * 1e6 - 1e-6).ceil();
    if micros.is_finite() && micros > 0.0 { micros as u64 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_rounded_up_and_never_below_zero() {
        assert_eq!([0.001998, 0.000_000_1, 0.0, -1.0, f64::NAN].map(micros), [1998, 1, 0, 0, 0]);
    }
}
