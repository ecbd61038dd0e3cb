//! What test runners print, a line at a time: pure functions, one per runner.
//!
//! A runner that prints something new is not understood, never misread into a number: every form is matched as a whole.

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

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// One test and how it ended.
    Test(Verdict, String),
    /// A test has begun; its verdict stands at the beginning of a later line.
    Begun(String),
    /// The tests that follow belong to this binary.
    Suite(String),
    /// A summary of tests, to be added to what others say.
    Count(TestCount),
    /// How many tests ran, without their verdicts.
    Ran(u64),
}

/// Reads what `cargo test` prints.
pub fn cargo(line: &str) -> Option<Reading> {
    if let Some(summary) = line.strip_prefix("test result: ") {
        let (_verdict, numbers) = summary.split_once(". ")?;
        return count_of(numbers.split(';'), &[]).map(Reading::Count);
    }
    if let Some(test) = line.strip_prefix("test ") {
        let (name, verdict) = test.split_once(" ... ").or_else(|| Some((test.strip_suffix(" ...")?, "")))?;
        let name = cargo_name(name);
        return Some(match cargo_verdict(verdict) {
            Some(verdict) => Reading::Test(verdict, name),
            None => Reading::Begun(name),
        });
    }
    let line = line.trim_start();
    if let Some(krate) = line.strip_prefix("Doc-tests ") {
        return Some(Reading::Suite(format!("doc {krate}")));
    }
    let binary = line.strip_prefix("Running ")?.trim_end_matches(')').rsplit(['/', '(', ' ']).next()?;
    let (name, hash) = binary.rsplit_once('-')?;
    hash.bytes().all(|b| b.is_ascii_hexdigit()).then(|| Reading::Suite(name.to_owned()))
}

/// Reads how `cargo test` says that a test ended.
pub fn cargo_verdict(text: &str) -> Option<Verdict> {
    let word = text.split([' ', ',', ':']).next().unwrap_or_default();
    match word {
        "ok" | "bench" => Some(Verdict::Passed),
        "FAILED" => Some(Verdict::Failed),
        "ignored" => Some(Verdict::Ignored),
        _ => None,
    }
}

/// A test's name without what may change while the test stays: the line of a doc test, the note on panics.
fn cargo_name(name: &str) -> String {
    let name = name.strip_suffix(" - should panic").unwrap_or(name);
    match name.split_once(" (line ") {
        Some((before, after)) => format!("{before}{}", after.split_once(')').map_or("", |(_line, rest)| rest)),
        None => name.to_owned(),
    }
}

/// Reads what `cargo nextest run` prints.
pub fn nextest(line: &str) -> Option<Reading> {
    let line = line.trim_start();
    if let Some(summary) = line.strip_prefix("Summary [") {
        let (_run, numbers) = summary.split_once("run: ")?;
        return count_of(numbers.split(','), &["timed out", "exec failed"]).map(Reading::Count);
    }
    let (status, rest) = line.split_once('[')?;
    let verdict = match status.trim_end() {
        "PASS" | "LEAK" => Verdict::Passed,
        "FAIL" | "TIMEOUT" | "SIGABRT" | "SIGSEGV" => Verdict::Failed,
        "SKIP" => Verdict::Ignored,
        retried if retried.starts_with("TRY ") && retried.ends_with(" PASS") => Verdict::Passed,
        _ => return None,
    };
    let name = rest.split_once(']')?.1.trim_start();
    let name = match name.strip_prefix('(') {
        Some(counted) => counted.split_once(')')?.1,
        None => name,
    };
    Some(Reading::Test(verdict, name.trim().to_owned()))
}

/// Reads what pytest prints.
pub fn pytest(line: &str) -> Option<Reading> {
    if let Some((name, rest)) = line.split_once(' ').filter(|(name, _)| name.contains("::")) {
        let verdict = match rest.split([' ', '(']).next()? {
            "PASSED" | "XPASS" => Verdict::Passed,
            "FAILED" | "ERROR" => Verdict::Failed,
            "SKIPPED" | "XFAIL" => Verdict::Ignored,
            _ => return None,
        };
        return Some(Reading::Test(verdict, name.to_owned()));
    }
    let (numbers, time) = line.trim_matches(['=', ' ']).rsplit_once(" in ")?;
    let seconds = time.split([' ', 's']).next()?;
    seconds.parse::<f64>().ok()?;
    count_of(numbers.split(','), &["error", "errors"]).map(Reading::Count)
}

/// Reads what `go test -v` and `go test -json` print.
pub fn go(line: &str) -> Option<Reading> {
    if line.starts_with("{\"") {
        let event: serde_json::Value = serde_json::from_str(line).ok()?;
        let name = format!("{}.{}", event.get("Package")?.as_str()?, event.get("Test")?.as_str()?);
        return go_verdict(event.get("Action")?.as_str()?).map(|verdict| Reading::Test(verdict, name));
    }
    let (verdict, rest) = line.trim_start().strip_prefix("--- ")?.split_once(": ")?;
    let (name, _time) = rest.split_once(" (")?;
    go_verdict(&verdict.to_ascii_lowercase()).map(|verdict| Reading::Test(verdict, name.to_owned()))
}

