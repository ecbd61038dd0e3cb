//! `cargo test` (libtest) and `cargo nextest`.

use super::{Count, Reader, Reading, Runner, Verdict, part};

/// Reads what `cargo test` prints.
#[derive(Debug, Default)]
pub(super) struct Cargo {
    suite: String,
    /// A test whose verdict stands at the beginning of a later line.
    begun: Option<String>,
}

impl Reader for Cargo {
    fn runner(&self) -> Runner {
        "cargo"
    }

    fn read(&mut self, line: &str) -> Option<Reading> {
        if let Some(verdict) = self.begun.as_ref().and_then(|_| verdict(line)) {
            let name = self.begun.take().unwrap_or_default();
            return Some(self.test(verdict, &name));
        }
        if let Some(tests) = line.strip_prefix("running ") {
            let (number, what) = part(tests)?;
            return matches!(what, "test" | "tests").then_some(Reading::Opened(Some(number)));
        }
        if let Some(summary) = line.strip_prefix("test result: ") {
            return summary_of(summary);
        }
        if let Some(test) = line.strip_prefix("test ") {
            let (name, rest) = test.split_once(" ... ").or_else(|| Some((test.strip_suffix(" ...")?, "")))?;
            let name = plain_name(name);
            return Some(match verdict(rest) {
                Some(verdict) => self.test(verdict, &name),
                None => {
                    self.begun = Some(name);
                    Reading::Noted
                }
            });
        }
        self.suite = suite(line.trim_start())?;
        Some(Reading::Noted)
    }
}

impl Cargo {
    fn test(&self, verdict: Verdict, name: &str) -> Reading {
        match self.suite.as_str() {
            "" => Reading::Test(verdict, name.to_owned()),
            suite => Reading::Test(verdict, format!("{suite} {name}")),
        }
    }
}

/// The binary whose tests follow.
fn suite(line: &str) -> Option<String> {
    if let Some(krate) = line.strip_prefix("Doc-tests ") {
        return Some(format!("doc {krate}"));
    }
    let binary = line.strip_prefix("Running ")?.trim_end_matches(')').rsplit(['/', '(', ' ']).next()?;
    let (name, hash) = binary.rsplit_once('-')?;
    hash.bytes().all(|b| b.is_ascii_hexdigit()).then(|| name.to_owned())
}

fn summary_of(summary: &str) -> Option<Reading> {
    let (verdict, numbers) = summary.split_once(". ")?;
    let (mut count, mut all) = (Count::default(), 0_u64);
    let mut known = 0;
    for text in numbers.split(';').filter(|text| !text.trim().is_empty()) {
        let Some((number, what)) = part(text) else {
            if text.trim().starts_with("finished in ") { continue } else { return None }
        };
        let field = match what {
            "passed" | "measured" => &mut count.tests.passed,
            "failed" => &mut count.tests.failed,
            "ignored" => &mut count.tests.ignored,
            "filtered out" => continue,
            _ => return None,
        };
        *field = field.saturating_add(number);
        all = all.saturating_add(number);
        known += 1;
    }
    let fits = match verdict {
        "ok" => count.tests.failed == 0,
        "FAILED" => count.tests.failed > 0,
        _ => false,
    };
    (known >= 3 && fits).then_some(Reading::Closed(count, Some(all)))
}

fn verdict(text: &str) -> Option<Verdict> {
    match text.split([' ', ',', ':']).next().unwrap_or_default() {
        "ok" | "bench" => Some(Verdict::Passed),
        "FAILED" => Some(Verdict::Failed),
        "ignored" => Some(Verdict::Ignored),
        _ => None,
    }
}

/// A test's name without what may change while the test stays: the line of a doc test, the note on panics.
fn plain_name(name: &str) -> String {
    let name = name.strip_suffix(" - should panic").unwrap_or(name);
    match name.split_once(" (line ") {
        Some((before, after)) => format!("{before}{}", after.split_once(')').map_or("", |(_line, rest)| rest)),
        None => name.to_owned(),
    }
}

/// Reads what `cargo nextest run` prints.
#[derive(Debug, Default)]
pub(super) struct Nextest {
    /// After its summary nextest names the failed tests once more.
    is_over: bool,
}

impl Reader for Nextest {
    fn runner(&self) -> Runner {
        "nextest"
    }

    fn read(&mut self, line: &str) -> Option<Reading> {
        let line = line.trim_start();
        if let Some(tests) = line.strip_prefix("Starting ") {
            let (number, what) = part(tests)?;
            let opens = what.starts_with("tests across ") || what.starts_with("test across ");
            self.is_over &= !opens;
            return opens.then_some(Reading::Opened(Some(number)));
        }
        if let Some(summary) = line.strip_prefix("Summary [") {
            let (count, all) = nextest_numbers(summary.split_once("] ")?.1)?;
            self.is_over = true;
            return Some(Reading::Closed(count, Some(all)));
        }
        if let Some(iteration) = line.strip_prefix("Stress test [") {
            // The summary of them all counts iterations, not tests.
            let (_number, run) = iteration.split_once("] iteration ")?.1.split_once(": ")?;
            return nextest_numbers(run).map(|(count, _all)| Reading::Summary(count));
        }
        let test = nextest_test(line)?;
        Some(if self.is_over { Reading::Noted } else { test })
    }
}

/// `3 tests run: 2 passed (1 flaky), 1 failed, 1 skipped`, or `1/4 tests run: …` where it stopped early; and the
/// number of all.
fn nextest_numbers(run: &str) -> Option<(Count, u64)> {
    let (ran, numbers) = run.split_once(" run: ")?;
    let ran = ran.strip_suffix(" tests").or_else(|| ran.strip_suffix(" test"))?;
    let all: u64 = ran.rsplit('/').next()?.parse().ok()?;
    let mut count = Count::default();
    for text in split_outside_brackets(numbers) {
        let (number, what) = part(text)?;
        let field = match what.split(" (").next().unwrap_or(what) {
            "passed" => &mut count.tests.passed,
            "skipped" => &mut count.tests.ignored,
            "failed" | "timed out" | "exec failed" => &mut count.tests.failed,
            _ => return None,
        };
        *field = field.saturating_add(number);
    }
    Some((count, all))
}

/// The parts between commas, but for those in brackets: `2 passed (1 slow, 1 flaky)`.
fn split_outside_brackets(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_u32, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn nextest_test(line: &str) -> Option<Reading> {
    let (status, rest) = line.split_once('[')?;
    let verdict = match status.trim_end() {
        "PASS" | "LEAK" => Verdict::Passed,
        "FAIL" | "TIMEOUT" | "SIGABRT" | "SIGSEGV" => Verdict::Failed,
        "SKIP" => Verdict::Ignored,
        retried if retried.starts_with("TRY ") && (retried.ends_with(" PASS") || retried.ends_with(" LEAK")) => {
            Verdict::Passed
        }
        _ => return None,
    };
    let name = rest.split_once(']')?.1.trim_start();
    let name = match name.strip_prefix('(') {
        Some(counted) => counted.split_once(')')?.1,
        None => name,
    };
    Some(Reading::Test(verdict, name.trim().to_owned()))
}
