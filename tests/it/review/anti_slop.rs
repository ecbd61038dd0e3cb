//! The rubric of the anti-slop reviewer: what it finds, and the near misses.

use omk::domain::review::Role;

use super::{edited, found, found_in, new, nothing, report};

#[test]
fn placeholders_are_found() {
    let cases = [
        ("src/a.rs", "// TODO: later", "low"),
        ("src/a.py", "# FIXME", "low"),
        ("notes.md", "- TODO", "info"),
        ("tests/a.rs", "// XXX", "info"),
        ("src/a.rs", "    None => todo!(\"x\"),", "medium"),
        ("src/a.rs", "let x = unimplemented!();", "medium"),
        ("src/a.py", "    raise NotImplementedError()", "medium"),
        ("src/a.go", "return errors.New(\"not implemented\")", "low"),
    ];
    for (path, line, severity) in cases {
        assert_eq!(
            found_in(Role::AntiSlop, path, line),
            [format!("anti_slop.placeholder {severity} {path}:1")],
            "{line}"
        );
    }
}

#[test]
fn words_that_contain_a_mark_are_no_placeholders() {
    for (path, line) in [
        ("src/a.rs", "let TODOS = 1;"),
        ("src/a.rs", "let mark = \"todo!(\";"),
        ("src/a.rs", "mktemp(\"/tmp/a.XXXXXX\")"),
        ("src/a.rs", "fn todo_list() {"),
        ("notes.md", "todo!() is a macro; this is not implemented"),
    ] {
        assert_eq!(found_in(Role::AntiSlop, path, line), nothing(), "{line}");
    }
}

#[test]
fn left_out_code_blocks() {
    for (path, line) in [
        ("src/a.rs", "    // ... existing code ..."),
        ("src/a.ts", "// rest of the code remains the same"),
        ("src/a.py", "    # your code here"),
        ("src/a.py", "# … remaining code unchanged"),
        ("a.html", "<!-- ... rest of the page ... -->"),
        ("a.html", "<p>Lorem ipsum dolor</p>"),
    ] {
        assert_eq!(found_in(Role::AntiSlop, path, line), [format!("anti_slop.elision high {path}:1")], "{line}");
    }
}

#[test]
fn prose_strings_and_whole_sentences_are_no_left_out_code() {
    for (path, line) in [
        ("src/a.rs", "/// // ... rest of the example"),
        ("src/a.rs", "// keeps the rest of the code simple"),
        ("src/a.rs", "const MARK: &str = \"... existing code ...\";"),
        ("src/a.rs", "let remaining = code.len();"),
        ("guide.md", "... existing code ..."),
        ("src/a.rs", "// The implementation of this is unchanged since 1998."),
    ] {
        assert_eq!(found_in(Role::AntiSlop, path, line), nothing(), "{line}");
    }
    assert_eq!(found_in(Role::AntiSlop, "tests/a.html", "Lorem ipsum"), ["anti_slop.elision low tests/a.html:1"]);
}

/// The lines of stubs in a new file.
fn stubs(path: &str, text: &str) -> Vec<String> {
    let all = found(Role::AntiSlop, vec![new(path, text)]);
    all.into_iter().filter(|finding| finding.starts_with("anti_slop.stub")).collect()
}

#[test]
fn functions_whose_whole_body_is_a_stub_block() {
    for (path, text) in [
        ("src/a.rs", "pub fn a(x: u32) -> u32 {\n    todo!()\n}"),
        ("src/a.rs", "fn a() { unimplemented!() }"),
        ("src/a.rs", "fn a(\n) -> u32 {\n    // soon\n    todo!();\n}"),
        ("src/a.py", "def a(x):\n    \"\"\"Does it.\"\"\"\n    pass\n\nB = 1"),
        ("src/a.py", "async def a(x):\n    raise NotImplementedError"),
        ("src/a.js", "function a(x) {\n  return null; // stub\n}"),
        ("src/a.ts", "const a = (x) => {\n  throw new Error(\"Not implemented\");\n};"),
        ("src/a.go", "func A() error {\n\tpanic(\"not implemented\")\n}"),
    ] {
        let line = if text.contains(") -> u32 {\n    // soon") { 2 } else { 1 };
        assert_eq!(stubs(path, text), [format!("anti_slop.stub high {path}:{line}")], "{text}");
    }
    assert_eq!(stubs("src/a.py", "    def a(self):\n        pass"), ["anti_slop.stub medium src/a.py:1"]);
    assert_eq!(stubs("tests/a.py", "def a(x):\n    pass"), ["anti_slop.stub low tests/a.py:1"]);
}

#[test]
fn functions_that_do_something_are_no_stubs() {
    for (path, text) in [
        ("src/a.rs", "fn a(x: u32) -> u32 {\n    if x == 0 {\n        todo!()\n    }\n    x\n}"),
        ("src/a.rs", "fn a() {}"),
        ("src/a.py", "@abstractmethod\ndef a(x):\n    raise NotImplementedError"),
        ("src/a.py", "def a(x):\n    if x:\n        pass\n    return 1"),
        ("src/a.py", "class A(Exception):\n    pass"),
        ("src/a.js", "function a(x) {\n  return null;\n}"),
        ("src/a.js", "if (x) {\n  throw new Error(\"not implemented\");\n}"),
    ] {
        assert_eq!(stubs(path, text), nothing(), "{text}");
    }
}

#[test]
fn errors_that_are_dropped_without_a_word_are_found() {
    for (path, text, line) in [
        ("src/a.js", "try {\n  a();\n} catch (e) {}", 3),
        ("src/a.ts", "} catch {\n}", 1),
        ("src/a.js", "promise.catch(() => {})", 1),
        ("src/A.java", "} catch (IOException e) {\n}", 1),
        ("src/a.py", "try:\n    a()\nexcept ValueError:\n    pass", 3),
        ("src/a.py", "except: pass", 1),
    ] {
        assert_eq!(
            found_in(Role::AntiSlop, path, text),
            [format!("anti_slop.empty_catch medium {path}:{line}")],
            "{text}"
        );
    }
    for (path, text) in [
        ("src/a.js", "} catch (e) {\n  report(e);\n}"),
        ("src/a.js", "} catch (e) { /* gone already */ }"),
        ("src/a.js", "} catch (e) { // gone already\n}"),
        ("src/a.py", "except ValueError:\n    pass  # no such entry"),
        ("src/a.js", "function catchAll() {}"),
    ] {
        assert_eq!(found_in(Role::AntiSlop, path, text), nothing(), "{text}");
    }
}

#[test]
fn names_that_nobody_meant_to_keep_are_found_on_new_files() {
    for path in ["src/report_final_v2.rs", "tmp_out.txt", "Untitled.md", "a/main_old.py", "b.rs.bak"] {
        assert_eq!(found(Role::AntiSlop, vec![new(path, "x")]), [format!("anti_slop.junk_name low {path}")]);
    }
    for path in ["src/finality.rs", "template.rs", "src/threshold.rs", "tmpfs.rs"] {
        assert_eq!(found(Role::AntiSlop, vec![new(path, "x")]), nothing(), "{path}");
    }
    assert_eq!(found(Role::AntiSlop, vec![edited("tmp_a.rs", "", "x")]), nothing());
}

#[test]
fn names_out_of_a_change_cannot_carry_terminal_escapes() {
    let review = report(Role::Test, vec![edited("a.test.js", "it('\u{1b}[2J', () => {", "")]);
    assert_eq!(review.findings[0].message, "the test `\\u{1b}[2J` is removed");
}
