//! pytest and Python's unittest.

use super::{Count, Reader, Reading, Runner, Verdict, is_number, part};

/// Reads what pytest prints.
#[derive(Debug, Default)]
pub(super) struct Pytest;

impl Reader for Pytest {
    fn runner(&self) -> Runner {
        "pytest"
    }

    fn read(&mut self, line: &str) -> Option<Reading> {
        if let Some(inner) = barred(line) {
            let is_start = inner == "test session starts" && line.starts_with("==");
            let summary = || pytest_summary(inner).map(|count| Reading::Closed(count, None));
            return if is_start { Some(Reading::Opened(None)) } else { summary() };
        }
        if let Some(count) = pytest_summary(line) {
            return Some(Reading::Summary(count));
        }
        let (verdict, name) = of_worker(line).or_else(|| after_name(line))?;
        Some(Reading::Test(verdict, name.to_owned()))
    }
}

/// The text between two bars of `=`; beside a long text each bar is one character.
fn barred(line: &str) -> Option<&str> {
    let inner = line.trim_matches('=');
    let is_barred = line.starts_with('=') && line.ends_with('=');
    is_barred.then(|| inner.strip_prefix(' ')?.strip_suffix(' ')).flatten()
}

/// `1 failed, 2 passed, 1 warning in 0.12s`, `no tests ran in 0.01s`, `3 passed in 61.02s (0:01:01)`.
fn pytest_summary(text: &str) -> Option<Count> {
    let (numbers, time) = text.rsplit_once(" in ")?;
    let (seconds, clock) = time.split_once(' ').unwrap_or((time, ""));
    let is_clock = clock.is_empty() || (clock.starts_with('(') && clock.ends_with(')') && clock.contains(':'));
    if !is_number(seconds.strip_suffix('s')?) || !is_clock {
        return None;
    }
    let mut count = Count::default();
    if numbers == "no tests ran" {
        return Some(count);
    }
    let (mut known, mut numbers) = (false, numbers);
    if let Some(rest) = after_collected(numbers) {
        if rest.is_empty() {
            return Some(count);
        }
        (known, numbers) = (true, rest);
    }
    for text in numbers.split(", ") {
        let (number, what) = part(text)?;
        let tests = &mut count.tests;
        let field = match what {
            "passed" | "xpassed" | "subtests passed" => &mut tests.passed,
            "failed" | "error" | "errors" | "subtests failed" => &mut tests.failed,
            "skipped" | "xfailed" | "subtests skipped" => &mut tests.ignored,
            "deselected" | "warning" | "warnings" | "rerun" => {
                known |= what == "deselected";
                continue;
            }
            other if other.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b' ' | b'.' | b'-')) => continue,
            _ => return None,
        };
        *field = field.saturating_add(number);
        if what == "xfailed" {
            count.expected = count.expected.saturating_add(number);
        }
        known = true;
    }
    known.then_some(count)
}

/// What follows where tests were listed and not run: `13 tests collected`, `2/3 tests collected (1 deselected), 1 error`.
fn after_collected(text: &str) -> Option<&str> {
    let (listed, rest) = text.split_once(" collected")?;
    let number = listed.strip_suffix(" tests").or_else(|| listed.strip_suffix(" test"))?;
    let is_number = number == "no" || number.split('/').all(|number| number.parse::<u64>().is_ok());
    let rest = rest.strip_prefix(" (").and_then(|rest| Some(rest.split_once(" deselected)")?.1)).unwrap_or(rest);
    let rest = if rest.is_empty() { Some("") } else { rest.strip_prefix(", ") };
    rest.filter(|_| is_number)
}

fn pytest_verdict(word: &str) -> Option<Verdict> {
    match word {
        "PASSED" | "XPASS" => Some(Verdict::Passed),
        "FAILED" | "ERROR" => Some(Verdict::Failed),
        "SKIPPED" | "XFAIL" => Some(Verdict::Ignored),
        _ => None,
    }
}

/// `[gw0] [ 14%] PASSED test_a.py::test_one`
fn of_worker(line: &str) -> Option<(Verdict, &str)> {
    let (_worker, rest) = line.strip_prefix("[gw")?.split_once("] ")?;
    let rest = match rest.strip_prefix('[') {
        Some(percent) => percent.split_once("] ")?.1,
        None => rest,
    };
    let (word, name) = rest.split_once(' ')?;
    Some((pytest_verdict(word)?, name.trim())).filter(|(_, name)| name.contains("::"))
}

/// `test_a.py::test_one[a b] PASSED       [ 14%]`, `… SKIPPED (no network)   [ 14%]`
fn after_name(line: &str) -> Option<(Verdict, &str)> {
    let line = match line.strip_suffix("%]") {
        Some(percent) => percent.rsplit_once('[')?.0.trim_end(),
        None => line,
    };
    let said = match (line.ends_with(')'), line.find(" (")) {
        (true, Some(_)) => line.match_indices(" (").find_map(|(at, _)| ends_with_verdict(&line[..at])),
        (true, None) | (false, _) => None,
    };
    let (verdict, name) = said.or_else(|| ends_with_verdict(line))?;
    let file = name.split("::").next()?;
    (name.contains("::") && !file.contains(' ')).then_some((verdict, name))
}

