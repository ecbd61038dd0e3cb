//! Reads what a gate's output says about tests while it comes, in bounded memory.
//!
//! Owns the sum over runners: a gate may run several, and lines may bear the labels of programs that run them. Numbers
//! are taken from a runner's final summaries where it prints any, else from its single lines.

use std::collections::BTreeMap;

use super::prefixes;
use super::runners::{Count, Reader, Reading, Runner, Verdict, readers};
use super::sessions::Sessions;
use crate::domain::evidence::{TestCount, TestReading};
use crate::process::output::Lines;
use crate::process::sanitise::sanitise;

/// The longest line that is looked at, in bytes.
const LONGEST_LINE: usize = 4096;
/// The most bytes of names that are kept.
const NAMES: usize = 8 << 20;
/// The most labels whose lines are read as streams of their own.
const LABELS: usize = 64;

/// One test by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedTest {
    /// The runner that named it.
    pub runner: Runner,
    /// How it ended.
    pub verdict: Verdict,
    /// Its name.
    pub name: String,
}

/// What a gate's output says about tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestReport {
    /// The numbers of each runner that was recognised.
    pub runners: BTreeMap<Runner, Count>,
    /// Each test with its name, in order, where the runner prints them.
    pub names: Vec<NamedTest>,
    /// Whether there were more names than are kept.
    pub names_overflowed: bool,
}

impl TestReport {
    fn sum(&self) -> Count {
        self.runners.values().copied().fold(Count::default(), Count::plus)
    }

    /// The numbers of all runners; `None` where none of them gives any.
    pub fn count(&self) -> Option<TestCount> {
        let sum = self.sum();
        (!self.runners.is_empty() && (sum.unnumbered == 0 || sum.tests != TestCount::default())).then_some(sum.tests)
    }

    /// How well the output was understood.
    pub fn reading(&self) -> TestReading {
        match (self.runners.is_empty(), self.sum().unnumbered) {
            (true, _) => TestReading::Unknown,
            (false, 0) => TestReading::Counted,
            (false, _) => TestReading::Unnumbered,
        }
    }

    /// Tests that the final summaries count as failed.
    pub fn failed(&self) -> u64 {
        self.sum().tests.failed
    }

    /// Whether a runner was recognised, and none of those ran a test.
    pub fn ran_none(&self) -> bool {
        !self.runners.is_empty() && !self.sum().ran()
    }
}

/// The reader of one gate's output.
#[derive(Debug)]
pub struct TestOutput {
    lines: Option<Lines>,
    plain: Stream,
    /// Streams of lines that bear a label, by label.
    labelled: BTreeMap<String, Stream>,
    names: Names,
}

impl Default for TestOutput {
    fn default() -> Self {
        let (labelled, names) = (BTreeMap::new(), Names::default());
        Self { lines: Some(Lines::new(LONGEST_LINE)), plain: Stream::default(), labelled, names }
    }
}

impl TestOutput {
    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        if let Some(mut lines) = self.lines.take() {
            lines.push(bytes, |line| self.read(line));
            self.lines = Some(lines);
        }
    }

    /// What it all says.
    pub fn finish(mut self) -> TestReport {
        if let Some(lines) = self.lines.take() {
            lines.finish(|line| self.read(line));
        }
        let mut runners = self.plain.counts(None);
        for stream in self.labelled.values() {
            for (runner, count) in stream.counts(Some(&self.plain.sessions)) {
                let sum = runners.entry(runner).or_default();
                *sum = sum.plus(count);
            }
        }
        if runners.contains_key("prove") {
            // It shows the lines of the tests that it runs, and its own summary counts them.
            runners.remove("tap");
        }
        TestReport { runners, names: self.names.kept, names_overflowed: self.names.overflowed }
    }

    fn read(&mut self, line: &[u8]) {
        let clean;
        let text = match std::str::from_utf8(line) {
            Ok(line) if !line.contains(['\u{1b}', '\r']) => line,
            Ok(_) | Err(_) => {
                clean = sanitise(line);
                &clean
            }
        };
        // A lone carriage return begins the line anew.
        let line = text.trim_end().rsplit('\n').next().unwrap_or_default();
        if self.plain.read(line, &mut self.names) {
            return;
        }
        let Some((label, rest)) = prefixes::split(line) else { return };
        if !self.labelled.contains_key(label) && self.labelled.len() >= LABELS {
            return;
        }
        let stream = self.labelled.entry(label.to_owned()).or_default();
        stream.sessions.outer = self.plain.sessions.innermost();
        stream.read(rest, &mut self.names);
    }
}

