//! The test reviewer: tests that are gone, switched off or missing.
//!
//! The one rubric that looks at removed lines. A test that is removed here and there again elsewhere was moved.

use std::collections::HashMap;

use super::language::{Language, file_name, has_word, is_test_name, is_test_path};
use super::moved::{Moved, present};
use super::test_names::{self, TestName, is_rust_test_attribute};
use super::{Findings, cfg, shown};
use crate::domain::change::{Change, FileChange, Line};
use crate::domain::review::{Finding, Severity};

/// `test.removed`, `test.deleted_file`, `test.ignored`, `test.no_test_change`.
pub(super) fn findings(change: &Change) -> Vec<Finding> {
    let mut found = Findings::default();
    let mut again = added_names(change);
    let attributes: usize = change.files.iter().map(|file| attributes(&file.added).count()).sum();
    for file in &change.files {
        let language = Language::of(&file.path);
        let mut lost = test_names::tests(language, &file.removed);
        lost.retain(|test| !take(&mut again, &test.name));
        match file.after {
            None => deleted(change, file, &lost, &mut found),
            Some(_) => removed(file, &lost, attributes, &mut found),
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

/// The lines that make Rust functions tests.
fn attributes(lines: &[Line]) -> impl Iterator<Item = u32> {
    lines.iter().filter(|line| is_rust_test_attribute(&line.text)).map(|line| line.number)
}

/// `attributes_added` are those of the whole change.
fn removed(file: &FileChange, lost: &[TestName], attributes_added: usize, found: &mut Findings) {
    const RULE: &str = "test.removed";
    for test in lost {
        let message = format!("the test `{}` is removed", shown(&test.name));
        found.line(RULE, Severity::High, (file, test.line), message);
    }
    // The attribute alone may be removed, or everything but the name rewritten without it.
    let fewer = attributes(&file.removed).count() > attributes_added + lost.len();
    if let (true, Some(line)) = (fewer, attributes(&file.removed).next()) {
        let message = "a test attribute is removed: fewer functions are tests".to_owned();
        found.line(RULE, Severity::High, (file, line), message);
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
        for (index, line) in file.added.iter().enumerate() {
            let switched = switch_off(language, &line.text).or_else(|| compiled_out(file, language, index));
            let Some((severity, what)) = switched else { continue };
            if !moved.excuses(&line.text) {
                found.line("test.ignored", severity, (file, line.number), what.to_owned());
            }
        }
    }
}

type Switch = (&'static [&'static str], Severity, &'static str);

const SKIPPED: &str = "the test is skipped";

/// The words that switch tests off, the more special ones first.
fn switches(language: Language) -> &'static [Switch] {
    match language {
        Language::JavaScript => &[
            (&["it.skip(", "test.skip(", "describe.skip(", "xit(", "xtest(", "xdescribe("], Severity::High, SKIPPED),
            (
                &["it.only(", "test.only(", "describe.only(", "fit(", "fdescribe("],
                Severity::High,
                "every other test of the file is skipped",
            ),
        ],
        Language::Python => &[
            (
                &["mark.skipif", "mark.xfail", "@unittest.skipIf", "@unittest.skipUnless"],
                Severity::Medium,
                "the test is skipped or may fail under a condition",
            ),
            (
                &["mark.skip", "@unittest.skip", "pytest.skip(", "self.skipTest(", "collect_ignore"],
                Severity::High,
                SKIPPED,
            ),
        ],
        Language::Go => &[(&["t.Skip(", "t.Skipf(", "t.SkipNow(", "b.Skip("], Severity::High, SKIPPED)],
        Language::Braces => &[(&["@Disabled", "@Ignore"], Severity::High, SKIPPED)],
        Language::Rust => &[(&["#[ignore"], Severity::High, "the test is ignored")],
        Language::Ruby | Language::Shell | Language::Prose | Language::Other => &[],
    }
}

/// Whether a line switches a test off, and how.
fn switch_off(language: Language, line: &str) -> Option<(Severity, &'static str)> {
    let switch = switches(language)
        .iter()
        .find(|(words, ..)| words.iter().any(|word| line.contains(word) && has_word(&language.parts(line).code, word)));
    switch.map(|(_, severity, what)| (*severity, *what))
}

/// Whether a line of Rust ignores a test under a condition, or compiles something out that may be a test.
fn compiled_out(file: &FileChange, language: Language, index: usize) -> Option<(Severity, &'static str)> {
    let line = file.added.get(index).filter(|_| language == Language::Rust)?;
    if let Some(condition) = cfg::ignore_condition(&line.text) {
        let severity = if cfg::may_hold_here(condition) { Severity::High } else { Severity::Low };
        return Some((severity, "the test is ignored under a condition"));
    }
    if !cfg::condition(&line.text).is_some_and(cfg::never_holds) {
        return None;
    }
    // What follows shows what is compiled out; where that is an old line, it may be a test.
    let following = file.added[index + 1..].iter().zip(line.number + 1..).take_while(|(next, at)| next.number == *at);
    let mut following = following.map(|(next, _)| next.text.as_str()).take(4).peekable();
    let shows_test = |text: &str| is_rust_test_attribute(text) || text.contains("mod test");
    let harmless = following.peek().is_some() && !following.any(shows_test) && !is_test_path(&file.path);
    let severity = if harmless { Severity::Medium } else { Severity::High };
    Some((severity, "a `cfg` that nothing sets compiles this out"))
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