fn ends_with_verdict(text: &str) -> Option<(Verdict, &str)> {
    let (name, word) = text.rsplit_once(' ')?;
    Some((pytest_verdict(word)?, name.trim_end()))
}

/// Reads what Python's unittest prints: a line per test where it is verbose, `Ran N tests` below a rule of dashes, and
/// the verdict, which counts only what did not pass.
#[derive(Debug, Default)]
pub(super) struct Unittest {
    before: String,
    ran: Option<u64>,
    begun: Option<String>,
    /// Tests that were shown to pass since the last summary.
    passed: u64,
}

impl Reader for Unittest {
    fn runner(&self) -> Runner {
        "unittest"
    }

    fn read(&mut self, line: &str) -> Option<Reading> {
        let before = std::mem::replace(&mut self.before, line.to_owned());
        if line.is_empty() {
            return None;
        }
        if let Some(ran) = self.ran.take() {
            let shown = std::mem::take(&mut self.passed).min(ran);
            let mut count = verdict_line(line, ran)?;
            // A class that is skipped as a whole is among those skipped, and not among those that ran.
            count.tests.passed = count.tests.passed.max(shown);
            return Some(Reading::Summary(count));
        }
        if let Some(ran) = line.strip_prefix("Ran ").filter(|_| before == "-".repeat(70)) {
            let (number, rest) = part(ran)?;
            let time = rest.strip_prefix("test in ").or_else(|| rest.strip_prefix("tests in "))?;
            self.ran = is_number(time.strip_suffix('s')?).then_some(number);
            return self.ran.map(|_| Reading::Noted);
        }
        if line == "-".repeat(70) && before.bytes().all(|b| b".sFExu".contains(&b)) {
            let dots = before.bytes().filter(|b| *b == b'.').count();
            self.passed = self.passed.saturating_add(u64::try_from(dots).unwrap_or(u64::MAX));
        }
        let test = self.test(&before, line);
        self.passed += u64::from(matches!(test, Some(Reading::Test(Verdict::Passed, _))));
        test
    }
}

impl Unittest {
    fn test(&mut self, before: &str, line: &str) -> Option<Reading> {
        if let Some(verdict) = self.begun.as_ref().and_then(|_| unittest_verdict(line)) {
            return Some(Reading::Test(verdict, self.begun.take()?));
        }
        let (first, rest) = line.split_once(" ... ").or_else(|| Some((line.strip_suffix(" ...")?, "")))?;
        // A test with a docstring has its name on the line before.
        let name = [first, before].into_iter().find(|name| is_test_id(name))?.to_owned();
        match unittest_verdict(rest) {
            Some(verdict) => Some(Reading::Test(verdict, name)),
            None => {
                self.begun = Some(name);
                Some(Reading::Noted)
            }
        }
    }
}

/// `test_a (t.T.test_a)`
fn is_test_id(text: &str) -> bool {
    let Some((name, rest)) = text.split_once(" (") else { return false };
    let inner = rest.strip_suffix(')').unwrap_or_default();
    inner.contains('.') && !inner.contains(' ') && !name.contains(' ')
}

fn unittest_verdict(text: &str) -> Option<Verdict> {
    match text.split(' ').next()? {
        "ok" => Some(Verdict::Passed),
        "FAIL" | "ERROR" => Some(Verdict::Failed),
        "skipped" => Some(Verdict::Ignored),
        "expected" if text == "expected failure" => Some(Verdict::Ignored),
        "unexpected" if text == "unexpected success" => Some(Verdict::Failed),
        _ => None,
    }
}

/// `OK`, `OK (skipped=1)`, `FAILED (failures=1, errors=2)`, `NO TESTS RAN`.
fn verdict_line(line: &str, ran: u64) -> Option<Count> {
    let words = ["OK", "FAILED", "NO TESTS RAN"];
    let details = words.into_iter().find_map(|word| line.strip_prefix(word))?;
    let mut count = Count::default();
    if !details.is_empty() {
        for text in details.strip_prefix(" (")?.strip_suffix(')')?.split(", ") {
            let (what, number) = text.split_once('=')?;
            let number: u64 = number.parse().ok()?;
            let field = match what {
                "failures" | "errors" | "unexpected successes" => &mut count.tests.failed,
                "skipped" => &mut count.tests.ignored,
                "expected failures" => {
                    count.expected = count.expected.saturating_add(number);
                    &mut count.tests.ignored
                }
                _ => return None,
            };
            *field = field.saturating_add(number);
        }
    }
    count.tests.passed = ran.saturating_sub(count.tests.failed.saturating_add(count.tests.ignored));
    Some(count)
}
