//! A length of time in words: `try again in 4 days 3 hours`.
//!
//! Words in, seconds out. A number whose unit is not known is no length.

/// Behind these stands how long it takes, in words whose punctuation is gone.
const LEADS: &[&str] = &[
    "retry after ",
    "try again after ",
    "try again in ",
    "retry in ",
    "retrydelay ",
    "reset after ",
    "reset in ",
    "resets in seconds ",
    "resets in ",
    "wait ",
];

/// The first length that stands where words tell how long to wait.
pub(super) fn seconds_in(words: &str) -> Option<f64> {
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
