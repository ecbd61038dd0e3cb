//! Lists of test names: how they are kept, and what of the base is missing later.
//!
//! Names may repeat (two crates with the same test), so they are counted, not merely looked up. Invariant: a test is
//! called lost only if its runner would have named it: some name failures only, so that a name is gone once the test
//! passes.

use std::collections::BTreeMap;

use super::runners::{Runner, Verdict};
use super::test_output::{NamedTest, TestReport};

/// The most lost tests that are named.
const NAMED: usize = 50;
/// How the line begins that says whose tests follow. Lists of earlier releases have none.
const RUNNER: &str = "runner ";

/// For each runner a line `runner NAME`, then one `passed|failed|ignored NAME` a line, sorted by name.
pub(super) fn render(names: &[NamedTest]) -> String {
    let mut sorted: BTreeMap<Runner, Vec<(&str, Verdict)>> = BTreeMap::new();
    for test in names {
        sorted.entry(test.runner).or_default().push((&test.name, test.verdict));
    }
    let mut list = String::new();
    for (runner, mut tests) in sorted {
        tests.sort_unstable();
        list += &format!("{RUNNER}{runner}\n");
        tests.into_iter().for_each(|(name, verdict)| list += &format!("{} {name}\n", verdict.as_str()));
    }
    list
}

/// The tests that `base` (a rendered list) has run and that are not run now, sorted; those beyond fifty are counted in
/// the last entry.
pub(super) fn lost_tests(base: &str, now: &TestReport) -> Vec<String> {
    let mut lost = Vec::new();
    for (runner, lines) in sections(base) {
        let names: Vec<_> = now.names.iter().filter(|test| runner.is_none_or(|of| test.runner == of)).collect();
        let named = names.iter().filter(|test| test.verdict == Verdict::Passed).count();
        let passed_then = lines.iter().any(|line| line.starts_with("passed "));
        let would_be_named = !hides_passing(runner, named, now) && (passed_then || named > 0);
        lost.extend(missing(&lines, &names, would_be_named));
    }
    lost.sort();
    bounded(lost)
}

/// The lists of each runner; its name is `None` in a list of an earlier release.
fn sections(base: &str) -> Vec<(Option<&str>, Vec<&str>)> {
    let mut sections: Vec<(Option<&str>, Vec<&str>)> = Vec::new();
    for line in base.lines() {
        match (line.strip_prefix(RUNNER), sections.last_mut()) {
            (Some(runner), _) => sections.push((Some(runner), Vec::new())),
            (None, Some((_, lines))) => lines.push(line),
            (None, None) => sections.push((None, vec![line])),
        }
    }
    sections
}

/// Whether tests passed and the runner named none of them, or only some: nextest may be told to name those alone that
/// were slow or were tried again.
fn hides_passing(runner: Option<&str>, named: usize, now: &TestReport) -> bool {
    let counted = |name: &str| now.runners.get(name).map_or(0, |count| count.tests.passed);
    if runner == Some("nextest") && u64::try_from(named).is_ok_and(|named| named < counted("nextest")) {
        return true;
    }
    let of = now.runners.iter().filter(|(name, _)| runner.is_none_or(|of| **name == of));
    named == 0 && of.into_iter().any(|(_, count)| count.tests.passed > 0 || count.unnumbered > 0)
}

fn missing(base: &[&str], now: &[&NamedTest], would_be_named: bool) -> Vec<String> {
    let mut run: BTreeMap<&str, usize> = BTreeMap::new();
    for test in now.iter().filter(|test| test.verdict != Verdict::Ignored) {
        *run.entry(&test.name).or_default() += 1;
    }
    let is_ignored = |name: &str| now.iter().any(|test| test.verdict == Verdict::Ignored && test.name == name);
    let ran = |line: &&&str| line.starts_with("passed ") || line.starts_with("failed ");
    let mut lost = Vec::new();
    for name in base.iter().filter(ran).filter_map(|line| Some(line.split_once(' ')?.1)) {
        match run.get_mut(name) {
            Some(count) if *count > 0 => *count -= 1,
            Some(_) | None if is_ignored(name) => lost.push(format!("{name} (ignored)")),
            Some(_) | None if would_be_named => lost.push(name.to_owned()),
            Some(_) | None => {}
        }
    }
    lost
}