/// The lines of one program, or of several one after the other.
#[derive(Debug)]
struct Stream {
    readers: Vec<Box<dyn Reader>>,
    sessions: Sessions,
    /// Single tests by runner and the place where they stand.
    lines: BTreeMap<(Runner, Place), Count>,
}

/// The run that was under way, in the stream itself and in the plain one beside it.
type Place = (Option<usize>, Option<usize>);

impl Default for Stream {
    fn default() -> Self {
        Self { readers: readers(), sessions: Sessions::default(), lines: BTreeMap::new() }
    }
}

impl Stream {
    /// Takes the next line; whether it is some runner's.
    fn read(&mut self, line: &str, names: &mut Names) -> bool {
        let mut known = false;
        for reader in &mut self.readers {
            // Each reader sees every line: a line of another runner ends its block.
            let Some(reading) = reader.read(line).filter(|_| !known) else { continue };
            known = true;
            let runner = reader.runner();
            for reading in std::iter::once(reading).chain(reader.also()) {
                take(reading, runner, (&mut self.sessions, &mut self.lines), names);
            }
        }
        known
    }

    /// What each runner's final summaries come to, or its lines where it has none.
    fn counts(&self, plain: Option<&Sessions>) -> BTreeMap<Runner, Count> {
        let mut counts: BTreeMap<Runner, Count> = BTreeMap::new();
        for (runner, count) in self.sessions.summaries(plain) {
            let sum = counts.entry(runner).or_default();
            *sum = sum.plus(count);
        }
        let mut lines: BTreeMap<Runner, Count> = BTreeMap::new();
        for ((runner, (at, outer)), count) in &self.lines {
            // Another runner that came to its summary has judged what a test of its own printed.
            let inside = self.sessions.is_inside(*at) || plain.is_some_and(|plain| plain.is_inside(*outer));
            if inside && !self.sessions.has_unfinished(runner) {
                continue;
            }
            let sum = lines.entry(runner).or_default();
            *sum = sum.plus(*count);
        }
        for (runner, count) in lines {
            counts.entry(runner).or_insert(count);
        }
        counts
    }
}

fn take(
    reading: Reading,
    runner: Runner,
    (sessions, lines): (&mut Sessions, &mut BTreeMap<(Runner, Place), Count>),
    names: &mut Names,
) {
    match reading {
        Reading::Noted => {}
        Reading::Opened(expected) => sessions.open(runner, expected),
        Reading::Closed(count, total) => sessions.close(runner, count, total),
        Reading::Summary(count) => sessions.summary(runner, count),
        Reading::Test(verdict, name) => {
            let sum = lines.entry((runner, (sessions.innermost(), sessions.outer))).or_default();
            *sum = sum.plus(verdict.into());
            names.add(NamedTest { runner, verdict, name });
        }
    }
}

/// The names of tests, bounded.
#[derive(Debug, Default)]
struct Names {
    kept: Vec<NamedTest>,
    bytes: usize,
    overflowed: bool,
}

impl Names {
    fn add(&mut self, test: NamedTest) {
        self.bytes += test.name.len() + std::mem::size_of::<NamedTest>();
        match self.bytes <= NAMES {
            true => self.kept.push(test),
            false => self.overflowed = true,
        }
    }
}