fn go_verdict(word: &str) -> Option<Verdict> {
    match word {
        "pass" => Some(Verdict::Passed),
        "fail" => Some(Verdict::Failed),
        "skip" => Some(Verdict::Ignored),
        _ => None,
    }
}

/// Reads the summary of node's own runner, a line per number.
pub fn node(line: &str) -> Option<Reading> {
    let (what, number) = line.strip_prefix("# ").or_else(|| line.strip_prefix("\u{2139} "))?.split_once(' ')?;
    let number = number.parse().ok()?;
    let none = TestCount::default();
    Some(Reading::Count(match what {
        "pass" => TestCount { passed: number, ..none },
        "fail" | "cancelled" => TestCount { failed: number, ..none },
        "skipped" | "todo" => TestCount { ignored: number, ..none },
        _ => return None,
    }))
}

/// Reads a line of the Test Anything Protocol; nested ones are their parents' business.
pub fn tap(line: &str) -> Option<Reading> {
    let (passed, rest) = match line.strip_prefix("not ok") {
        Some(rest) => (false, rest),
        None => (true, line.strip_prefix("ok")?),
    };
    let rest = rest.strip_prefix(' ')?;
    let number_ends = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    if number_ends == 0 {
        return None;
    }
    let (name, directive) = rest[number_ends..].split_once(" # ").unwrap_or((&rest[number_ends..], ""));
    let directive = directive.to_ascii_lowercase();
    let verdict = match passed {
        _ if directive.starts_with("skip") || directive.starts_with("todo") => Verdict::Ignored,
        true => Verdict::Passed,
        false => Verdict::Failed,
    };
    Some(Reading::Test(verdict, name.trim_start_matches([' ', '-']).trim_end().to_owned()))
}

/// Reads the summaries of jest and vitest.
pub fn jest(line: &str) -> Option<Reading> {
    if let Some(numbers) = line.strip_prefix("Tests:") {
        return count_of(numbers.split(','), &[]).map(Reading::Count);
    }
    let (numbers, total) = line.trim().strip_prefix("Tests  ")?.rsplit_once(" (")?;
    total.strip_suffix(')')?.parse::<u64>().ok()?;
    count_of(numbers.split('|'), &[]).map(Reading::Count)
}

/// Reads the summary of mocha, a line per number.
pub fn mocha(line: &str) -> Option<Reading> {
    let line = line.trim();
    let (number, rest) = line.split_once(' ')?;
    let number = number.parse().ok()?;
    let (word, time) = rest.split_once(' ').unwrap_or((rest, ""));
    let is_time = time.is_empty() || (time.starts_with('(') && time.ends_with(')'));
    if !is_time {
        return None;
    }
    let none = TestCount::default();
    Some(Reading::Count(match word {
        "passing" => TestCount { passed: number, ..none },
        "failing" => TestCount { failed: number, ..none },
        "pending" => TestCount { ignored: number, ..none },
        _ => return None,
    }))
}

/// Reads what Python's unittest prints: a line per test where it is verbose, `Ran N tests`, and the verdict, which
/// counts only what did not pass.
pub fn unittest(line: &str) -> Option<Reading> {
    if let Some(ran) = line.strip_prefix("Ran ") {
        let (number, rest) = ran.split_once(' ')?;
        let counted = rest.starts_with("test in ") || rest.starts_with("tests in ");
        return if counted { number.parse().ok().map(Reading::Ran) } else { None };
    }
    if let Some((name, verdict)) = line.split_once(" ... ").filter(|(name, _)| name.ends_with(')')) {
        let verdict = match verdict.split(' ').next()? {
            "ok" => Verdict::Passed,
            "FAIL" | "ERROR" => Verdict::Failed,
            "skipped" => Verdict::Ignored,
            _ => return None,
        };
        return Some(Reading::Test(verdict, name.to_owned()));
    }
    let details = line.strip_prefix("OK").or_else(|| line.strip_prefix("FAILED"))?;
    if details.is_empty() {
        return Some(Reading::Count(TestCount::default()));
    }
    let mut count = TestCount::default();
    for part in details.strip_prefix(" (")?.strip_suffix(')')?.split(", ") {
        let (what, number) = part.split_once('=')?;
        let number: u64 = number.parse().ok()?;
        match what {
            "failures" | "errors" | "unexpected successes" => count.failed = count.failed.saturating_add(number),
            "skipped" | "expected failures" => count.ignored = count.ignored.saturating_add(number),
            _ => return None,
        }
    }
    Some(Reading::Count(count))
}

/// Adds up parts like `3 passed`, `1 failed (1 slow)`. `None` where no part counts tests.
fn count_of<'a>(parts: impl Iterator<Item = &'a str>, also_failed: &[&str]) -> Option<TestCount> {
    let mut count = TestCount::default();
    let mut found = false;
    for part in parts {
        let Some((number, what)) = part.trim().split_once(' ') else { continue };
        let Ok(number) = number.parse::<u64>() else { continue };
        let what = what.split(" (").next().unwrap_or(what);
        let field = match what {
            "passed" | "xpassed" => &mut count.passed,
            "failed" => &mut count.failed,
            "ignored" | "skipped" | "todo" | "xfailed" | "pending" => &mut count.ignored,
            other if also_failed.contains(&other) => &mut count.failed,
            _ => continue,
        };
        *field = field.saturating_add(number);
        found = true;
    }
    found.then_some(count)
}
