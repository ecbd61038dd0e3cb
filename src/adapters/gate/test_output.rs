//! Counts tests in the output of a gate while it comes, in bounded memory.
//!
//! Owns the sum over runners: a gate may run several. Numbers are taken from a runner's own summary where it prints
//! one, else from its single lines. What is counted here is shown and compared; the verdict is the exit status.

use super::runners::{Reading, Verdict, cargo, cargo_verdict, go, jest, mocha, nextest, node, pytest, tap, unittest};
use crate::domain::evidence::TestCount;
use crate::process::output::Lines;
use crate::process::sanitise::sanitise;

/// The longest line that is looked at, in bytes.
const LONGEST_LINE: usize = 4096;
/// The most bytes of names that are kept.
const NAMES: usize = 8 << 20;

/// What a gate's output says about tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestReport {
    /// The numbers; `None` where no runner was recognised.
    pub count: Option<TestCount>,
    /// Each test with its name, in order, where the runner prints them.
    pub names: Vec<(Verdict, String)>,
    /// Whether there were more names than are kept.
    pub names_overflowed: bool,
}

/// One runner's numbers so far.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    summary: Option<TestCount>,
    lines: Option<TestCount>,
    /// Tests of a run whose verdict is still to come.
    ran: Option<u64>,
}

impl Tally {
    fn count(self) -> Option<TestCount> {
        self.summary.or(self.lines)
    }
}

type Read = fn(&str) -> Option<Reading>;
const CARGO: usize = 0;
const NEXTEST: usize = 1;
const NODE: usize = 2;
const TAP: usize = 3;
const UNITTEST: usize = 4;
const RUNNERS: [Read; 9] = [cargo, nextest, node, tap, unittest, pytest, go, jest, mocha];

/// The reader of one gate's output.
#[derive(Debug)]
pub struct TestOutput {
    lines: Option<Lines>,
    state: State,
}

#[derive(Debug, Default)]
struct State {
    tallies: [Tally; RUNNERS.len()],
    names: Vec<(Verdict, String)>,
    name_bytes: usize,
    overflowed: bool,
    suite: String,
    begun: Option<String>,
    nextest_is_over: bool,
}

impl Default for TestOutput {
    fn default() -> Self {
        Self { lines: Some(Lines::new(LONGEST_LINE)), state: State::default() }
    }
}

impl TestOutput {
    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        if let Some(lines) = &mut self.lines {
            lines.push(bytes, |line| self.state.read(line));
        }
    }

    /// What it all says.
    pub fn finish(mut self) -> TestReport {
        if let Some(lines) = self.lines.take() {
            lines.finish(|line| self.state.read(line));
        }
        self.state.report()
    }
}

impl State {
    fn read(&mut self, line: &[u8]) {
        let clean;
        let line = match std::str::from_utf8(line) {
            Ok(line) if !line.contains('\u{1b}') => line,
            Ok(_) | Err(_) => {
                clean = sanitise(line);
                &clean
            }
        };
        if let Some(verdict) = self.begun.as_ref().and_then(|_| cargo_verdict(line)) {
            let name = self.begun.take().unwrap_or_default();
            return self.test(CARGO, verdict, name);
        }
        if line.trim_start().starts_with("Nextest run ID") {
            self.nextest_is_over = false;
        }
        if let Some((runner, reading)) = RUNNERS.iter().enumerate().find_map(|(n, read)| Some((n, read(line)?))) {
            self.take(runner, reading);
        }
    }

    fn take(&mut self, runner: usize, reading: Reading) {
        match reading {
            // After its summary nextest names the failed tests once more.
            Reading::Test(..) if runner == NEXTEST && self.nextest_is_over => {}
            Reading::Test(verdict, name) => self.test(runner, verdict, name),
            Reading::Begun(name) => self.begun = Some(name),
            Reading::Suite(suite) => self.suite = suite,
            Reading::Ran(number) => self.tallies[runner].ran = Some(number),
            Reading::Count(count) => self.summary(runner, count),
        }
    }

    fn summary(&mut self, runner: usize, mut count: TestCount) {
        self.nextest_is_over |= runner == NEXTEST;
        let tally = &mut self.tallies[runner];
        if runner == UNITTEST {
            // Its verdict counts what did not pass; a line like it without "Ran N tests" before is somebody else's.
            let Some(ran) = tally.ran.take() else { return };
            count.passed = ran.saturating_sub(count.failed.saturating_add(count.ignored));
        }
        tally.summary = Some(sum(tally.summary.unwrap_or_default(), count));
    }

    fn test(&mut self, runner: usize, verdict: Verdict, name: String) {
        let one = match verdict {
            Verdict::Passed => TestCount { passed: 1, ..TestCount::default() },
            Verdict::Failed => TestCount { failed: 1, ..TestCount::default() },
            Verdict::Ignored => TestCount { ignored: 1, ..TestCount::default() },
        };
        let lines = &mut self.tallies[runner].lines;
        *lines = Some(sum(lines.unwrap_or_default(), one));
        let name = match runner == CARGO && !self.suite.is_empty() {
            true => format!("{} {name}", self.suite),
            false => name,
        };
        self.name_bytes += name.len() + std::mem::size_of::<(Verdict, String)>();
        match self.name_bytes <= NAMES {
            true => self.names.push((verdict, name)),
            false => self.overflowed = true,
        }
    }

    fn report(mut self) -> TestReport {
        if self.tallies[NODE].summary.is_some() {
            // Node's runner prints both; its summary counts nested tests too.
            self.tallies[TAP] = Tally::default();
        }
        let count = self.tallies.iter().filter_map(|tally| tally.count()).reduce(sum);
        TestReport { count, names: self.names, names_overflowed: self.overflowed }
    }
}

fn sum(a: TestCount, b: TestCount) -> TestCount {
    TestCount {
        passed: a.passed.saturating_add(b.passed),
        failed: a.failed.saturating_add(b.failed),
        ignored: a.ignored.saturating_add(b.ignored),
    }
}
