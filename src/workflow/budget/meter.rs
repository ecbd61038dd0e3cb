//! What one attempt reports to use, and what of that is still to be recorded.
//!
//! Invariant: the sum of what was handed out to be recorded is the most that was ever reported, in whichever order
//! single reports and the last word arrive; each model's tokens are priced as one sum, so that nothing is lost to
//! rounding.

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
        let usage = match raw.usd_micros {
            Some(_) => raw,
            None => Usage { usd_micros: self.price(&raw, prices), ..raw },
        };
        Some(Increment { usage, model: self.model.clone() })
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
