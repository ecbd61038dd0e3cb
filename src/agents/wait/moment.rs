//! A time of the day in words: `resets 3pm (America/New_York)`, `try again at Nov 24th, 2026 11:05 PM.`
//!
//! It is the next one, in the zone that stands behind it, else in the agent's own. Invariant: one in a zone that is not
//! known, or which has passed, is no end.

mod words;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use self::words::{Day, Stated, Words, Zone};
use super::{Here, seconds_since_1970};
use crate::domain::ids::Timestamp;

/// Behind these stands the time, `at` or another small word between them left out. A connection is `reset` too.
const LEADS: &[&str] =
    &["resets ", "will reset ", "limit reset ", "limits reset ", "try again ", "retry ", "available "];
/// Fewer digits are no seconds since 1970.
const DIGITS_OF_SECONDS: usize = 10;
/// Times are told to the minute, what is beyond it cut off: the end comes until the minute is over.
const MINUTE_MS: u64 = 60_000;
/// One that has passed for less than this is an old one that was told again, not that of the next day.
const STALE_MS: u64 = 15 * MINUTE_MS;

/// The moment that words state, where they are heard. The first that is understood counts.
pub(super) fn upcoming(words: &str, here: Here<'_>) -> Option<Timestamp> {
    let plain = words.replace(['"', '='], " ").replace("_at", " at ");
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    // As long as it was.
    let lower = plain.to_ascii_lowercase();
    let mut behind: Vec<_> = LEADS
        .iter()
        .flat_map(|lead| lower.match_indices(lead).map(|(at, lead)| (at, at + lead.len())))
        .filter(|(at, _)| !lower[..*at].ends_with(|c: char| c.is_alphanumeric()))
        .collect();
    behind.sort_unstable();
    behind.into_iter().find_map(|(_, end)| read(&plain[end..], here))
}

fn read(text: &str, here: Here<'_>) -> Option<Timestamp> {
    let words = Words::of(text).without_joints();
    exact(words.first()).or_else(|| next(&words.stated()?, here))
}

/// A moment that needs no zone.
fn exact(word: &str) -> Option<Timestamp> {
    if word.len() >= DIGITS_OF_SECONDS && word.bytes().all(|byte| byte.is_ascii_digit()) {
        return seconds_since_1970(word);
    }
    let moment: jiff::Timestamp = word.parse().ok()?;
    u64::try_from(moment.as_millisecond()).ok().map(Timestamp)
}

fn next(stated: &Stated<'_>, here: Here<'_>) -> Option<Timestamp> {
    let zone = match stated.zone {
        Zone::Local => here.zones.local()?,
        Zone::Named(name) => here.zones.named(name)?,
    };
    let now = jiff::Timestamp::from_millisecond(i64::try_from(here.now.0).ok()?).ok()?;
    let days = days(stated.day, zone.to_datetime(now).date());
    let moments: Vec<_> = days.into_iter().flat_map(|day| moments(day, stated, &zone)).collect();
    let passed = moments.iter().filter(|at| **at <= here.now).map(|at| here.now.since(*at)).min();
    match passed {
        Some(passed) if passed < MINUTE_MS => Some(here.now.plus(MINUTE_MS - passed)),
        Some(passed) if passed < STALE_MS => None,
        Some(_) | None => moments.into_iter().filter(|at| *at > here.now).min(),
    }
}

/// The days that may be meant: those around `today`, or around its year.
fn days(day: Option<Day>, today: Date) -> Vec<Date> {
    match day {
        None => [today.yesterday(), Ok(today), today.tomorrow()].into_iter().flatten().collect(),
        Some(Day { year: Some(year), month, day }) => Date::new(year, month, day).into_iter().collect(),
        Some(Day { year: None, month, day }) => {
            let years = [-1, 0, 1].map(|more| today.year().saturating_add(more));
            years.into_iter().filter_map(|year| Date::new(year, month, day).ok()).collect()
        }
    }
}

