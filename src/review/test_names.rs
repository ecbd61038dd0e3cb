//! The tests that a file's lines define, by language.

use super::language::Language;
use super::moved::runs;
use crate::domain::change::Line;

/// A test and the line of its name.
pub(super) struct TestName {
    pub(super) line: u32,
    pub(super) name: String,
}

/// The tests that `lines` define, in order. In Rust a function counts if its attribute is among the lines next to it.
pub(super) fn tests(language: Language, lines: &[Line]) -> Vec<TestName> {
    match language {
        Language::Rust => runs(lines).flat_map(rust_run).collect(),
        Language::JavaScript | Language::Python | Language::Go | Language::Ruby | Language::Braces => {
            lines.iter().filter_map(|line| named(line, direct_name(language, line.text.trim()))).collect()
        }
        Language::Shell | Language::Prose | Language::Other => Vec::new(),
    }
}

/// The names that `lines` define again, whether or not what makes them a test is among the lines.
pub(super) fn names(language: Language, lines: &[Line]) -> Vec<String> {
    match language {
        Language::Rust => lines.iter().filter_map(|line| rust_function(line.text.trim())).collect(),
        Language::JavaScript
        | Language::Python
        | Language::Go
        | Language::Ruby
        | Language::Braces
        | Language::Shell
        | Language::Prose
        | Language::Other => tests(language, lines).into_iter().map(|test| test.name).collect(),
    }
}

/// Whether a line is what makes a Rust function a test: `#[test]`, `#[tokio::test(…)]`, `#[rstest]`, …
pub(super) fn is_rust_test_attribute(line: &str) -> bool {
    let Some(attribute) = line.trim().strip_prefix("#[") else { return false };
    let path = attribute.split([']', '(']).next().unwrap_or(attribute);
    let last = path.rsplit("::").next().unwrap_or(path).trim();
    matches!(last, "test" | "rstest" | "test_case" | "quickcheck" | "wasm_bindgen_test" | "proptest")
}

fn named(line: &Line, name: Option<String>) -> Option<TestName> {
    name.map(|name| TestName { line: line.number, name })
}

/// A diff may show a removed test shifted: its name first, and the next test's attribute, which looks the same, last.
fn rust_run(run: &[Line]) -> Vec<TestName> {
    let mut found = Vec::new();
    let mut attribute = run.iter().any(|line| is_rust_test_attribute(&line.text)) && dangles(run);
    for line in run {
        let text = line.text.trim();
        if is_rust_test_attribute(text) {
            attribute = true;
        }
        let code = text.rsplit("] ").next().unwrap_or(text);
        if let Some(name) = rust_function(code) {
            found.extend(attribute.then_some(TestName { line: line.number, name }));
            attribute = false;
        }
    }
    found
}

/// Whether the last attribute of a run has no function behind it.
fn dangles(run: &[Line]) -> bool {
    let last = run.iter().rposition(|line| is_rust_test_attribute(&line.text));
    last.is_some_and(|at| run[at..].iter().all(|line| !line.text.contains("fn ")))
}

fn rust_function(line: &str) -> Option<String> {
    let mut words = line
        .split(' ')
        .skip_while(|word| matches!(*word, "pub" | "async" | "unsafe" | "const") || word.starts_with("pub("));
    (words.next()? == "fn").then(|| identifier(words.next().unwrap_or(""))).flatten()
}

fn direct_name(language: Language, line: &str) -> Option<String> {
    match language {
        Language::Python => {
            let line = line.strip_prefix("async ").unwrap_or(line);
            identifier(line.strip_prefix("def ")?).filter(|name| name.starts_with("test"))
        }
        Language::Go => {
            let name = identifier(line.strip_prefix("func ")?)?;
            let test = ["Test", "Fuzz", "Example"].iter().any(|kind| name.starts_with(kind));
            (test && line.contains('(')).then_some(name)
        }
        Language::JavaScript => literal_after(line, &["it(", "test(", "it.each(", "test.each("]),
        Language::Ruby => literal_after(line, &["it ", "specify ", "test "]),
        Language::Braces => {
            let name = line.split_once("void ").and_then(|(_, rest)| identifier(rest))?;
            (line.contains('(') && (name.starts_with("test") || name.starts_with("Test"))).then_some(name)
        }
        Language::Rust | Language::Shell | Language::Prose | Language::Other => None,
    }
}

fn literal_after(line: &str, openings: &[&str]) -> Option<String> {
    let rest = openings.iter().find_map(|opening| line.strip_prefix(opening))?;
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))?;
    rest[1..].split(quote).next().map(str::to_owned)
}

fn identifier(text: &str) -> Option<String> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}
