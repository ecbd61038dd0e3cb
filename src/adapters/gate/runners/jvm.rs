//! Maven Surefire, Gradle and ScalaTest.

use super::{Count, Reader, Reading, Runner, labelled, part};

/// Reads what Surefire and Failsafe print under Maven: the totals below `Results:`. A line with `Time elapsed` is
/// about one class.
#[derive(Debug, Default)]
pub(super) struct Surefire {
    in_results: bool,
}

impl Reader for Surefire {
    fn runner(&self) -> Runner {
        "surefire"
    }

    fn read(&mut self, line: &str) -> Option<Reading> {
        let levels = ["[INFO] ", "[ERROR] ", "[WARNING] ", "[WARN] "];
        let text = levels.into_iter().find_map(|level| line.strip_prefix(level)).unwrap_or(line);
        match text.trim() {
            "T E S T S" => return Some(Reading::Opened(None)),
            "Results:" | "Results :" => {
                self.in_results = true;
                return Some(Reading::Noted);
            }
            "No tests to run." | "There are no tests to run." => return Some(Reading::Summary(Count::default())),
            _ => {}
        }
        let count = surefire_totals(text).filter(|_| self.in_results)?;
        self.in_results = false;
        Some(Reading::Closed(count, None))
    }
}

/// `Tests run: 5, Failures: 1, Errors: 0, Skipped: 1`
fn surefire_totals(text: &str) -> Option<Count> {
    let mut parts = text.split(',');
    let run = labelled(parts.next()?, "Tests run:")?;
    let mut count = Count::default();
    for text in parts {
        if let Some(number) = labelled(text, "Failures:").or_else(|| labelled(text, "Errors:")) {
            count.tests.failed = count.tests.failed.saturating_add(number);
        } else if labelled(text, "Flakes:").is_none() {
            count.tests.ignored = count.tests.ignored.saturating_add(labelled(text, "Skipped:")?);
        }
    }
    count.tests.passed = run.saturating_sub(count.tests.failed.saturating_add(count.tests.ignored));
    Some(count)
}

/// Gradle gives numbers only where a test failed; else it says that the task ran.
pub(super) fn gradle(_before: &str, line: &str) -> Option<Reading> {
    if let Some(task) = line.strip_prefix("> Task :") {
        let (name, state) = task.split_once(' ').unwrap_or((task, ""));
        let name = name.rsplit(':').next()?;
        if name != "test" && !name.ends_with("Test") {
            return None;
        }
        return match state {
            "NO-SOURCE" | "SKIPPED" => Some(Reading::Summary(Count::default())),
            "" | "UP-TO-DATE" | "FROM-CACHE" => Some(Reading::Summary(Count { unnumbered: 1, ..Count::default() })),
            _ => None,
        };
    }
    let mut parts = line.split(", ");
    let (all, completed) = part(parts.next()?)?;
    if !matches!(completed, "tests completed" | "test completed") {
        return None;
    }
    let mut count = Count::default();
    for text in parts {
        match part(text)? {
            (number, "failed") => count.tests.failed = number,
            (number, "skipped") => count.tests.ignored = number,
            _ => return None,
        }
    }
    count.tests.passed = all.saturating_sub(count.tests.failed.saturating_add(count.tests.ignored));
    Some(Reading::Summary(count))
}

/// `Tests: succeeded 2, failed 1, canceled 0, ignored 0, pending 0`, under sbt behind `[info] `.
pub(super) fn scalatest(_before: &str, line: &str) -> Option<Reading> {
    let text = line.strip_prefix("[info] ").unwrap_or(line).strip_prefix("Tests: succeeded ")?;
    let mut parts = text.split(", ");
    let passed = parts.next()?.parse().ok()?;
    let failed = labelled(parts.next()?, "failed ")?;
    let mut ignored = 0_u64;
    for text in parts {
        ignored = ignored.saturating_add(text.rsplit(' ').next()?.parse().ok()?);
    }
    Some(Reading::Summary(Count::of(passed, failed, ignored)))
}
