//! The six rubrics: for each rule something that it finds, and a near miss.
//!
//! Marks that the rubrics look for are put together from parts where this file itself would be found otherwise.

mod anti_slop;
mod architect;
mod code;
mod performance;
mod security;
mod test;

use omk::domain::change::{Change, EntryKind, FileChange, Line};
use omk::domain::ids::GateName;
use omk::domain::review::{Review, Role, Verdict};
use omk::domain::task::{GateCommand, GateKind, GateSpec};
use omk::review::{Brief, review};

fn lines(text: &str) -> Vec<Line> {
    (1..).zip(text.lines()).map(|(number, text)| Line { number, text: text.to_owned() }).collect()
}

/// A file that is there before and after, with lines removed and added.
fn edited(path: &str, removed: &str, added: &str) -> FileChange {
    FileChange {
        path: path.to_owned(),
        before: Some(EntryKind::File),
        after: Some(EntryKind::File),
        binary: false,
        added: lines(added),
        removed: lines(removed),
        link_target: None,
    }
}

fn new(path: &str, added: &str) -> FileChange {
    FileChange { before: None, ..edited(path, "", added) }
}

fn deleted(path: &str, removed: &str) -> FileChange {
    FileChange { after: None, ..edited(path, removed, "") }
}

fn link(path: &str, target: &str) -> FileChange {
    FileChange { after: Some(EntryKind::Symlink), link_target: Some(target.to_owned()), ..new(path, "") }
}

fn report(role: Role, files: Vec<FileChange>) -> Review {
    review(role, &Brief { change: &Change { files }, access: None, gates: &[], gate_results: &[] })
}

/// The findings as `rule severity path:line`.
fn places(review: &Review) -> Vec<String> {
    let place = |line: Option<u32>| line.map_or(String::new(), |line| format!(":{line}"));
    let findings = review.findings.iter();
    findings.map(|f| format!("{} {} {}{}", f.rule, f.severity.as_str(), f.path, place(f.line))).collect()
}

fn found(role: Role, files: Vec<FileChange>) -> Vec<String> {
    places(&report(role, files))
}

/// What the rubric finds in one added line of a new file.
fn found_in(role: Role, path: &str, line: &str) -> Vec<String> {
    found(role, vec![edited(path, "", line)])
}

fn nothing() -> Vec<String> {
    Vec::new()
}

fn gate(name: &str, command: &str, kind: GateKind) -> GateSpec {
    let name = GateName::parse(name).unwrap();
    GateSpec { name, command: GateCommand::Shell(command.to_owned()), kind, timeout_ms: 1, required: true }
}

fn aws() -> String {
    format!("AK{}", "IAQ3EGTZ5LXW2PRN7B")
}

#[test]
fn a_blocking_finding_blocks_and_comes_first() {
    let files = vec![edited("a.js", "", "console.log(1);\ndebugger;"), edited("b.js", "", "let a;")];
    let review = report(Role::Code, files);
    assert_eq!(review.verdict, Verdict::Blocked);
    assert_eq!(places(&review), ["code.debug_leftover high a.js:2", "code.debug_leftover medium a.js:1"]);
    assert_eq!(review.summary, "looked at 2 files, 3 added lines and 0 removed: 2 findings");
}

#[test]
fn without_a_blocking_finding_the_change_passes() {
    let review = report(Role::Code, vec![edited("a.js", "", "console.log(1);")]);
    assert_eq!((review.verdict, review.findings.len()), (Verdict::Passed, 1));
    let review = report(Role::Security, vec![]);
    assert_eq!(
        (review.verdict, review.summary.as_str()),
        (Verdict::Passed, "looked at no files, no added lines and 0 removed: no findings")
    );
}

#[test]
fn a_report_lists_the_worst_fifty_findings_and_counts_all() {
    let text = "console.log(1);\n".repeat(70) + "debugger;";
    let review = report(Role::Code, vec![edited("a.js", "", &text)]);
    assert_eq!((review.findings.len(), review.findings[0].line), (50, Some(71)));
    assert!(review.summary.ends_with("71 findings, the worst 50 listed"), "{}", review.summary);
}

#[test]
fn removed_lines_are_no_findings_but_for_the_test_reviewer() {
    let old = format!("dbg!(1);\n// TODO\n{}\n<<<<<<< a\n", aws());
    for role in [Role::Architect, Role::Code, Role::Security, Role::AntiSlop] {
        assert_eq!(found(role, vec![edited("src/a.rs", &old, "")]), nothing(), "{role}");
    }
}

#[test]
fn lines_that_were_only_moved_are_no_findings() {
    let text = format!("dbg!(x);\n// TODO: later\nlet key = \"{}\";", aws());
    let files = || vec![edited("src/a.rs", &text, ""), edited("src/b.rs", "", &text)];
    for role in [Role::Code, Role::Security, Role::AntiSlop] {
        assert_eq!(found(role, files()), nothing(), "{role}");
    }
    let twice = vec![edited("src/a.rs", "dbg!(x);", ""), edited("src/b.rs", "", "dbg!(x);\ndbg!(x);")];
    assert_eq!(found(Role::Code, twice), ["code.debug_leftover medium src/b.rs:2"]);
}
