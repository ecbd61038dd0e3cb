//! The anti-slop reviewer: work that is only claimed: placeholders, left-out code, stubs, swallowed errors.

use super::Findings;
use super::language::{Language, file_name, has_word, is_test_path};
use super::moved::{Moved, present, runs};
use super::stubs::{self, Stub};
use crate::domain::change::{Change, FileChange, Line};
use crate::domain::review::{Finding, Severity};

/// `anti_slop.placeholder`, `anti_slop.elision`, `anti_slop.stub`, `anti_slop.empty_catch`, `anti_slop.junk_name`.
pub(super) fn findings(change: &Change) -> Vec<Finding> {
    let mut found = Findings::default();
    let mut moved = Moved::of(change);
    for file in &change.files {
        junk_name(file, &mut found);
    }
    for file in present(change) {
        let language = Language::of(&file.path);
        for line in &file.added {
            let claim = elision(file, language, &line.text).or_else(|| placeholder(file, language, &line.text));
            let Some((rule, severity, message)) = claim else { continue };
            if !moved.excuses(&line.text) {
                found.line(rule, severity, (file, line.number), message.to_owned());
            }
        }
        for run in runs(&file.added) {
            stub_functions(file, language, run, &mut found);
        }
    }
    found.0
}

type Claim = (&'static str, Severity, &'static str);

/// Code that is left out, with a remark in its place.
fn elision(file: &FileChange, language: Language, line: &str) -> Option<Claim> {
    const RULE: &str = "anti_slop.elision";
    let lower = line.to_ascii_lowercase();
    if has_word(&lower, "lorem ipsum") {
        let tame = language == Language::Prose || is_test_path(&file.path) || language.is_source();
        let severity = if tame { Severity::Low } else { Severity::High };
        return Some((RULE, severity, "filler text"));
    }
    if !["code", "rest of", "remaining", "unchanged", "implementation"].iter().any(|word| lower.contains(word)) {
        return None;
    }
    let comment = match language {
        Language::Prose => return None,
        Language::Other => remark(&lower)?,
        Language::Rust
        | Language::JavaScript
        | Language::Python
        | Language::Go
        | Language::Ruby
        | Language::Shell
        | Language::Braces => language.parts(&lower).comment.to_owned(),
    };
    // Documentation shows examples, and examples leave out.
    let documentation = ["///", "//!", "/**"].iter().any(|mark| comment.starts_with(mark));
    (!documentation && leaves_out(&comment)).then_some((RULE, Severity::High, "a remark stands where code should be"))
}

/// The comment of a line of markup or of an unknown language, if the whole line is one.
fn remark(line: &str) -> Option<String> {
    let line = line.trim();
    ["<!--", "//", "#", "/*", "--", ";"].iter().any(|mark| line.starts_with(mark)).then(|| line.to_owned())
}

/// Whether a comment (in lower case) stands for code: "… existing code …", "rest of the code", "your code here".
fn leaves_out(comment: &str) -> bool {
    const LEFT_OUT: [&str; 8] = [
        "existing code",
        "rest of",
        "remaining code",
        "remaining implementation",
        "previous code",
        "other code",
        "unchanged",
        "same as before",
    ];
    const OPENINGS: [&str; 9] = [
        "your code here",
        "add your code",
        "insert your code",
        "put your code",
        "rest of the code",
        "rest of code",
        "the rest of the code remains",
        "implementation goes here",
        "code goes here",
    ];
    let text = comment.trim_matches(|c: char| "/*#<>!-{} \t;".contains(c));
    let body = text.trim_start_matches(['.', '…', ' ']);
    let dotted = text.starts_with("...") || text.starts_with('…');
    let short = body.len() <= 60;
    let opens = OPENINGS.iter().any(|opening| body.starts_with(opening));
    short && (opens || (dotted && LEFT_OUT.iter().any(|words| body.contains(words))))
}

/// A mark that something is still to be done.
fn placeholder(file: &FileChange, language: Language, line: &str) -> Option<Claim> {
    const RULE: &str = "anti_slop.placeholder";
    if ["TODO", "FIXME", "XXX"].iter().any(|mark| has_word(line, mark)) {
        let tame = language == Language::Prose || is_test_path(&file.path);
        return Some((
            RULE,
            if tame { Severity::Info } else { Severity::Low },
            "a mark that something is still to be done",
        ));
    }
    if !language.is_source() {
        return None;
    }
    let hinted = ["todo!(", "unimplemented!(", "NotImplementedError"].iter().any(|hint| line.contains(hint));
    if hinted && stubs::is_unwritten(language, &language.parts(line).code) {
        return Some((RULE, Severity::Medium, "code that only says that it is not written yet"));
    }
    let says = line.to_ascii_lowercase().contains("not implemented");
    says.then_some((RULE, Severity::Low, "something says that it is not implemented"))
}

fn stub_functions(file: &FileChange, language: Language, run: &[Line], found: &mut Findings) {
    for Stub { line, overridable } in stubs::empty_functions(language, run) {
        // A double in a test may well do nothing; a method may be there to be overridden.
        let severity = match (is_test_path(&file.path), overridable) {
            (true, _) => Severity::Low,
            (false, true) => Severity::Medium,
            (false, false) => Severity::High,
        };
        found.line("anti_slop.stub", severity, (file, line), "a function whose whole body is a stub".to_owned());
    }
    for line in stubs::empty_catches(language, run) {
        let message = "an error is caught and dropped without a word".to_owned();
        found.line("anti_slop.empty_catch", Severity::Medium, (file, line), message);
    }
}

fn junk_name(file: &FileChange, found: &mut Findings) {
    if file.before.is_some() || file.after.is_none() {
        return;
    }
    let name = file_name(&file.path).to_ascii_lowercase();
    let stem = name.split_once('.').map_or(name.as_str(), |(stem, _)| stem);
    let begins = ["tmp_", "temp_", "untitled", "copy of", "copy_of", "new_file", "asdf"];
    let ends = ["_final", "_old", "_backup", "_bak", "_copy", " copy", "_new_new"];
    let junk = stem.contains("final_v")
        || begins.iter().any(|part| stem.starts_with(part))
        || ends.iter().any(|part| stem.ends_with(part))
        || name.ends_with(".bak")
        || name.ends_with('~');
    if junk {
        found.file(
            "anti_slop.junk_name",
            Severity::Low,
            file,
            "a name for a file that nobody meant to keep".to_owned(),
        );
    }
}
