//! jest, vitest, mocha, bun and deno. The summaries of jest and vitest are blocks of lines, so that one line of it in
//! a test's own output is none.

use super::{Count, Reader, Reading, Runner, is_number, part};

/// Reads the summary of jest: `Test Suites:`, `Tests:` and `Snapshots:`, line by line.
#[derive(Debug, Default)]
pub(super) struct Jest {
    suites: Option<Count>,
    tests: Option<Count>,
}

impl Reader for Jest {
    fn runner(&self) -> Runner {
        "jest"
    }

    fn read(&mut self, line: &str) -> Option<Reading> {
        let (suites, tests) = (self.suites.take(), self.tests.take());
        if line == "No tests found, exiting with code 0" {
            return Some(Reading::Summary(Count::default()));
        }
        if let Some(numbers) = line.strip_prefix("Test Suites: ") {
            self.suites = jest_numbers(numbers);
            return self.suites.map(|_| Reading::Noted);
        }
        if let Some(numbers) = line.strip_prefix("Tests: ") {
            let mut count = jest_numbers(numbers)?;
            // A suite that cannot be loaded has no tests.
            count.tests.failed = count.tests.failed.max(suites?.tests.failed);
            self.tests = Some(count);
            return Some(Reading::Noted);
        }
        let total = line.strip_prefix("Snapshots: ")?;
        total.ends_with(" total").then_some(tests?).map(Reading::Summary)
    }
}

/// `1 failed, 2 passed, 3 total`; of suites also `0 of 2 total`.
fn jest_numbers(text: &str) -> Option<Count> {
    let (numbers, total) = text.trim().rsplit_once(", ").unwrap_or(("", text.trim()));
    total.strip_suffix(" total")?.rsplit(' ').next()?.parse::<u64>().ok()?;
    let mut count = Count::default();
    for text in numbers.split(", ").filter(|text| !text.is_empty()) {
        let (number, what) = part(text)?;
        let field = match what {
            "passed" => &mut count.tests.passed,
            "failed" => &mut count.tests.failed,
            "skipped" | "todo" | "pending" => &mut count.tests.ignored,
            _ => return None,
        };
        *field = field.saturating_add(number);
    }
    Some(count)
}

/// Reads the summary of vitest: `Test Files` and `Tests`, line by line, perhaps with `Errors` below.
#[derive(Debug, Default)]
pub(super) struct Vitest {
    files: Option<Count>,
    after_tests: bool,
}

impl Reader for Vitest {
    fn runner(&self) -> Runner {
        "vitest"
    }

    fn read(&mut self, line: &str) -> Option<Reading> {
        let (files, after_tests) = (self.files.take(), std::mem::take(&mut self.after_tests));
        let text = line.trim_start();
        if let Some(run) = text.strip_prefix("RUN ") {
            let version = run.trim_start().strip_prefix('v').is_some_and(|rest| rest.contains('.'));
            return version.then_some(Reading::Opened(None));
        }
        if line == "No test files found, exiting with code 0" {
            return Some(Reading::Closed(Count::default(), None));
        }
        if let Some(numbers) = text.strip_prefix("Test Files  ") {
            self.files = vitest_numbers(numbers);
            return self.files.map(|_| Reading::Noted);
        }
        if let Some(numbers) = text.strip_prefix("Tests  ") {
            let mut count = vitest_numbers(numbers)?;
            count.tests.failed = count.tests.failed.max(files?.tests.failed);
            self.after_tests = true;
            return Some(Reading::Closed(count, None));
        }
        let errors = text.strip_prefix("Errors  ").filter(|_| after_tests)?;
        let (number, what) = part(errors)?;
        let failed = Reading::Summary(Count::of(0, number, 0));
        matches!(what, "error" | "errors").then_some(failed)
    }
}

