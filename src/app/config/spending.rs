//! The parts of the configuration that are about money: what each role may spend, and what models cost.
//!
//! Amounts are exact: decimals become millionths of a US dollar, and what is finer than that is refused.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::millis;
use super::place::Wrong;
use crate::domain::budget::{Limits, Price, Spender, usd_micros};
use crate::domain::ids::Timestamp;

/// `[budget]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BudgetEntry {
    #[serde(default)]
    roles: BTreeMap<String, LimitsEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsEntry {
    time: Option<String>,
    tokens: Option<u64>,
    usd: Option<Amount>,
}

/// `[prices."model"]`, US dollars for a million tokens.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PriceEntry {
    input: Amount,
    cached: Option<Amount>,
    output: Amount,
    as_of: String,
}

/// An amount of money as TOML can say it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Amount {
    Whole(i64),
    Decimal(f64),
    Text(String),
}

impl Amount {
    fn micros(&self) -> Result<u64, String> {
        // A float prints as the shortest decimal that reads back as itself: what stood in the file.
        let text = match self {
            Self::Whole(number) => number.to_string(),
            Self::Decimal(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        };
        usd_micros(&text).ok_or_else(|| format!("`{text}` is no amount of US dollars, down to a millionth, from 0"))
    }
}

/// What each role may spend.
pub(super) fn role_limits(budget: BudgetEntry) -> Result<BTreeMap<Spender, Limits>, Wrong> {
    let role = |(name, entry): (String, LimitsEntry)| {
        let role = Spender::parse(&name)
            .map_err(|problem| Wrong::at(["budget", "roles", &name], format!("[budget.roles]: {problem}")))?;
        let limits = limits(&entry).map_err(|(field, problem)| {
            Wrong::at(["budget", "roles", &name, field], format!("[budget.roles.{name}]: `{field}`{problem}"))
        })?;
        Ok((role, limits))
    };
    budget.roles.into_iter().map(role).collect()
}

/// The limits of an entry; else the field that cannot be, and what is said of it behind its name.
fn limits(entry: &LimitsEntry) -> Result<Limits, (&'static str, String)> {
    let nothing = |field| (field, " is 0".to_owned());
    let wrong = |field| move |problem| (field, format!(": {problem}"));
    if entry.tokens == Some(0) {
        return Err(nothing("tokens"));
    }
    let usd = entry.usd.as_ref().map(Amount::micros).transpose().map_err(wrong("usd"))?;
    if usd == Some(0) {
        return Err(nothing("usd"));
    }
    let time = entry.time.as_deref().map(|text| millis(text, 1)).transpose().map_err(wrong("time"))?;
    Ok(Limits { time_ms: time, tokens: entry.tokens, usd_micros: usd })
}

/// What models cost. Without a price for cached tokens they cost what others do.
pub(super) fn prices(entries: BTreeMap<String, PriceEntry>) -> Result<Vec<Price>, Wrong> {
    let price = |(model, entry): (String, PriceEntry)| {
        let wrong = |field: &str, problem: String| {
            Wrong::at(["prices", &model, field], format!("[prices.\"{model}\"], `{field}`: {problem}"))
        };
        let input_micros = entry.input.micros().map_err(|problem| wrong("input", problem))?;
        let cached = entry.cached.as_ref().map(Amount::micros).transpose();
        let cached_micros = cached.map_err(|problem| wrong("cached", problem))?.unwrap_or(input_micros);
        let output_micros = entry.output.micros().map_err(|problem| wrong("output", problem))?;
        if !is_day(&entry.as_of) {
            return Err(wrong("as_of", format!("`{}` is no day such as 2026-11-01", entry.as_of)));
        }
        Ok(Price { input_micros, cached_micros, output_micros, as_of: entry.as_of, model })
    };
    entries.into_iter().map(price).collect()
}

/// Whether a text is a day of the calendar, `2026-11-01`.
fn is_day(text: &str) -> bool {
    let midnight = serde_json::json!(format!("{text}T00:00:00.000Z"));
    let read = serde_json::from_value::<Timestamp>(midnight.clone());
    // Some that read are no days: the 31st of a short month becomes the 1st of the next.
    text.len() == 10 && read.is_ok_and(|moment| serde_json::json!(moment) == midnight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_exact_or_refused() {
        assert_eq!(Amount::Decimal(0.3).micros(), Ok(300_000));
        assert_eq!(Amount::Decimal(2.000_001).micros(), Ok(2_000_001));
        assert_eq!(Amount::Whole(15).micros(), Ok(15_000_000));
        assert_eq!(Amount::Text("0.075".to_owned()).micros(), Ok(75_000));
        for wrong in [Amount::Decimal(-0.5), Amount::Decimal(f64::NAN), Amount::Decimal(0.000_000_1), Amount::Whole(-1)]
        {
            assert!(wrong.micros().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_day_is_one_of_the_calendar() {
        assert!(is_day("2026-11-01") && is_day("2024-02-29"));
        for wrong in ["2026-02-30", "2026-13-01", "2026-1-1", "yesterday", "", "2026-11-01T"] {
            assert!(!is_day(wrong), "{wrong}");
        }
    }
}
