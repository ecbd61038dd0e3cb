//! The words of a time, one after the other.
//!
//! Knows nothing of the present and of zones. What stands behind a time and might be a zone or a day is one: a time is
//! not taken for the next one here that may be another.

use jiff::civil::{Date, Time};

/// What is left of the words.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    rest: &'a str,
}

/// A time as it is told.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stated<'a> {
    pub(super) day: Option<Day>,
    pub(super) time: Time,
    pub(super) zone: Zone<'a>,
}

/// A day, perhaps of any year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Day {
    pub(super) year: Option<i16>,
    pub(super) month: i8,
    pub(super) day: i8,
}

/// In whose time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zone<'a> {
    /// That of whoever tells it.
    Local,
    /// That of this name.
    Named(&'a str),
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
/// What a time with one of these behind it is not: one of the next day here. Zones in small letters, and days.
const ELSEWHERE: &[&str] = &[
    "pacific",
    "eastern",
    "central",
    "mountain",
    "atlantic",
    "on",
    "today",
    "tomorrow",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "mon",
    "tue",
    "wed",
    "thu",
    "fri",
    "sat",
    "sun",
];

impl<'a> Words<'a> {
    /// Those of a text with one blank between words.
    pub(super) fn of(text: &'a str) -> Self {
        Self { rest: text.trim_start_matches([' ', ':']) }
    }

    /// Without small words at the beginning.
    pub(super) fn without_joints(self) -> Self {
        let small = ["again", "at", "on", "after", "by"].contains(&self.first().to_ascii_lowercase().as_str());
        if small { self.behind().without_joints() } else { self }
    }

    /// The first, without the punctuation behind it.
    pub(super) fn first(self) -> &'a str {
        self.whole().trim_end_matches(|c: char| c.is_ascii_punctuation())
    }

    fn whole(self) -> &'a str {
        self.rest.split(' ').next().unwrap_or_default()
    }

    fn behind(self) -> Self {
        Self::of(self.rest.split_once(' ').map_or("", |(_, rest)| rest))
    }

    /// A time, with what belongs to it.
    pub(super) fn stated(self) -> Option<Stated<'a>> {
        let (day, rest) = self.day().map_or((None, self), |(day, rest)| (Some(day), rest.without_joints()));
        let (time, rest) = rest.time()?;
        let (day, rest) = match (day, rest.without_joints().day()) {
            (None, Some((day, rest))) => (Some(day), rest),
            (day, _) => (day, rest),
        };
        Some(Stated { day, time, zone: rest.zone()? })
    }

    /// `Dec 12`, `Nov 24th, 2026`, `24 Nov`, `2026-11-24`.
    fn day(self) -> Option<(Day, Self)> {
        if self.is_date() {
            let date: Date = self.first().parse().ok()?;
            let day = Day { year: Some(date.year()), month: date.month(), day: date.day() };
            return Some((day, self.behind()));
        }
        let (first, second) = (self.first(), self.behind().first());
        let (month, day) = match month(first) {
            Some(month) => (month, day_of_month(second)?),
            None => (month(second)?, day_of_month(first)?),
        };
        let rest = self.behind().behind();
        let year = Some(rest.first()).filter(|word| word.len() == 4).and_then(|word| word.parse().ok());
        let rest = if year.is_some() { rest.behind() } else { rest };
        Some((Day { year, month, day }, rest))
    }

    /// Whether the first is ten characters of digits and strokes.
    fn is_date(self) -> bool {
        let word = self.first();
        word.len() == 10 && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
    }

    /// `3pm`, `11:05 PM`, `14:05`. Where a sentence ends with it, nothing behind belongs to it.
    fn time(self) -> Option<(Time, Self)> {
        let (first, second) = (self.first().to_ascii_lowercase(), self.behind().first().to_ascii_lowercase());
        let (clock, half, last) = match (half_of_day(&first), half_of_day(&second)) {
            ((clock, Some(half)), _) => (clock, Some(half), self),
            ((clock, None), ("", Some(half))) => (clock, Some(half), self.behind()),
            ((clock, None), _) => (clock, None, self),
        };
        let rest = if last.ends_sentence() { Self::of("") } else { last.behind() };
        Some((time_of(clock, half)?, rest))
    }

    fn ends_sentence(self) -> bool {
        self.whole().ends_with('.') && !self.whole().to_ascii_lowercase().ends_with(".m.")
    }

    /// The zone behind a time; nothing of one that has no name in the database.
    fn zone(self) -> Option<Zone<'a>> {
        let word = self.first();
        if let Some(rest) = self.rest.strip_prefix('(') {
            return Some(Zone::Named(rest.split_once(')')?.0));
        }
        let is_name = word.contains('/') && word.starts_with(|c: char| c.is_ascii_uppercase());
        if is_name || ["utc", "gmt"].contains(&word.to_ascii_lowercase().as_str()) {
            return Some(Zone::Named(word));
        }
        let abbreviation = word.len() > 1
            && word.starts_with(|c: char| c.is_ascii_uppercase())
            && word.bytes().all(|byte| !byte.is_ascii_lowercase());
        let lower = word.to_ascii_lowercase();
        let other = lower.starts_with(|c: char| "+-".contains(c) || c.is_ascii_digit());
        let other = other || ["utc", "gmt"].iter().any(|zone| lower.starts_with(zone)) || ELSEWHERE.contains(&&*lower);
        (!abbreviation && !other).then_some(Zone::Local)
    }
}

/// Its first three letters or more.
fn month(word: &str) -> Option<i8> {
    let word = word.to_ascii_lowercase();
    let at = MONTHS.iter().position(|month| word.len() >= 3 && month.starts_with(&word))?;
    i8::try_from(at + 1).ok()
}

fn day_of_month(word: &str) -> Option<i8> {
    let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let bare = ["", "st", "nd", "rd", "th"].contains(&&word[digits.len()..]);
    digits.parse().ok().filter(|_| bare)
}

/// What a clock shows; `half` is what the half of the day adds to its hours.
fn time_of(clock: &str, half: Option<i8>) -> Option<Time> {
    let figures: Vec<i8> = clock.split(':').map(|figure| figure.parse().ok()).collect::<Option<_>>()?;
    let (hour, minute, second) = match figures[..] {
        [hour] if half.is_some() => (hour, 0, 0),
        [hour, minute] => (hour, minute, 0),
        [hour, minute, second] => (hour, minute, second),
        _ => return None,
    };
    let hour = match half {
        None => hour,
        Some(half) if (1..=12).contains(&hour) => hour % 12 + half,
        Some(_) => return None,
    };
    Time::new(hour, minute, second, 0).ok()
}

/// What stands before `am` or `pm`, and the hours that this adds.
fn half_of_day(word: &str) -> (&str, Option<i8>) {
    for (half, hours) in [("am", 0), ("a.m", 0), ("pm", 12), ("p.m", 12)] {
        if let Some(clock) = word.strip_suffix(half) {
            return (clock, Some(hours));
        }
    }
    (word, None)
}