/// `1 failed | 2 passed | 1 expected fail | 1 skipped (5)`, `no tests`.
fn vitest_numbers(text: &str) -> Option<Count> {
    let mut count = Count::default();
    if text.trim() == "no tests" {
        return Some(count);
    }
    let (numbers, total) = text.trim().rsplit_once(" (")?;
    total.strip_suffix(')')?.parse::<u64>().ok()?;
    for text in numbers.split(" | ") {
        let (number, what) = part(text)?;
        let field = match what {
            "passed" => &mut count.tests.passed,
            "failed" => &mut count.tests.failed,
            "skipped" | "todo" => &mut count.tests.ignored,
            "expected fail" => {
                count.expected = count.expected.saturating_add(number);
                &mut count.tests.ignored
            }
            _ => return None,
        };
        *field = field.saturating_add(number);
    }
    Some(count)
}

/// Reads the summary of mocha: `passing`, then `pending` and `failing`, line by line.
#[derive(Debug, Default)]
pub(super) struct Mocha {
    in_block: bool,
}

impl Reader for Mocha {
    fn runner(&self) -> Runner {
        "mocha"
    }

    fn read(&mut self, line: &str) -> Option<Reading> {
        let in_block = std::mem::take(&mut self.in_block);
        let text = line.strip_prefix("  ").filter(|text| !text.starts_with(' '))?;
        let (number, what) = part(text)?;
        let count = match what.split_once(" (") {
            Some(("passing", time)) if is_duration(time.strip_suffix(')')?) => Count::of(number, 0, 0),
            None if in_block && what == "pending" => Count::of(0, 0, number),
            None if in_block && what == "failing" => Count::of(0, number, 0),
            Some(_) | None => return None,
        };
        self.in_block = true;
        Some(Reading::Summary(count))
    }
}

/// `7ms`, `2s`, `1.5s`, `1m`
fn is_duration(text: &str) -> bool {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    number.len() < text.len() && is_number(number)
}

/// Reads the summary of `bun test`: ` 2 pass`, ` 1 skip`, ` 1 fail`, then `Ran 4 tests across 1 file.`
#[derive(Debug, Default)]
pub(super) struct Bun {
    block: Option<Count>,
}

impl Reader for Bun {
    fn runner(&self) -> Runner {
        "bun"
    }

    fn read(&mut self, line: &str) -> Option<Reading> {
        let block = self.block.take();
        if line.starts_with("bun test v") {
            return Some(Reading::Opened(None));
        }
        if let Some(ran) = line.strip_prefix("Ran ") {
            let (_number, what) = part(ran)?;
            let is_end = what.starts_with("tests across ") || what.starts_with("test across ");
            return block.filter(|_| is_end).map(|count| Reading::Closed(count, None));
        }
        let (number, what) = part(line.strip_prefix(' ')?)?;
        let mut count = block.unwrap_or_default();
        let field = match what {
            "pass" => &mut count.tests.passed,
            "fail" | "error" | "errors" => &mut count.tests.failed,
            "skip" | "todo" => &mut count.tests.ignored,
            "expect() calls" => {
                self.block = block;
                return None;
            }
            _ => return None,
        };
        *field = field.saturating_add(number);
        self.block = Some(count);
        Some(Reading::Noted)
    }
}

/// `ok | 3 passed (2 steps) | 0 failed | 1 ignored (12ms)`
pub(super) fn deno(_before: &str, line: &str) -> Option<Reading> {
    let numbers = line.strip_prefix("ok | ").or_else(|| line.strip_prefix("FAILED | "))?;
    let (numbers, time) = numbers.rsplit_once(" (")?;
    if !is_duration(time.strip_suffix(')')?) {
        return None;
    }
    let mut count = Count::default();
    for text in numbers.split(" | ") {
        let (number, what) = part(text)?;
        let field = match what.split(" (").next()? {
            "passed" => &mut count.tests.passed,
            "failed" => &mut count.tests.failed,
            "ignored" => &mut count.tests.ignored,
            "filtered out" | "measured" => continue,
            _ => return None,
        };
        *field = field.saturating_add(number);
    }
    count.tests.failed = count.tests.failed.max(u64::from(line.starts_with("FAILED")));
    Some(Reading::Summary(count))
}
