//! The rubric of the code reviewer: what it finds, and the near misses.

use omk::domain::review::Role;

use super::{deleted, edited, found, found_in, new, nothing};

#[test]
fn conflict_markers_are_critical() {
    let text = format!("{} ours\na\n=======\nb\n{} theirs", "<".repeat(7), ">".repeat(7));
    assert_eq!(
        found(Role::Code, vec![edited("CHANGELOG.md", "", &text)]),
        [1, 3, 5].map(|line| format!("code.conflict_marker critical CHANGELOG.md:{line}"))
    );
}

#[test]
fn headings_and_longer_rows_are_no_conflict_markers() {
    let near = format!("Title\n=======\n{}\n {} indented\n{}word", "<".repeat(8), "<".repeat(7), ">".repeat(7));
    assert_eq!(found(Role::Code, vec![edited("README.md", "", &near)]), nothing());
}

#[test]
fn debug_leftovers_are_found_by_language() {
    let cases = [
        ("a.rs", "    let x = dbg!(y);", "medium"),
        ("a.ts", "console.log(x)", "medium"),
        ("a.test.ts", "console.log(x)", "low"),
        ("a.js", "  debugger;", "high"),
        ("a.py", "    breakpoint()", "high"),
        ("a.py", "import pdb; pdb.set_trace()", "high"),
        ("a.rb", "binding.pry", "high"),
    ];
    for (path, line, severity) in cases {
        assert_eq!(found_in(Role::Code, path, line), [format!("code.debug_leftover {severity} {path}:1")], "{line}");
    }
}

#[test]
fn printing_strings_comments_and_other_languages_are_no_debug_leftovers() {
    let cases = [
        ("a.rs", "println!(\"{x}\");"),
        ("a.rs", "let mark = \"dbg!(\";"),
        ("a.rs", "// dbg!(x);"),
        ("a.rs", "my_dbg!(x);"),
        ("a.js", "console.error(e)"),
        ("a.js", "myconsole.log(e)"),
        ("a.md", "console.log(x)"),
        ("a.py", "set_breakpoint()"),
    ];
    for (path, line) in cases {
        assert_eq!(found_in(Role::Code, path, line), nothing(), "{line}");
    }
}

#[test]
fn leftovers_of_merges_are_found_where_they_are_new() {
    assert_eq!(found(Role::Code, vec![new("src/a.rs.orig", "x")]), ["code.merge_artefact high src/a.rs.orig"]);
    assert_eq!(found(Role::Code, vec![new("a.rej", "x")]), ["code.merge_artefact high a.rej"]);
    assert_eq!(
        found(Role::Code, vec![edited("data.orig", "", "x"), new("original", "x"), deleted("b.rej", "")]),
        nothing()
    );
}
