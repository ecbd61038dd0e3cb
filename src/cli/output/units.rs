//! Quantities as people read them: `12m08s`, `$1.10`, `1.9M`, `3 slices`.

use crate::domain::budget::{Limits, Usage};
use crate::domain::evidence::{GateResult, TestCount};
use crate::domain::ids::Timestamp;
use crate::domain::view::BudgetView;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A duration in milliseconds: `340ms`, `6.1s`, `41s`, `12m08s`, `3h12m`, `2d03h`.
pub fn duration(ms: u64) -> String {
    match ms {
        0..SECOND => format!("{ms}ms"),
        SECOND..10_000 => format!("{}.{}s", ms / SECOND, ms % SECOND / 100),
        10_000..MINUTE => format!("{}s", ms / SECOND),
        MINUTE..HOUR => format!("{}m{:02}s", ms / MINUTE, ms % MINUTE / SECOND),
        HOUR..DAY => format!("{}h{:02}m", ms / HOUR, ms % HOUR / MINUTE),
        DAY.. => format!("{}d{:02}h", ms / DAY, ms % DAY / HOUR),
    }
}

/// An age in milliseconds, in its largest unit: `41s`, `42m`, `3h`, `5d`.
pub fn age(ms: u64) -> String {
    match ms {
        0..MINUTE => format!("{}s", ms / SECOND),
        MINUTE..HOUR => format!("{}m", ms / MINUTE),
        HOUR..DAY => format!("{}h", ms / HOUR),
        DAY.. => format!("{}d", ms / DAY),
    }
}

/// Money in millionths of a US dollar: `$1.10`.
pub fn money(usd_micros: u64) -> String {
    let cents = usd_micros.saturating_add(5_000) / 10_000;
    format!("${}.{:02}", cents / 100, cents % 100)
}

/// Money to the last millionth that is not zero, at least to the cent: `$0.075`.
pub fn exact_money(usd_micros: u64) -> String {
    let text = format!("${}.{:06}", usd_micros / 1_000_000, usd_micros % 1_000_000);
    let cents = text.len() - 4;
    let (whole, rest) = text.split_at(cents);
    format!("{whole}{}", rest.trim_end_matches('0'))
}

/// What a use cost, as far as that is known: `$1.20`, `$1.20 + unknown`, `unknown`. `complete`: every token has a price.
pub fn cost(usage: &Usage, complete: bool) -> String {
    match (usage.usd_micros, complete) {
        (Some(usd), true) => money(usd),
        (Some(usd), false) => format!("{} + unknown", money(usd)),
        (None, false) => "unknown".to_owned(),
        (None, true) if usage.tokens() > 0 => "unknown".to_owned(),
        (None, true) => money(0),
    }
}

/// The limits that there are, in words: `8h00m, 5.0M tokens, $25.00`.
pub fn limits(limits: &Limits) -> String {
    let time = limits.time_ms.map(duration);
    let tokens = limits.tokens.map(|count| format!("{} tokens", tokens(count)));
    [time, tokens, limits.usd_micros.map(money)].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// A count of tokens: `950`, `1.9k`, `12k`, `1.9M`.
pub fn tokens(count: u64) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..10_000 => format!("{}.{}k", count / 1_000, count % 1_000 / 100),
        10_000..1_000_000 => format!("{}k", count / 1_000),
        1_000_000.. => format!("{}.{}M", count / 1_000_000, count % 1_000_000 / 100_000),
    }
}

/// A size in bytes: `512 B`, `1.2 MB`.
pub fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{}.{} kB", count / 1_000, count % 1_000 / 100),
        1_000_000..1_000_000_000 => format!("{}.{} MB", count / 1_000_000, count % 1_000_000 / 100_000),
        1_000_000_000.. => format!("{}.{} GB", count / 1_000_000_000, count % 1_000_000_000 / 100_000_000),
    }
}

/// A count and its noun: `1 slice`, `3 slices`.
pub fn counted(count: usize, noun: &str) -> String {
    let plural = match noun {
        "entry" => "entries",
        "branch" => "branches",
        "retry" => "retries",
        "further process" => "further processes",
        _ => return format!("{count} {noun}{}", if count == 1 { "" } else { "s" }),
    };
    format!("{count} {}", if count == 1 { noun } else { plural })
}

/// The time of day of a moment: `09:14:02Z`.
pub fn clock(moment: Timestamp) -> String {
    let text = moment.to_string();
    text.get(11..19).map_or_else(|| text.clone(), |clock| format!("{clock}Z"))
}

/// Tests counted in a gate's output: `412 ok`, `410 ok, 2 failed, 1 ignored`.
pub fn tests(count: &TestCount) -> String {
    let mut text = format!("{} ok", count.passed);
    if count.failed > 0 {
        text.push_str(&format!(", {} failed", count.failed));
    }
    if count.ignored > 0 {
        text.push_str(&format!(", {} ignored", count.ignored));
    }
    text
}

/// A gate with its tests and how long it took: `test 412 ok 1m10s`.
pub fn gate(result: &GateResult) -> String {
    let tests = result.tests.map(|count| format!("{} ", tests(&count))).unwrap_or_default();
    format!("{} {tests}{}", result.gate, duration(result.duration_ms))
}

/// What was used, what counts as used because nobody said so, and the limit where there is one:
/// `$6.12 of $25.00   3.0k + 16k lost of 20k tok`.
pub fn spent(budget: &BudgetView) -> String {
    let BudgetView { usage, usd_complete, unreported, lost, limits, .. } = budget;
    let beyond = |lost: Option<String>, limit: Option<String>| {
        let lost = lost.map(|lost| format!(" + {lost} lost")).unwrap_or_default();
        let limit = limit.map(|limit| format!(" of {limit}")).unwrap_or_default();
        format!("{lost}{limit}")
    };
    let mut parts = Vec::new();
    if usage.usd_micros.or(lost.usd_micros).or(limits.usd_micros).is_some() {
        let beyond = beyond(lost.usd_micros.map(money), limits.usd_micros.map(money));
        parts.push(format!("{}{beyond}", cost(usage, *usd_complete)));
    }
    if usage.tokens() > 0 || lost.tokens.or(limits.tokens).is_some() {
        let beyond = beyond(lost.tokens.map(tokens), limits.tokens.map(tokens));
        parts.push(format!("{}{beyond} tok", reported(usage.tokens(), *unreported)));
    }
    if parts.is_empty() && *unreported > 0 {
        parts.push("use unknown".to_owned());
    }
    parts.join("   ")
}

/// Tokens that some attempts may not have reported.
fn reported(count: u64, unreported: u32) -> String {
    match (count, unreported) {
        (count, 0) => tokens(count),
        (0, _) => "unknown".to_owned(),
        (count, _) => format!("{} + unknown", tokens(count)),
    }
}

/// That attempts did not say what they used, and what this means for the limits that there are.
pub fn unreported(budget: &BudgetView) -> Option<String> {
    let limited = budget.limits.tokens.or(budget.limits.usd_micros).is_some();
    Some(unreported_by(budget.unreported, limited)).filter(|_| budget.unreported > 0)
}

/// The same of so many attempts.
pub fn unreported_by(attempts: u32, limited: bool) -> String {
    let limits = if limited { "; the limits of tokens and US dollars do not hold for them" } else { "" };
    format!("{} reported no use{limits}", counted(attempts as usize, "attempt"))
}
