//! The code reviewer: what a merge or a debugging session has left behind.

use super::Findings;
use super::language::{Language, extension, file_name, has_word, is_test_path};
use super::moved::{Moved, present};
use crate::domain::change::{Change, FileChange, Line};
use crate::domain::review::{Finding, Severity};

/// `code.conflict_marker`, `code.debug_leftover`, `code.merge_artefact`.
pub(super) fn findings(change: &Change) -> Vec<Finding> {
    let mut found = Findings::default();
    let mut moved = Moved::of(change);
    for file in &change.files {
        if file.before.is_none() && file.after.is_some() && matches!(extension(file_name(&file.path)), "orig" | "rej") {
            let message = "a leftover of a merge or a patch".to_owned();
            found.file("code.merge_artefact", Severity::High, file, message);
        }
    }
    for file in present(change) {
        conflict_markers(file, &mut found);
        debug_leftovers(file, &mut moved, &mut found);
    }
    found.0
}

fn conflict_markers(file: &FileChange, found: &mut Findings) {
    let marked = |mark: &'static str| {
        move |line: &&Line| line.text.strip_prefix(mark).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    let sides = || file.added.iter().filter(|line| marked("<<<<<<<")(line) || marked(">>>>>>>")(line));
    // A row of equal signs is a heading in many texts; between the others it is a marker.
    let with_sides = sides().next().is_some();
    let between = file.added.iter().filter(|line| with_sides && (line.text == "=======" || marked("|||||||")(line)));
    for line in sides().chain(between) {
        let message = "a conflict marker: the merge was not finished".to_owned();
        found.line("code.conflict_marker", Severity::Critical, (file, line.number), message);
    }
}

/// What is left behind, and whether it stops the program (a debugger) or only prints.
struct Leftover {
    text: &'static str,
    stops: bool,
}

const fn prints(text: &'static str) -> Leftover {
    Leftover { text, stops: false }
}

const fn stops(text: &'static str) -> Leftover {
    Leftover { text, stops: true }
}

fn leftovers(language: Language) -> &'static [Leftover] {
    match language {
        Language::Rust => const { &[prints("dbg!(")] },
        Language::JavaScript => const { &[prints("console.log("), prints("console.debug("), stops("debugger;")] },
        Language::Python => {
            const { &[stops("breakpoint()"), stops("pdb.set_trace("), prints("import pdb"), prints("import ipdb")] }
        }
        Language::Go => const { &[prints("spew.Dump(")] },
        Language::Ruby => const { &[stops("binding.pry"), stops("byebug")] },
        Language::Braces => const { &[prints("var_dump("), prints("NSLog(@\"DEBUG")] },
        Language::Shell | Language::Prose | Language::Other => &[],
    }
}

fn debug_leftovers(file: &FileChange, moved: &mut Moved<'_>, found: &mut Findings) {
    let language = Language::of(&file.path);
    for line in &file.added {
        let likely = leftovers(language).iter().filter(|leftover| line.text.contains(leftover.text));
        for leftover in likely {
            if !has_word(&language.parts(&line.text).code, leftover.text) || moved.excuses(&line.text) {
                continue;
            }
            let severity = match (leftover.stops, is_test_path(&file.path)) {
                (true, _) => Severity::High,
                (false, false) => Severity::Medium,
                (false, true) => Severity::Low,
            };
            let message = format!("left over from debugging: `{}`", leftover.text);
            found.line("code.debug_leftover", severity, (file, line.number), message);
            break;
        }
    }
}
