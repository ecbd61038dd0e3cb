//! Lists of test names: how they are kept, and what of the base is missing later.
//!
//! Names may repeat (two crates with the same test), so they are counted, not merely looked up.

use std::collections::BTreeMap;

use super::runners::Verdict;

/// The most lost tests that are named.
const NAMED: usize = 50;

/// One `passed|failed|ignored NAME` a line, sorted by name.
pub(super) fn render(names: &[(Verdict, String)]) -> String {
    let mut sorted: Vec<_> = names.iter().map(|(verdict, name)| (name, verdict)).collect();
    sorted.sort();
    sorted.into_iter().map(|(name, verdict)| format!("{} {name}\n", verdict.as_str())).collect()
}

/// The tests that `base` (a rendered list) has run and that are not run now, sorted; those beyond fifty are counted in
/// the last entry.
pub(super) fn lost_tests(base: &str, now: &[(Verdict, String)]) -> Vec<String> {
    let mut run: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, name) in now.iter().filter(|(verdict, _)| *verdict != Verdict::Ignored) {
        *run.entry(name).or_default() += 1;
    }
    let is_ignored = |name: &str| now.iter().any(|(verdict, other)| *verdict == Verdict::Ignored && other == name);
    let mut lost = Vec::new();
    for name in base.lines().filter_map(|line| line.strip_prefix("passed ").or_else(|| line.strip_prefix("failed "))) {
        match run.get_mut(name) {
            Some(count) if *count > 0 => *count -= 1,
            Some(_) | None if is_ignored(name) => lost.push(format!("{name} (ignored)")),
            Some(_) | None => lost.push(name.to_owned()),
        }
    }
    lost.sort();
    bounded(lost)
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
    use super::*;

    fn names(list: &[(Verdict, &str)]) -> Vec<(Verdict, String)> {
        list.iter().map(|(verdict, name)| (*verdict, (*name).to_owned())).collect()
    }

    #[test]
    fn tests_that_vanished_or_are_ignored_now_are_lost() {
        use Verdict::{Failed, Ignored, Passed};
        let base =
            render(&names(&[(Passed, "a"), (Failed, "b"), (Ignored, "c"), (Passed, "twice"), (Passed, "twice")]));
        assert_eq!(base, "passed a\nfailed b\nignored c\npassed twice\npassed twice\n");
        let now = names(&[(Passed, "twice"), (Ignored, "b"), (Passed, "new")]);
        assert_eq!(lost_tests(&base, &now), ["a", "b (ignored)", "twice"]);
        assert_eq!(
            lost_tests(&base, &names(&[(Failed, "a"), (Passed, "b"), (Passed, "twice"), (Passed, "twice")])),
            [""; 0]
        );
    }

    #[test]
    fn many_lost_tests_are_counted() {
        let base: String = (0..60).map(|n| format!("passed t{n:02}\n")).collect();
        let lost = lost_tests(&base, &[]);
        assert_eq!((lost.len(), lost[0].as_str(), lost[49].as_str()), (50, "t00", "and 11 more"));
    }
}
