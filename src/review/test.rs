//! The test reviewer: tests that are gone, switched off or missing.
//!
//! The one rubric that looks at removed lines. A test that is removed here and there again elsewhere was moved.

use std::collections::HashMap;

use super::language::{Language, file_name, has_word, is_test_name, is_test_path};
use super::moved::{Moved, present};
use super::test_names::{self, TestName, is_rust_test_attribute};
use super::{Findings, shown};
use crate::domain::change::{Change, FileChange};
use crate::domain::review::{Finding, Severity};

/// `test.removed`, `test.deleted_file`, `test.ignored`, `test.no_test_change`.
pub(super) fn findings(change: &Change) -> Vec<Finding> {
    let mut found = Findings::default();
    let mut again = added_names(change);
    for file in &change.files {
        let language = Language::of(&file.path);
        let mut lost = test_names::tests(language, &file.removed);
        lost.retain(|test| !take(&mut again, &test.name));
        match file.after {
            None => deleted(change, file, &lost, &mut found),
            Some(_) => removed(change, file, &lost, &mut found),
        }
    }
    ignored(change, &mut found);
    untested(change, &mut found);
    found.0
}

/// How often each name is defined by added lines.
fn added_names(change: &Change) -> HashMap<String, usize> {
    let mut names = HashMap::new();
    for file in &change.files {
        for name in test_names::names(Language::of(&file.path), &file.added) {
            *names.entry(name).or_default() += 1;
        }
    }
    names
}

fn take(names: &mut HashMap<String, usize>, name: &str) -> bool {
    match names.get_mut(name) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        Some(_) | None => false,
    }
}

fn removed(change: &Change, file: &FileChange, lost: &[TestName], found: &mut Findings) {
    const RULE: &str = "test.removed";
    for test in lost {
        let message = format!("the test `{}` is removed", shown(&test.name));
        found.line(RULE, Severity::High, (file, test.line), message);
    }
    // The attribute alone may be removed, or everything but the name rewritten without it.
    let attributes = |lines: &[crate::domain::change::Line]| {
        lines.iter().filter(|line| is_rust_test_attribute(&line.text)).map(|line| line.number).collect::<Vec<_>>()
    };
    let before = attributes(&file.removed);
    let after: usize = change.files.iter().map(|file| attributes(&file.added).len()).sum();
    if let (true, Some(line)) = (before.len() > after + lost.len(), before.first()) {
        let message = "a test attribute is removed: fewer functions are tests".to_owned();
        found.line(RULE, Severity::High, (file, *line), message);
    }
}

fn deleted(change: &Change, file: &FileChange, lost: &[TestName], found: &mut Findings) {
    const RULE: &str = "test.deleted_file";
    if let Some(first) = lost.first() {
        let others = if lost.len() > 1 { format!(" and {} more", lost.len() - 1) } else { String::new() };
        let message = format!("the file is deleted, and with it the test `{}`{others}", shown(&first.name));
        found.file(RULE, Severity::High, file, message);
        return;
    }
    let language = Language::of(&file.path);
    let has_tests = !test_names::tests(language, &file.removed).is_empty();
    let name = file_name(&file.path);
    let elsewhere = change.files.iter().any(|other| other.before.is_none() && file_name(&other.path) == name);
    if language.is_source() && is_test_name(name) && !has_tests && !elsewhere {
        found.file(RULE, Severity::High, file, "a test file is deleted".to_owned());
    }
}

fn ignored(change: &Change, found: &mut Findings) {
    let mut moved = Moved::of(change);
    for file in present(change) {
        let language = Language::of(&file.path);
        for line in &file.added {
            let code = language.parts(&line.text).code;
            let Some((severity, what)) = switch_off(language, code.trim()) else { continue };
            if !moved.excuses(&line.text) {
                found.line("test.ignored", severity, (file, line.number), what.to_owned());
            }
        }
    }
}

/// Whether a line of code switches a test off, and how.
fn switch_off(language: Language, code: &str) -> Option<(Severity, &'static str)> {
    let has = |words: &[&str]| words.iter().any(|word| has_word(code, word));
    match language {
        Language::Rust if code.starts_with("#[ignore") => Some((Severity::High, "the test is ignored")),
        Language::Rust if code.starts_with("#[cfg_attr(") && has_word(code, "ignore") => {
            Some((Severity::High, "the test is ignored"))
        }
        Language::Rust if compiles_out(code) => Some((Severity::High, "a `cfg` that nothing sets compiles this out")),
        Language::JavaScript if has(&["it.skip(", "test.skip(", "describe.skip(", "xit(", "xtest(", "xdescribe("]) => {
            Some((Severity::High, "the test is skipped"))
        }
        Language::JavaScript if has(&["it.only(", "test.only(", "describe.only(", "fit(", "fdescribe("]) => {
            Some((Severity::High, "every other test of the file is skipped"))
        }
        Language::Python if has(&["mark.skipif", "mark.xfail", "unittest.skipIf", "unittest.skipUnless"]) => {
            Some((Severity::Medium, "the test is skipped or may fail under a condition"))
        }
        Language::Python if has(&["mark.skip", "unittest.skip", "pytest.skip(", "skipTest(", "collect_ignore"]) => {
            Some((Severity::High, "the test is skipped"))
        }
        Language::Go if has(&["t.Skip(", "t.Skipf(", "t.SkipNow(", "b.Skip("]) => {
            Some((Severity::High, "the test is skipped"))
        }
        Language::Braces if has(&["@Disabled", "@Ignore"]) => Some((Severity::High, "the test is skipped")),
        Language::Rust
        | Language::JavaScript
        | Language::Python
        | Language::Go
        | Language::Ruby
        | Language::Braces
        | Language::Shell
        | Language::Prose
        | Language::Other => None,
    }
}

/// Whether a `#[cfg(…)]` asks for something that no build sets: `any()`, `false`, or a bare name that rustc and the
/// usual tools do not know.
fn compiles_out(code: &str) -> bool {
    const KNOWN: [&str; 20] = [
        "test",
        "unix",
        "windows",
        "wasm",
        "debug_assertions",
        "overflow_checks",
        "doc",
        "docsrs",
        "doctest",
        "miri",
        "loom",
        "fuzzing",
        "kani",
        "clippy",
        "proc_macro",
        "tokio_unstable",
        "coverage",
        "coverage_nightly",
        "true",
        "ub_checks",
    ];
    let Some(condition) = code.strip_prefix("#[cfg(").or_else(|| code.strip_prefix("#![cfg(")) else { return false };
    let condition = condition.split(")]").next().unwrap_or(condition);
    if condition.replace(' ', "").contains("any()") {
        return true;
    }
    let words = condition.split(['(', ')', ',']).map(str::trim);
    let bare = words.filter(|word| !word.is_empty() && !word.contains(['=', '"']));
    bare.filter(|word| !matches!(*word, "all" | "any" | "not")).any(|word| !KNOWN.contains(&word))
}

fn untested(change: &Change, found: &mut Findings) {
    let source = |file: &&FileChange| Language::of(&file.path).is_source() && !is_test_path(&file.path);
    let tested = change.files.iter().any(|file| {
        let language = Language::of(&file.path);
        let asserts = || file.added.iter().any(|line| line.text.contains("assert"));
        is_test_path(&file.path)
            || !test_names::tests(language, &file.added).is_empty()
            || (language.is_source() && asserts())
    });
    if let (false, Some(first)) = (tested, change.files.iter().find(source)) {
        let message = "source is changed, and no test with it".to_owned();
        found.file("test.no_test_change", Severity::Info, first, message);
    }
}
