//! When a provider takes requests again, as far as an agent's words state it.
//!
//! `length` reads how long it takes, `moment` at what time it is, `zones` in whose time that is. Invariant: what is not
//! understood is no end; whoever waits then waits longer each time.

mod length;
mod moment;
pub(super) mod zones;

use serde_json::Value;

use self::zones::Zones;
use crate::domain::ids::Timestamp;

/// The longest wait that is believed, in milliseconds.
const LONGEST_MS: u64 = 30 * 86_400_000;

/// When and where words are heard.
#[derive(Clone, Copy)]
pub(super) struct Here<'a> {
    pub(super) now: Timestamp,
    pub(super) zones: &'a Zones,
    /// The end that the agent has told apart from its words, to the second.
    pub(super) told: Option<Timestamp>,
}

/// When requests are taken again, where that is stated: `retry_after` seconds, `try again in 4 days 3 hours`, a moment
/// since 1970 (`…|<seconds>`, `"resets_at":<seconds>`), or a time of the day, with or without its date and its zone.
pub(super) fn until(words: &str, data: &Value, here: Here<'_>) -> Option<Timestamp> {
    let stands = |at: &Timestamp| believed(*at, here.now);
    let told = here.told.filter(stands);
    told.or_else(|| behind(words, data, here.now)).or_else(|| {
        let stated = since_1970(words).or_else(|| moment::upcoming(words, here));
        stated.filter(stands)
    })
}

/// Whether a stated end of a wait is believed: it lies ahead, and not beyond the longest wait.
pub(super) fn believed(at: Timestamp, now: Timestamp) -> bool {
    at > now && is_within_reach(at, now)
}

/// Whether a moment lies no further ahead than the longest wait.
pub(super) fn is_within_reach(at: Timestamp, now: Timestamp) -> bool {
    at.since(now) <= LONGEST_MS
}

/// The end of a wait whose length is stated.
fn behind(words: &str, data: &Value, now: Timestamp) -> Option<Timestamp> {
    let stated = ["retry_after", "retryAfter", "retry-after"].iter().find_map(|name| data.get(name)?.as_f64());
    let ms = stated.or_else(|| length::seconds_in(words))? * 1000.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
    #[expect(clippy::cast_precision_loss, reason = "the limit is a small number")]
    (0.0..=LONGEST_MS as f64).contains(&ms).then(|| now.plus(ms.ceil() as u64))
}

fn since_1970(words: &str) -> Option<Timestamp> {
    seconds_since_1970(words.rsplit_once('|')?.1)
}

/// The moment whose seconds since 1970 a text begins with.
fn seconds_since_1970(text: &str) -> Option<Timestamp> {
    let seconds: u64 = text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    Some(Timestamp(seconds.checked_mul(1000)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn heard(words: &str, data: &Value) -> Option<Timestamp> {
        until(words, data, Here { now: NOW, zones: &Zones::unknown(), told: None })
    }

    #[test]
    fn the_end_of_a_wait_is_the_sum_of_what_is_stated() {
        for (words, seconds) in [
            ("You've hit your usage limit. Upgrade to Pro or try again in 4 days 3 hours 5 minutes.", 356_700.0),
            ("Rate limit reached. Please try again in 1.2s. Visit us.", 1.2),
            ("429 slow down, try again in 3m", 180.0),
            ("Your quota will reset after 2h30m15s.", 9_015.0),
            ("Go usage limit reached. It will reset in 3 hours 20 minutes.", 12_000.0),
            ("Please retry in 34.5s", 34.5),
            (r#"{"@type":"RetryInfo","retryDelay":"34s"}"#, 34.0),
            (r#"{"type":"usage_limit_reached","resets_in_seconds":13872}"#, 13_872.0),
            ("Try again in 1 day, 2 hours and 1 minute", 93_660.0),
            ("try again in about 90 secs", 90.0),
            ("retry after 20", 20.0),
            ("Retry-After: 20. Then go on", 20.0),
            ("wait a moment, or try again in 250 ms", 0.25),
            ("try again in 2 minutes 7 times", 120.0),
        ] {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers")]
            let expected = Some(NOW.plus((seconds * 1000.0_f64).ceil() as u64));
            assert_eq!(heard(words, &Value::Null), expected, "{words}");
        }
        assert_eq!(heard("", &json!({"retry_after": 2.5})), Some(NOW.plus(2_500)));
    }

    #[test]
    fn a_moment_since_1970_needs_no_zone() {
        let minute = Some(NOW.plus(60_000));
        for words in [
            "usage limit reached|1700000060",
            r#"{"type":"usage_limit_reached","resets_at":1700000060}"#,
            "Your quota resets at 2023-11-14T22:14:20Z",
            "try again after 2023-11-14T23:14:20+01:00.",
        ] {
            assert_eq!(heard(words, &Value::Null), minute, "{words}");
        }
    }

    #[test]
    fn what_the_agent_told_to_the_second_is_more_than_its_words() {
        let zones = Zones::unknown();
        let with = |told| until("try again in 3m", &Value::Null, Here { now: NOW, zones: &zones, told: Some(told) });
        assert_eq!(with(NOW.plus(5)), Some(NOW.plus(5)));
        assert_eq!(with(NOW), Some(NOW.plus(180_000)));
        assert_eq!(with(NOW.plus(LONGEST_MS + 1)), Some(NOW.plus(180_000)));
    }

    #[test]
    fn what_is_not_understood_is_no_end() {
        for words in [
            "try again in 4 fortnights",
            "try again in 5-10 minutes",
            "retry after 20 more requests",
            "try again in 90 days",
            "try again in a moment",
            "try again in 1.2.3s",
            "usage limit reached|12",
            "resets at 2031-11-24T11:05:00Z",
            "slow down",
        ] {
            assert_eq!(heard(words, &Value::Null), None, "{words}");
        }
    }
}
