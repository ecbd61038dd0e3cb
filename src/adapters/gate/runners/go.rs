//! `go test`, plain, verbose and as JSON.
//!
//! The plain form names failures only and gives no number of tests. The line that ends a package decides; what a
//! test prints itself, `--- FAIL` included, stands between `=== RUN` and the verdict of that test.

use std::collections::{BTreeMap, BTreeSet};

use super::{Count, Reader, Reading, Runner, Verdict, is_number};
use crate::domain::evidence::TestCount;

/// Reads what `go test` prints.
#[derive(Debug, Default)]
pub(super) struct Go {
    /// Tests that have begun, and not ended.
    open: BTreeSet<String>,
    /// What the tests came to that ended since none was open, or, in the plain form, those of the package.
    tests: TestCount,
    /// Whether the package names tests that pass.
    verbose: bool,
    /// Whether a test of the package has failed.
    failed: bool,
    /// No test is open any more.
    ended: bool,
    /// What the tests of each package came to so far, in the JSON form: there, packages run beside each other.
    packages: BTreeMap<String, TestCount>,
}

impl Reader for Go {
    fn runner(&self) -> Runner {
        "go"
    }

    fn read(&mut self, line: &str) -> Option<Reading> {
        if line.starts_with("{\"") {
            return self.json(line);
        }
        if let Some(name) = line.strip_prefix("=== RUN ") {
            self.verbose = true;
            let first = self.open.is_empty();
            self.open.insert(name.trim().to_owned());
            return Some(if first { Reading::Opened(None) } else { Reading::Noted });
        }
        if let Some((verdict, name)) = test_line(line) {
            return Some(self.test(verdict, name));
        }
        self.package_line(line)
    }

    fn also(&mut self) -> Option<Reading> {
        let tests = std::mem::take(&mut self.ended).then(|| std::mem::take(&mut self.tests))?;
        Some(Reading::Closed(Count { tests, ..Count::default() }, None))
    }
}

impl Go {
    /// A verdict counts only for a test that has begun, where beginnings are shown.
    fn test(&mut self, verdict: Verdict, name: &str) -> Reading {
        if self.verbose && !self.open.remove(name) {
            return Reading::Noted;
        }
        add(&mut self.tests, verdict);
        self.failed |= verdict == Verdict::Failed;
        self.ended = self.verbose && self.open.is_empty();
        Reading::Test(verdict, name.to_owned())
    }

    fn package_line(&mut self, line: &str) -> Option<Reading> {
        if let Some(rest) = line.strip_prefix("ok  \t") {
            let (_package, rest) = rest.split_once('\t')?;
            let first = rest.split(['\t', ' ']).next()?;
            let timed = first.strip_suffix('s').is_some_and(is_number);
            return (timed || first == "(cached)").then(|| self.ended(true, rest.ends_with("[no tests to run]")));
        }
        if line.starts_with("?   \t") && line.ends_with("\t[no test files]") {
            return Some(self.ended(true, true));
        }
        if matches!(line, "no packages to test") || line.contains("matched no packages") {
            return Some(Reading::Summary(Count::default()));
        }
        let rest = line.strip_prefix("FAIL\t")?;
        let stopped = rest.ends_with(" [build failed]") || rest.ends_with(" [setup failed]");
        let timed = rest.split_once('\t').and_then(|(_, time)| time.strip_suffix('s')).is_some_and(is_number);
        if !stopped && !timed {
            return None;
        }
        if !self.open.is_empty() {
            // The test that is open may have printed that, or have been killed.
            return Some(Reading::Summary(Count::of(0, 1, 0)));
        }
        Some(self.ended(false, false))
    }

    /// The package is over: what is not counted yet.
    fn ended(&mut self, passed: bool, empty: bool) -> Reading {
        let (verbose, failed) = (std::mem::take(&mut self.verbose), std::mem::take(&mut self.failed));
        let mut tests = std::mem::take(&mut self.tests);
        tests.failed = if passed { 0 } else { tests.failed.max(u64::from(!(verbose && failed))) };
        let unnumbered = u64::from(passed && !verbose && !empty);
        Reading::Summary(Count { tests, unnumbered, ..Count::default() })
    }

    fn json(&mut self, line: &str) -> Option<Reading> {
        let event: serde_json::Value = serde_json::from_str(line).ok()?;
        let (package, action) = (event.get("Package")?.as_str()?, event.get("Action")?.as_str()?);
        let test = event.get("Test").and_then(serde_json::Value::as_str);
        match (action, test) {
            ("run", Some(test)) => {
                self.open.insert(format!("{package}.{test}"));
                Some(Reading::Noted)
            }
            ("pass" | "fail" | "skip", Some(test)) => {
                let (name, verdict) = (format!("{package}.{test}"), verdict_of(action)?);
                if !self.open.remove(&name) {
                    return Some(Reading::Noted);
                }
                add(self.packages.entry(package.to_owned()).or_default(), verdict);
                Some(Reading::Test(verdict, name))
            }
            ("pass" | "fail" | "skip", None) => {
                let mut tests = self.packages.remove(package).unwrap_or_default();
                tests.failed = if action == "fail" { tests.failed.max(1) } else { tests.failed };
                Some(Reading::Summary(Count { tests, ..Count::default() }))
            }
            _ => Some(Reading::Noted),
        }
    }
}

fn add(tests: &mut TestCount, verdict: Verdict) {
    let field = match verdict {
        Verdict::Passed => &mut tests.passed,
        Verdict::Failed => &mut tests.failed,
        Verdict::Ignored => &mut tests.ignored,
    };
    *field = field.saturating_add(1);
}

fn test_line(line: &str) -> Option<(Verdict, &str)> {
    let (verdict, rest) = line.trim_start().strip_prefix("--- ")?.split_once(": ")?;
    let (name, time) = rest.rsplit_once(" (")?;
    let timed = time.strip_suffix("s)").is_some_and(is_number);
    Some((verdict_of(&verdict.to_ascii_lowercase()).filter(|_| timed)?, name))
}

fn verdict_of(word: &str) -> Option<Verdict> {
    match word {
        "pass" => Some(Verdict::Passed),
        "fail" => Some(Verdict::Failed),
        "skip" => Some(Verdict::Ignored),
        _ => None,
    }
}