/// When it is this time on a day: twice where clocks are set back over it. Where they are set forward over it, as much
/// later.
fn moments(day: Date, stated: &Stated<'_>, zone: &TimeZone) -> impl Iterator<Item = Timestamp> {
    let at = zone.to_ambiguous_timestamp(day.to_datetime(stated.time));
    let both = [at.compatible(), at.later()].into_iter().flatten();
    both.filter_map(|at| u64::try_from(at.as_millisecond()).ok()).map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::wait::zones::Zones;

    /// The rules of New York, where the agents of these tests run.
    const NEW_YORK: &str = "EST5EDT,M3.2.0,M11.1.0";

    fn named(name: &str) -> Option<TimeZone> {
        let rules = match name {
            "America/New_York" => NEW_YORK,
            "Europe/Berlin" => "CET-1CEST,M3.5.0,M10.5.0/3",
            "Asia/Calcutta" => "IST-5:30",
            _ => return None,
        };
        TimeZone::posix(rules).ok()
    }

    fn moment(text: &str) -> Timestamp {
        exact(text).expect("a moment")
    }

    /// What is understood of words that are heard in New York at a moment.
    fn heard(words: &str, now: &str) -> Option<Timestamp> {
        let zones = Zones::at(NEW_YORK, named);
        upcoming(words, Here { now: moment(now), zones: &zones, told: None })
    }

    fn assert_ends(now: &str, cases: &[(&str, &str)]) {
        for (words, end) in cases {
            assert_eq!(heard(words, now), Some(moment(end)), "{words}");
        }
    }

    #[test]
    fn a_time_of_the_day_is_the_next_one_in_the_zone_that_it_names_or_in_the_agents_own() {
        // It is 09:00 in New York, 15:00 in Berlin, 19:30 in Calcutta.
        assert_ends(
            "2026-11-20T14:00:00Z",
            &[
                ("You've hit your session limit · resets 3pm (America/New_York)", "2026-11-20T20:00:00Z"),
                ("You've hit your limit · resets 11:30pm (Europe/Berlin) · progress saved", "2026-11-20T22:30:00Z"),
                ("5-hour limit reached ∙ resets 8am (America/New_York)", "2026-11-21T13:00:00Z"),
                ("Weekly limit reached · resets 12am (Asia/Calcutta) · /upgrade to Max", "2026-11-20T18:30:00Z"),
                ("You've hit your session limit · resets 12:50am (UTC)", "2026-11-21T00:50:00Z"),
                ("You've hit your limit · resets 10pm\n/upgrade to increase it", "2026-11-21T03:00:00Z"),
                (
                    "Claude usage limit reached. Your limit will reset at 7pm (America/New_York).",
                    "2026-11-21T00:00:00Z",
                ),
                ("Your limit will reset at 7pm.", "2026-11-21T00:00:00Z"),
                (
                    r#"Internal error: You've hit your limit · resets 3pm: {"errorKind":"rate_limit"}"#,
                    "2026-11-20T20:00:00Z",
                ),
                ("You've hit your usage limit. Try again at 11:05 PM.", "2026-11-21T04:05:00Z"),
                ("Try again at 11:05 PM. On request you get more.", "2026-11-21T04:05:00Z"),
                ("Upgrade to Pro (https://x.y/pro) or try again at 11:05\u{202f}PM.", "2026-11-21T04:05:00Z"),
                ("Switch to another model now, or try again at 12:05 p.m.", "2026-11-20T17:05:00Z"),
                ("Quota exceeded, retry after 14:05", "2026-11-20T19:05:00Z"),
                ("Quota exceeded, retry after 14:05:30 UTC.", "2026-11-20T14:05:30Z"),
                ("Session usage resets on request, or resets at 4 PM Europe/Berlin", "2026-11-20T15:00:00Z"),
            ],
        );
    }

    #[test]
    fn a_day_may_stand_beside_it_with_or_without_its_year() {
        assert_ends(
            "2026-12-09T14:00:00Z",
            &[
                ("You've hit your weekly limit · resets Dec 12 at 3pm (UTC)", "2026-12-12T15:00:00Z"),
                ("You've hit your Opus limit · resets Dec 12, 10am (America/New_York)", "2026-12-12T15:00:00Z"),
                ("You've hit your weekly limit · resets Jan 3, 2027, 3:05pm", "2027-01-03T20:05:00Z"),
                ("You've hit your weekly limit · resets Jan 3 at 3:05pm", "2027-01-03T20:05:00Z"),
                ("You've hit your usage limit. Try again at Dec 24th, 2026 11:05 PM.", "2026-12-25T04:05:00Z"),
                ("Weekly limit (resets 14:05 on 22 Dec)", "2026-12-22T19:05:00Z"),
                ("available again on 2026-12-10 at 08:00 UTC", "2026-12-10T08:00:00Z"),
                ("resets December 10, 8 am", "2026-12-10T13:00:00Z"),
            ],
        );
    }

    #[test]
    fn one_that_has_just_passed_is_not_that_of_the_next_day() {
        let words = "You've hit your session limit · resets 3pm (UTC)";
        for (now, end) in [
            ("2026-11-20T14:59:59Z", Some("2026-11-20T15:00:00Z")),
            // Seconds are not told: it may come until the minute is over.
            ("2026-11-20T15:00:00Z", Some("2026-11-20T15:01:00Z")),
            ("2026-11-20T15:00:59Z", Some("2026-11-20T15:01:00Z")),
            ("2026-11-20T15:01:00Z", None),
            ("2026-11-20T15:14:59Z", None),
            ("2026-11-20T15:15:00Z", Some("2026-11-21T15:00:00Z")),
        ] {
            assert_eq!(heard(words, now), end.map(moment), "{now}");
        }
        assert_eq!(heard("resets 11:59pm (UTC)", "2026-11-21T00:00:20Z"), None);
        assert_eq!(
            heard("try again at Nov 20th, 2026 9:00 AM.", "2026-11-20T14:00:10Z"),
            Some(moment("2026-11-20T14:01:00Z"))
        );
        assert_eq!(heard("try again at Nov 20th, 2026 8:00 AM.", "2026-11-20T14:00:10Z"), None);
    }

    #[test]
    fn where_clocks_are_set_it_comes_as_they_show_it() {
        // Set forward at 2am on March 8, 2026; back at 2am on November 1.
        for (now, words, end) in [
            ("2026-03-08T05:00:00Z", "resets 2:30am", "2026-03-08T07:30:00Z"),
            ("2026-03-08T05:00:00Z", "resets 3am", "2026-03-08T07:00:00Z"),
            ("2026-11-01T04:00:00Z", "resets 1:30am", "2026-11-01T05:30:00Z"),
            // The second half past one of that night.
            ("2026-11-01T05:50:00Z", "resets 1:30am", "2026-11-01T06:30:00Z"),
            ("2026-10-31T23:00:00Z", "resets 6pm", "2026-11-01T23:00:00Z"),
        ] {
            assert_eq!(heard(words, now), Some(moment(end)), "{words} at {now}");
        }
    }

    #[test]
    fn one_in_an_unknown_zone_or_that_is_no_time_is_no_end() {
        for words in [
            "resets 3pm (Europe/Atlantis)",
            "resets 3pm (in a while)",
            "resets 3pm (America/New_York",
            "Access resets at 3:04 PM PST.",
            "resets at 3:04 PM UTC+2",
            "resets at 15:04 +02:00",
            "resets 3pm Pacific",
            "resets 3pm on Thursday",
            "resets 3pm tomorrow",
            "try again at 11:05 PM, 24.11.2026",
            "resets Dec 12",
            "resets Thursday",
            "resets Feb 30 at 3pm",
            "resets at 3",
            "resets 13pm",
            "resets 0am",
            "resets at 25:00",
            "resets at 12:60",
            "resets 3 times a day",
            "presets 3pm",
            "429 Too Many Requests, connection reset at 15:05:33",
            "limits reset every 5h and every week",
            "try again later.",
            "try again at 10 de jul. de 2026, 11:52",
            "retry 1 of 2",
        ] {
            assert_eq!(heard(words, "2026-11-20T14:00:00Z"), None, "{words}");
        }
    }

    #[test]
    fn without_a_zone_or_a_database_there_is_no_end() {
        let (zones, now) = (Zones::unknown(), moment("2026-11-20T14:00:00Z"));
        let heard = |words| upcoming(words, Here { now, zones: &zones, told: None });
        assert_eq!((heard("resets 3pm"), heard("resets 3pm (Europe/Berlin)")), (None, None));
        assert_eq!(heard("resets 3pm (UTC)"), Some(moment("2026-11-20T15:00:00Z")));
    }
}
