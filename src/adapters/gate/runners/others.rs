//! CTest, GoogleTest, prove, RSpec, minitest, ExUnit, PHPUnit, Pest, .NET and Swift.

use super::{Count, Reader, Reading, Runner, is_number, labelled, part};

/// `50% tests passed, 1 tests failed out of 2`
pub(super) fn ctest(_before: &str, line: &str) -> Option<Reading> {
    if line == "No tests were found!!!" {
        return Some(Reading::Summary(Count::default()));
    }
    let (percent, rest) = line.split_once("% tests passed")?;
    let _percent: u32 = percent.parse().ok()?;
    let (failed, all) = rest.split_once(" out of ")?;
    let all: u64 = all.split(' ').next()?.parse().ok()?;
    let failed = match failed.strip_prefix(", ") {
        Some(failed) => part(failed).filter(|(_, what)| matches!(*what, "tests failed" | "test failed"))?.0,
        None => 0,
    };
    Some(Reading::Summary(Count::of(all.saturating_sub(failed), failed, 0)))
}

/// `[==========] 3 tests from 1 test suite ran. (0 ms total)`, `[  PASSED  ] 2 tests.`, `[  FAILED  ] 1 test, listed below:`
pub(super) fn googletest(_before: &str, line: &str) -> Option<Reading> {
    if let Some(rest) = line.strip_prefix("[==========] Running ") {
        let (number, what) = part(rest)?;
        return what.starts_with("test").then_some(Reading::Opened(Some(number)));
    }
    let of = |rest: &str, endings: [&str; 2]| endings.into_iter().find_map(|end| rest.strip_suffix(end)?.parse().ok());
    if let Some(rest) = line.strip_prefix("[  PASSED  ] ") {
        let number: u64 = of(rest, [" tests.", " test."])?;
        return Some(Reading::Summary(Count::of(number, 0, 0)));
    }
    let rest = line.strip_prefix("[  FAILED  ] ")?;
    let number: u64 = of(rest, [" tests, listed below:", " test, listed below:"])?;
    Some(Reading::Summary(Count::of(0, number, 0)))
}

/// `Files=2, Tests=4,  0 wallclock secs (…)`, then `Result: PASS`
pub(super) fn prove(before: &str, line: &str) -> Option<Reading> {
    let result = line.strip_prefix("Result: ")?;
    let (_files, tests) = before.strip_prefix("Files=")?.split_once(", Tests=")?;
    let number: u64 = tests.split(',').next()?.parse().ok()?;
    match result {
        "PASS" => Some(Reading::Summary(Count::of(number, 0, 0))),
        "FAIL" => Some(Reading::Summary(Count::of(number.saturating_sub(1), 1, 0))),
        "NOTESTS" => Some(Reading::Summary(Count::default())),
        _ => None,
    }
}

/// `Finished in 0.002 seconds (…)`, then `3 examples, 1 failure, 1 pending`
pub(super) fn rspec(before: &str, line: &str) -> Option<Reading> {
    let mut parts = line.split(", ");
    let (all, what) = part(parts.next()?)?;
    if !matches!(what, "examples" | "example") || !before.starts_with("Finished in ") {
        return None;
    }
    let mut count = Count::default();
    for text in parts {
        let (number, what) = part(text)?;
        match what {
            "failure" | "failures" => count.tests.failed = count.tests.failed.saturating_add(number),
            "pending" => count.tests.ignored = number,
            other if other.starts_with("error") => count.tests.failed = count.tests.failed.saturating_add(number),
            _ => return None,
        }
    }
    count.tests.passed = all.saturating_sub(count.tests.failed.saturating_add(count.tests.ignored));
    Some(Reading::Summary(count))
}

/// `3 runs, 5 assertions, 1 failures, 0 errors, 1 skips`; of test-unit `3 tests, 5 assertions, …, 0 notifications`
pub(super) fn minitest(_before: &str, line: &str) -> Option<Reading> {
    let mut parts = line.split(", ");
    let (all, what) = part(parts.next()?)?;
    let (_assertions, second) = part(parts.next()?)?;
    if !matches!(what, "runs" | "tests") || second != "assertions" {
        return None;
    }
    let mut count = Count::default();
    for text in parts {
        let (number, what) = part(text)?;
        let field = match what {
            "failures" | "errors" => &mut count.tests.failed,
            "skips" | "pendings" | "omissions" => &mut count.tests.ignored,
            "notifications" => continue,
            _ => return None,
        };
        *field = field.saturating_add(number);
    }
    count.tests.passed = all.saturating_sub(count.tests.failed.saturating_add(count.tests.ignored));
    Some(Reading::Summary(count))
}