fn bounded(mut lost: Vec<String>) -> Vec<String> {
    if lost.len() > NAMED {
        let beyond = lost.len() - (NAMED - 1);
        lost.truncate(NAMED - 1);
        lost.push(format!("and {beyond} more"));
    }
    lost
}

#[cfg(test)]
mod tests {
    use Verdict::{Failed, Ignored, Passed};

    use super::*;
    use crate::adapters::gate::runners::Count;
    use crate::domain::evidence::TestCount;

    fn report(runner: Runner, list: &[(Verdict, &str)]) -> TestReport {
        let named = |(verdict, name): &(Verdict, &str)| NamedTest { runner, verdict: *verdict, name: (*name).into() };
        TestReport { names: list.iter().map(named).collect(), ..TestReport::default() }
    }

    #[test]
    fn tests_that_vanished_or_are_ignored_now_are_lost() {
        let before =
            report("cargo", &[(Passed, "a"), (Failed, "b"), (Ignored, "c"), (Passed, "twice"), (Passed, "twice")]);
        let base = render(&before.names);
        assert_eq!(base, "runner cargo\npassed a\nfailed b\nignored c\npassed twice\npassed twice\n");
        let now = report("cargo", &[(Passed, "twice"), (Ignored, "b"), (Passed, "new")]);
        assert_eq!(lost_tests(&base, &now), ["a", "b (ignored)", "twice"]);
        let all = report("cargo", &[(Failed, "a"), (Passed, "b"), (Passed, "twice"), (Passed, "twice")]);
        assert_eq!(lost_tests(&base, &all), [""; 0]);
    }

    #[test]
    fn a_test_that_failed_is_not_lost_where_the_runner_names_failures_only() {
        let base = render(&report("go", &[(Failed, "TestA")]).names);
        assert_eq!(lost_tests(&base, &TestReport::default()), [""; 0]);
        assert_eq!(lost_tests(&base, &report("go", &[(Passed, "TestB")])), ["TestA"], "it names those that pass now");
        let verbose = render(&report("go", &[(Failed, "TestA"), (Passed, "TestB")]).names);
        assert_eq!(lost_tests(&verbose, &TestReport::default()), ["TestA", "TestB"]);
        let mut quiet = TestReport::default();
        quiet.runners.insert("go", Count { unnumbered: 1, ..Count::default() });
        assert_eq!(lost_tests(&verbose, &quiet), [""; 0], "tests passed, and none of them was named");
    }

    #[test]
    fn a_test_is_not_lost_where_nextest_names_only_those_tried_again() {
        let base = render(&report("nextest", &[(Passed, "demo flaky")]).names);
        let mut now = report("nextest", &[(Passed, "demo other")]);
        now.runners
            .insert("nextest", Count { tests: TestCount { passed: 9, ..TestCount::default() }, ..Count::default() });
        assert_eq!(lost_tests(&base, &now), [""; 0]);
        now.runners.insert("nextest", Verdict::Passed.into());
        assert_eq!(lost_tests(&base, &now), ["demo flaky"], "it names all that pass");
    }

    #[test]
    fn each_runner_is_compared_with_itself() {
        let mut both = report("go", &[(Failed, "TestA")]);
        both.names.extend(report("cargo", &[(Passed, "a")]).names);
        let base = render(&both.names);
        assert_eq!(lost_tests(&base, &report("cargo", &[(Passed, "a")])), [""; 0]);
        assert_eq!(lost_tests(&base, &report("cargo", &[(Passed, "b")])), ["a"]);
    }

    #[test]
    fn a_list_of_an_earlier_release_is_compared_as_a_whole() {
        assert_eq!(lost_tests("passed a\nfailed b\n", &report("cargo", &[(Passed, "b")])), ["a"]);
        assert_eq!(lost_tests("failed b\n", &TestReport::default()), [""; 0]);
    }

    #[test]
    fn many_lost_tests_are_counted() {
        let base: String = (0..60).map(|n| format!("passed t{n:02}\n")).collect();
        let lost = lost_tests(&base, &TestReport::default());
        assert_eq!((lost.len(), lost[0].as_str(), lost[49].as_str()), (50, "t00", "and 11 more"));
    }
}
