//! What one attempt reports to use, and what of that is still to be recorded.
//!
//! Invariant: the sum of what was handed out to be recorded is the most that was ever reported, in whichever order
//! single reports and the last word arrive; each model's tokens are priced as one sum, so that nothing is lost to
//! rounding. Money that an agent states without tokens is its price of tokens that it reports for themselves: of what it
//! states and what the table makes of them the greater counts, never both.

use std::collections::BTreeMap;

use crate::domain::budget::{Price, Usage};
use crate::domain::metering::Reports;

/// The longest name of a model that is kept.
const LONGEST_MODEL: usize = 128;

/// A use that is to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Increment {
    pub(super) usage: Usage,
    pub(super) model: Option<String>,
}

/// The meter of one attempt.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter {
    reports: Reports,
    recorded: Usage,
    /// By model: what was priced by the table, and its price so far.
    priced: BTreeMap<String, (Usage, u64)>,
    /// What was charged by the table, and nobody has stated yet; what was stated, and the table has not come to yet.
    estimated: u64,
    ahead: u64,
    model: Option<String>,
    /// Whether the agent has ended.
    pub(super) ended: bool,
}

impl Meter {
    /// Hears a report.
    pub(super) fn hear(&mut self, id: Option<&str>, model: Option<String>, usage: &Usage) {
        self.reports.take(id, usage);
        if let Some(model) = model {
            self.model = Some(model.chars().take(LONGEST_MODEL).collect());
        }
    }

    /// What is to be recorded now; `told` is the agent's last word on all that it used, where it is said.
    pub(super) fn due(&mut self, told: Option<&Usage>, prices: &[Price]) -> Option<Increment> {
        let said = told.map_or(self.reports.total(), |told| self.reports.total().at_least(told));
        let raw = said.beyond(&self.recorded);
        self.recorded = self.recorded.at_least(&said);
        if raw.is_nothing() {
            return None;
        }
        let usd_micros = match raw.usd_micros {
            Some(stated) if raw.tokens() == 0 => Some(set_against(stated, &mut self.estimated, &mut self.ahead)),
            Some(stated) => Some(stated),
            None => self.price(&raw, prices).map(|price| set_against(price, &mut self.ahead, &mut self.estimated)),
        };
        let usage = Usage { usd_micros, ..raw };
        (!usage.is_nothing()).then(|| Increment { usage, model: self.model.clone() })
    }

    fn price(&mut self, usage: &Usage, prices: &[Price]) -> Option<u64> {
        let model = self.model.as_deref()?;
        let price = prices.iter().find(|price| price.model == model)?;
        let (sum, charged) = self.priced.entry(model.to_owned()).or_default();
        *sum = sum.plus(usage);
        let more = price.of(sum).saturating_sub(*charged);
        *charged += more;
        Some(more)
    }
}

/// What is to be charged of `money` when `other` was charged for the same; the rest stands open on the `own` side.
fn set_against(money: u64, other: &mut u64, own: &mut u64) -> u64 {
    let covered = money.min(*other);
    *other -= covered;
    *own += money - covered;
    money - covered
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is recorded of these reports, in millionths of a dollar, where the table has a price of 10 a token.
    fn recorded(reports: &[(u64, Option<u64>)]) -> u64 {
        let price = Price {
            model: "m".to_owned(),
            input_micros: 10_000_000,
            cached_micros: 10_000_000,
            output_micros: 10_000_000,
            as_of: "2026-01-01".to_owned(),
        };
        let mut meter = Meter::default();
        let one = |(input_tokens, usd_micros): &(u64, Option<u64>)| {
            let usage = Usage { input_tokens: *input_tokens, usd_micros: *usd_micros, ..Usage::default() };
            meter.hear(None, Some("m".to_owned()), &usage);
            let due = meter.due(None, std::slice::from_ref(&price));
            due.and_then(|due| due.usage.usd_micros).unwrap_or(0)
        };
        reports.iter().map(one).sum()
    }

    #[test]
    fn tokens_that_stream_and_their_price_that_follows_or_precedes_them_are_charged_once() {
        assert_eq!(recorded(&[(100, None), (100, None)]), 2_000);
        assert_eq!(recorded(&[(100, None), (100, None), (0, Some(2_500))]), 2_500);
        assert_eq!(recorded(&[(0, Some(2_500)), (100, None), (100, None)]), 2_500);
        assert_eq!(recorded(&[(100, None), (0, Some(700)), (100, None), (0, Some(700))]), 2_000);
        assert_eq!(recorded(&[(100, Some(300)), (100, None)]), 1_300);
    }
}