/// `Finished in 0.03 seconds (…)`, then `2 doctests, 3 tests, 1 failure, 1 excluded, 1 skipped`
pub(super) fn exunit(before: &str, line: &str) -> Option<Reading> {
    if !before.starts_with("Finished in ") || !(line.contains(" failure") || line.starts_with("There are no tests")) {
        return None;
    }
    if line.starts_with("There are no tests") {
        return Some(Reading::Summary(Count::default()));
    }
    let (mut count, mut all) = (Count::default(), 0_u64);
    for text in line.split(", ") {
        let (number, what) = part(text)?;
        match what {
            "test" | "tests" | "doctest" | "doctests" | "property" | "properties" => all = all.saturating_add(number),
            "failure" | "failures" | "invalid" => count.tests.failed = count.tests.failed.saturating_add(number),
            "excluded" | "skipped" => count.tests.ignored = count.tests.ignored.saturating_add(number),
            _ => return None,
        }
    }
    count.tests.passed = all.saturating_sub(count.tests.failed.saturating_add(count.tests.ignored));
    Some(Reading::Summary(count))
}

/// `OK (3 tests, 5 assertions)`, or a verdict and then `Tests: 3, Assertions: 5, Failures: 1, Skipped: 1.`
pub(super) fn phpunit(before: &str, line: &str) -> Option<Reading> {
    if let Some(inner) = line.strip_prefix("OK (").and_then(|rest| rest.strip_suffix(')')) {
        let (tests, assertions) = inner.split_once(", ")?;
        let ((number, what), (_, second)) = (part(tests)?, part(assertions)?);
        let fits = what.starts_with("test") && second.starts_with("assertion");
        return fits.then_some(Reading::Summary(Count::of(number, 0, 0)));
    }
    if line == "No tests executed!" {
        return Some(Reading::Summary(Count::default()));
    }
    let verdicts = ["FAILURES!", "ERRORS!", "WARNINGS!", "OK, but ", "There were "];
    if !verdicts.iter().any(|verdict| before.starts_with(verdict)) {
        return None;
    }
    let mut parts = line.strip_suffix('.')?.split(", ");
    let all = labelled(parts.next()?, "Tests:")?;
    let mut count = Count::default();
    for text in parts {
        let (what, number) = text.split_once(": ")?;
        let number: u64 = number.parse().ok()?;
        let field = match what {
            "Failures" | "Errors" => &mut count.tests.failed,
            "Skipped" | "Incomplete" => &mut count.tests.ignored,
            _ => continue,
        };
        *field = field.saturating_add(number);
    }
    count.tests.passed = all.saturating_sub(count.tests.failed.saturating_add(count.tests.ignored));
    Some(Reading::Summary(count))
}

/// `  Tests:    1 failed, 2 passed (5 assertions)`
pub(super) fn pest(_before: &str, line: &str) -> Option<Reading> {
    let (numbers, assertions) = line.strip_prefix("  Tests:    ")?.rsplit_once(" (")?;
    let (_, what) = part(assertions.strip_suffix(')')?)?;
    if !what.starts_with("assertion") {
        return None;
    }
    let mut count = Count::default();
    for text in numbers.split(", ") {
        let (number, what) = part(text)?;
        let field = match what {
            "passed" => &mut count.tests.passed,
            "failed" => &mut count.tests.failed,
            "skipped" | "todo" | "todos" | "incomplete" => &mut count.tests.ignored,
            _ => continue,
        };
        *field = field.saturating_add(number);
    }
    Some(Reading::Summary(count))
}

