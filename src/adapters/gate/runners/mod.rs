//! What test runners print, a line at a time: one reader per runner.
//!
//! Invariant: a reader matches a whole line, or a whole block of lines, in the runner's exact shape. A runner that
//! prints something new is not understood; it is never misread into a number.

mod go;
mod javascript;
mod jvm;
mod others;
mod python;
mod rust;
mod tap;

use crate::domain::evidence::TestCount;

/// How one test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It passed.
    Passed,
    /// It failed.
    Failed,
    /// It was ignored or skipped.
    Ignored,
}

impl Verdict {
    /// The verdict as lists of tests have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Ignored => "ignored",
        }
    }
}

/// A test runner, by the name that lists of tests have it under.
pub type Runner = &'static str;

/// The numbers of one summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Passed, failed, and ignored or skipped.
    pub tests: TestCount,
    /// Tests that ran and failed as they were expected to. They are among the ignored ones too.
    pub expected: u64,
    /// Groups of tests that passed, where the runner gives no number of tests.
    pub unnumbered: u64,
}

impl Count {
    /// Adds another summary.
    pub fn plus(self, other: Self) -> Self {
        let (a, b) = (self.tests, other.tests);
        Self {
            tests: TestCount {
                passed: a.passed.saturating_add(b.passed),
                failed: a.failed.saturating_add(b.failed),
                ignored: a.ignored.saturating_add(b.ignored),
            },
            expected: self.expected.saturating_add(other.expected),
            unnumbered: self.unnumbered.saturating_add(other.unnumbered),
        }
    }

    /// Whether any test ran.
    pub fn ran(self) -> bool {
        self.tests.passed > 0 || self.tests.failed > 0 || self.expected > 0 || self.unnumbered > 0
    }

    fn of(passed: u64, failed: u64, ignored: u64) -> Self {
        Self { tests: TestCount { passed, failed, ignored }, ..Self::default() }
    }

    fn one(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Passed => Self::of(1, 0, 0),
            Verdict::Failed => Self::of(0, 1, 0),
            Verdict::Ignored => Self::of(0, 0, 1),
        }
    }
}

impl From<Verdict> for Count {
    fn from(verdict: Verdict) -> Self {
        Self::one(verdict)
    }
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// One test and how it ended.
    Test(Verdict, String),
    /// The line belongs to the runner and says nothing that counts.
    Noted,
    /// A run of the runner begins, of so many tests where it says so.
    Opened(Option<u64>),
    /// The run's final summary, and the number of tests that it accounts for.
    Closed(Count, Option<u64>),
    /// A final summary of a runner, or of a mode of it, whose runs have no visible beginning.
    Summary(Count),
}

/// Reads the output of one runner.
pub trait Reader: std::fmt::Debug + Send {
    /// Which runner.
    fn runner(&self) -> Runner;
    /// Takes the next line, without colours and white space at its end.
    fn read(&mut self, line: &str) -> Option<Reading>;
    /// What the line that was just read says beside that.
    fn also(&mut self) -> Option<Reading> {
        None
    }
}

/// A reader for each runner, in the order in which they are asked.
pub fn readers() -> Vec<Box<dyn Reader>> {
    let mut readers: Vec<Box<dyn Reader>> = vec![
        Box::<rust::Cargo>::default(),
        Box::<rust::Nextest>::default(),
        Box::<go::Go>::default(),
        Box::<tap::Tap>::default(),
        Box::<tap::NodeSpec>::default(),
        Box::<python::Unittest>::default(),
        Box::<python::Pytest>::default(),
        Box::<javascript::Jest>::default(),
        Box::<javascript::Vitest>::default(),
        Box::<javascript::Mocha>::default(),
        Box::<javascript::Bun>::default(),
        Box::<jvm::Surefire>::default(),
        Box::<others::Dotnet>::default(),
    ];
    let lines: [(Runner, Read); 13] = [
        ("deno", javascript::deno),
        ("gradle", jvm::gradle),
        ("scalatest", jvm::scalatest),
        ("ctest", others::ctest),
        ("googletest", others::googletest),
        ("prove", others::prove),
        ("rspec", others::rspec),
        ("minitest", others::minitest),
        ("exunit", others::exunit),
        ("phpunit", others::phpunit),
        ("pest", others::pest),
        ("xctest", others::xctest),
        ("swift-testing", others::swift_testing),
    ];
    readers.extend(
        lines.map(|(runner, read)| -> Box<dyn Reader> { Box::new(ByLine { runner, read, before: String::new() }) }),
    );
    readers
}

type Read = fn(&str, &str) -> Option<Reading>;

/// A reader whose every form is one line, perhaps with the last line before it that was not blank.
#[derive(Debug)]
struct ByLine {
    runner: Runner,
    read: Read,
    before: String,
}

impl Reader for ByLine {
    fn runner(&self) -> Runner {
        self.runner
    }

    fn read(&mut self, line: &str) -> Option<Reading> {
        let read = (self.read)(&self.before, line);
        if !line.trim().is_empty() {
            line.clone_into(&mut self.before);
        }
        read
    }
}

/// The number and the words of a part such as `3 passed`.
fn part(text: &str) -> Option<(u64, &str)> {
    let (number, what) = text.trim().split_once(' ')?;
    Some((number.parse().ok()?, what.trim()))
}

/// The number behind a label, as in `Failures: 3`.
fn labelled(text: &str, label: &str) -> Option<u64> {
    text.trim().strip_prefix(label)?.trim_start().parse().ok()
}

/// Whether `text` is a time such as `0.12`.
fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.') && text.parse::<f64>().is_ok()
}
