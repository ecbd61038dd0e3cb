//! When a provider takes requests again, as far as an agent's words state it.
//!
//! What is not understood is no end: whoever waits then waits longer each time. A time of the day is none either; it is
//! one of a zone that nobody here knows.

use serde_json::Value;

use crate::domain::ids::Timestamp;

/// Behind these stands how long it takes, in words whose punctuation is gone.
const LEADS: &[&str] = &[
    "retry after ",
    "try again after ",
    "try again in ",
    "retry in ",
    "retrydelay ",
    "reset after ",
    "resets in ",
    "wait ",
];
/// The longest wait that is believed, in milliseconds.
const LONGEST_MS: u64 = 30 * 86_400_000;

/// When requests are taken again, where that is stated: `retry_after` seconds, `try again in 4 days 3 hours`, or (as
/// Claude Code has it) `…|<seconds since 1970>`.
pub(super) fn until(words: &str, data: &Value, now: Timestamp) -> Option<Timestamp> {
    let stated = ["retry_after", "retryAfter", "retry-after"].iter().find_map(|name| data.get(name)?.as_f64());
    let ms = stated.or_else(|| seconds_in(words)).map(|seconds| seconds * 1000.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
    #[expect(clippy::cast_precision_loss, reason = "the limit is a small number")]
    if let Some(ms) = ms.filter(|ms| (0.0..=LONGEST_MS as f64).contains(ms)) {
        return Some(now.plus(ms.ceil() as u64));
    }
    let epoch: u64 = words.rsplit_once('|')?.1.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    let at = Timestamp(epoch.checked_mul(1000)?);
    (at > now && at.since(now) < LONGEST_MS).then_some(at)
}

fn seconds_in(words: &str) -> Option<f64> {
    let plain = words.to_ascii_lowercase().replace([':', '=', '"', '_', '-', '~'], " ").replace(" about ", " ");
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    LEADS.iter().find_map(|lead| plain.match_indices(lead).find_map(|(at, _)| length(&plain[at + lead.len()..])))
}

/// The length of time that a text begins with, in seconds: all its parts together (`4 days 3 hours`, `2h30m`), or a
/// number alone.
fn length(text: &str) -> Option<f64> {
    let (mut sum, mut rest) = (None, text);
    while let Some((number, unit, behind)) = part(rest) {
        match (scale(unit), sum) {
            (Some(scale), _) => sum = Some(sum.unwrap_or_default() + number * scale),
            (None, None) => {
                return (unit.is_empty() && !behind.starts_with(|c: char| c.is_ascii_digit())).then_some(number);
            }
            (None, Some(_)) => break,
        }
        rest = behind.trim_start_matches([' ', ',']);
        rest = rest.strip_prefix("and ").unwrap_or(rest);
    }
    sum
}

/// The number that a text begins with, its unit, and what follows.
fn part(text: &str) -> Option<(f64, &str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, behind) = text.split_at(end);
    // A point behind it ends the sentence.
    let behind = if number.ends_with('.') { "" } else { behind.trim_start() };
    let (unit, behind) = behind.split_at(behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len()));
    Some((number.trim_end_matches('.').parse().ok()?, unit, behind))
}

fn scale(unit: &str) -> Option<f64> {
    match unit {
        "ms" | "msec" | "msecs" | "millisecond" | "milliseconds" => Some(0.001),
        "s" | "sec" | "secs" | "second" | "seconds" => Some(1.0),
        "m" | "min" | "mins" | "minute" | "minutes" => Some(60.0),
        "h" | "hr" | "hrs" | "hour" | "hours" => Some(3_600.0),
        "d" | "day" | "days" => Some(86_400.0),
        "w" | "week" | "weeks" => Some(604_800.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    #[test]
    fn the_end_of_a_wait_is_the_sum_of_what_is_stated() {
        for (words, seconds) in [
            ("You've hit your usage limit. Upgrade to Pro or try again in 4 days 3 hours 5 minutes.", 356_700.0),
            ("Rate limit reached. Please try again in 1.2s. Visit us.", 1.2),
            ("429 slow down, try again in 3m", 180.0),
            ("Your quota will reset after 2h30m15s.", 9_015.0),
            ("Please retry in 34.5s", 34.5),
            (r#"{"@type":"RetryInfo","retryDelay":"34s"}"#, 34.0),
            ("Try again in 1 day, 2 hours and 1 minute", 93_660.0),
            ("try again in about 90 secs", 90.0),
            ("retry after 20", 20.0),
            ("Retry-After: 20. Then go on", 20.0),
            ("wait a moment, or try again in 250 ms", 0.25),
            ("try again in 2 minutes 7 times", 120.0),
        ] {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers")]
            let expected = Some(NOW.plus((seconds * 1000.0_f64).ceil() as u64));
            assert_eq!(until(words, &Value::Null, NOW), expected, "{words}");
        }
        assert_eq!(until("", &json!({"retry_after": 2.5}), NOW), Some(NOW.plus(2_500)));
        assert_eq!(until("usage limit reached|1700000060", &Value::Null, NOW), Some(NOW.plus(60_000)));
    }

    #[test]
    fn what_is_not_understood_is_no_end() {
        for words in [
            "You've hit your usage limit. Try again at 11:05 PM.",
            "try again at Nov 24th, 2026 11:05 PM",
            "Your limit will reset at 7pm",
            "try again in 4 fortnights",
            "try again in 5-10 minutes",
            "retry after 20 more requests",
            "try again in 90 days",
            "try again in a moment",
            "try again in 1.2.3s",
            "usage limit reached|12",
            "slow down",
        ] {
            assert_eq!(until(words, &Value::Null, NOW), None, "{words}");
        }
    }
}