/// `Test Suite 'All tests' passed at …`, then `Executed 5 tests, with 1 failure (0 unexpected) in 0.1 (0.2) seconds`.
/// Each suite has such lines; the outermost holds them all.
pub(super) fn xctest(before: &str, line: &str) -> Option<Reading> {
    let suite = before.strip_prefix("Test Suite '")?;
    let outermost = suite.starts_with("All tests' ") || suite.starts_with("Selected tests' ");
    let rest = line.trim_start().strip_prefix("Executed ").filter(|_| outermost)?;
    let (tests, failures) = rest.split_once(", with ")?;
    let (all, _) = part(tests)?;
    let (mut failed, mut skipped) = (0, 0);
    for text in failures.split(" and ") {
        let (number, what) = part(text)?;
        match what {
            _ if what.starts_with("failure") => failed = number,
            _ if what.contains("skipped") => skipped = number,
            _ => return None,
        }
    }
    Some(Reading::Summary(Count::of(all.saturating_sub(failed + skipped), failed.min(all.max(1)), skipped)))
}

/// `✔ Test run with 5 tests passed after 0.001 seconds.`
pub(super) fn swift_testing(_before: &str, line: &str) -> Option<Reading> {
    let (_, rest) = line.split_once(" Test run with ").filter(|(mark, _)| mark.chars().count() <= 2)?;
    let (all, what) = part(rest)?;
    let failed = if what.contains(" failed after ") {
        let issues = what.rsplit_once(" with ").and_then(|(_, issues)| part(issues)).map_or(1, |(number, _)| number);
        issues.clamp(1, all.max(1))
    } else if what.contains(" passed after ") {
        0
    } else {
        return None;
    };
    what.starts_with("test").then_some(Reading::Summary(Count::of(all.saturating_sub(failed), failed, 0)))
}

/// Reads what `dotnet test` prints: a line per assembly, or blocks of lines in its longer forms.
#[derive(Debug, Default)]
pub(super) struct Dotnet {
    block: Option<(u64, Count)>,
}

impl Reader for Dotnet {
    fn runner(&self) -> Runner {
        "dotnet"
    }

    fn read(&mut self, line: &str) -> Option<Reading> {
        if line.starts_with("No test is available in ") {
            return Some(Reading::Summary(Count::default()));
        }
        let text = line.trim_start();
        if let Some(total) = labelled(text, "Total tests:") {
            self.block = Some((total, Count::default()));
            return Some(Reading::Noted);
        }
        if let Some((total, count)) = self.block.take() {
            return self.block_line(text, total, count);
        }
        dotnet_line(text)
    }
}

impl Dotnet {
    fn block_line(&mut self, text: &str, total: u64, mut count: Count) -> Option<Reading> {
        if is_total_time(text) {
            count.tests.passed = total.saturating_sub(count.tests.failed.saturating_add(count.tests.ignored));
            return Some(Reading::Summary(count));
        }
        if let Some(number) = labelled(text, "Failed:") {
            count.tests.failed = number;
        } else if let Some(number) = labelled(text, "Skipped:") {
            count.tests.ignored = number;
        } else {
            labelled(text, "Passed:")?;
        }
        self.block = Some((total, count));
        Some(Reading::Noted)
    }
}

fn is_total_time(text: &str) -> bool {
    let rest = text.strip_prefix("Total time: ").and_then(|rest| rest.split(' ').next());
    rest.is_some_and(is_number)
}

/// `Failed!  - Failed:     1, Passed:     2, Skipped:     0, Total:     3, Duration: 12 ms - x.dll (net8.0)`, or
/// `Test summary: total: 3, failed: 1, succeeded: 2, skipped: 0, duration: 1.2s`
fn dotnet_line(text: &str) -> Option<Reading> {
    if let Some(rest) = text.strip_prefix("Test summary: ") {
        let mut parts = rest.split(", ");
        labelled(parts.next()?, "total:")?;
        let failed = labelled(parts.next()?, "failed:")?;
        let passed = labelled(parts.next()?, "succeeded:")?;
        let ignored = labelled(parts.next()?, "skipped:")?;
        return Some(Reading::Summary(Count::of(passed, failed, ignored)));
    }
    let verdicts = ["Passed!", "Failed!", "Skipped!"];
    let rest = verdicts.into_iter().find_map(|verdict| text.strip_prefix(verdict))?.trim_start();
    let mut parts = rest.strip_prefix("- ")?.split(", ");
    let failed = labelled(parts.next()?, "Failed:")?;
    let passed = labelled(parts.next()?, "Passed:")?;
    let ignored = labelled(parts.next()?, "Skipped:")?;
    Some(Reading::Summary(Count::of(passed, failed, ignored)))
}
