//! What becomes of command lines, as agents write them: lines and verdicts, in tables.

mod denied;
mod listed;
mod outputs;

use std::path::Path;

use super::{CommandRules, Judgement, Policy};
use crate::domain::access::AccessSet;

fn judged(line: &str, rules: &CommandRules, cwd: Option<&str>) -> Judgement {
    let policy = Policy::new("/w/t".into(), AccessSet::default(), rules.clone(), &[]);
    policy.command(line, cwd.map(Path::new))
}

/// The lines that are not judged so, by the default rules, from the worktree.
fn others(lines: &[&str], refused: bool) -> Vec<String> {
    let rules = CommandRules::default();
    let wrong = |line: &&&str| matches!(judged(line, &rules, Some("")), Judgement::Refuse { .. }) != refused;
    lines.iter().filter(wrong).map(|line| (*line).to_owned()).collect()
}

const NONE: [&str; 0] = [];

#[test]
fn the_strictest_rule_of_a_line_holds() {
    let rules = CommandRules { asked: vec!["curl".into()], ..CommandRules::default() };
    assert!(matches!(judged("make && curl x", &rules, Some("")), Judgement::Ask { .. }));
    assert!(matches!(judged("curl x && git push", &rules, Some("")), Judgement::Refuse { .. }));
}

#[test]
fn a_line_that_nests_without_end_is_judged_all_the_same() {
    let deep = [
        "env ".repeat(100_000),
        "$(".repeat(100_000),
        "$((".repeat(10_000),
        "( ".repeat(100_000) + &")".repeat(100_000),
        "if ".repeat(100_000) + &"fi;".repeat(100_000),
        "find -exec ".repeat(10_000),
        "${a:-\"".repeat(100_000),
        "cat <<a\n".repeat(10_000),
    ];
    for line in deep {
        let _ = judged(&line, &CommandRules::default(), None);
    }
}
