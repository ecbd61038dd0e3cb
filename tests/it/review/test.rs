//! The rubric of the test reviewer: what it finds, and the near misses.

use omk::domain::review::Role;

use super::{deleted, edited, found, found_in, new, nothing, places, report};

#[test]
fn a_removed_test_blocks_in_every_language() {
    let cases = [
        ("src/a.rs", "#[test]\nfn works() {\n}", 2),
        ("src/a.rs", "#[tokio::test]\nasync fn works() {\n}", 2),
        ("src/a.rs", "fn works() {\n}\n\n#[test]", 1),
        ("a.test.js", "it('works', () => {\n})", 1),
        ("tests/a.py", "    def test_works(self):", 1),
        ("a_test.go", "func TestWorks(t *testing.T) {", 1),
    ];
    for (path, removed, line) in cases {
        let expected = [format!("test.removed high {path}:{line}")];
        assert_eq!(found(Role::Test, vec![edited(path, removed, "let a = 1;")])[..1], expected, "{removed}");
    }
}

#[test]
fn a_test_that_is_rewritten_or_moved_is_not_removed() {
    let test = "#[test]\nfn works() {\n    assert!(a);\n}";
    let rewritten = edited("src/a.rs", test, "#[test]\nfn works() -> Result<()> {\n    assert!(b);\n}");
    assert_eq!(found(Role::Test, vec![rewritten]), nothing());
    let moved = vec![edited("src/a.rs", test, ""), new("tests/a.rs", test)];
    assert_eq!(found(Role::Test, moved), nothing());
    let only_code = edited("src/a.rs", "fn works() {}", "#[test]\nfn other() {}");
    assert_eq!(found(Role::Test, vec![only_code]), nothing());
    let once = vec![edited("a_test.go", "func TestA(t", ""), edited("b_test.go", "func TestA(t", "func TestA(t")];
    assert_eq!(found(Role::Test, once), ["test.removed high b_test.go:1"]);
}

#[test]
fn a_test_attribute_that_is_taken_away_blocks() {
    assert_eq!(
        found(Role::Test, vec![edited("src/a.rs", "    #[test]", "    #[allow(dead_code)]")])[..1],
        ["test.removed high src/a.rs:1"]
    );
    let without = edited("src/a.rs", "#[test]\nfn works() {", "fn works() {");
    assert_eq!(found(Role::Test, vec![without])[..1], ["test.removed high src/a.rs:1"]);
}

#[test]
fn a_deleted_test_file_blocks_unless_its_tests_live_on() {
    let tests = "#[test]\nfn a() {}\n#[test]\nfn b() {}";
    let review = report(Role::Test, vec![deleted("tests/x.rs", tests)]);
    assert_eq!(places(&review), ["test.deleted_file high tests/x.rs"]);
    assert_eq!(review.findings[0].message, "the file is deleted, and with it the test `a` and 1 more");
    assert_eq!(found(Role::Test, vec![deleted("a.spec.ts", "helper()")]), ["test.deleted_file high a.spec.ts"]);
    assert_eq!(found(Role::Test, vec![deleted("tests/x.rs", tests), new("tests/y.rs", tests)]), nothing());
    assert_eq!(found(Role::Test, vec![deleted("a.spec.ts", "h()"), new("b/a.spec.ts", "h()")]), nothing());
    assert_eq!(found(Role::Test, vec![deleted("tests/data/input.txt", "x")]), nothing());
}

#[test]
fn tests_that_are_switched_off_are_found() {
    let cases = [
        ("tests/a.rs", "#[ignore = \"slow\"]", "high"),
        ("tests/a.rs", "    #[cfg_attr(all(), ignore)]", "high"),
        ("tests/a.rs", "#[cfg_attr(not(windows), ignore = \"x\")]", "high"),
        ("tests/a.rs", "#[cfg_attr(miri, ignore)] // too slow", "low"),
        ("tests/a.rs", "#[cfg_attr(target_os = \"macos\", ignore)]", "low"),
        ("src/a.rs", "#[cfg(nope)]", "high"),
        ("src/a.rs", "#[cfg(nope)]\nmod tests {", "high"),
        ("src/a.rs", "#[cfg(nope)]\nfn part() {}\nassert!(true)", "medium"),
        ("tests/a.rs", "#[cfg(nope)]", "high"),
        ("tests/a.rs", "#[cfg(all(test, never))]", "high"),
        ("tests/a.rs", "#![cfg(any())]", "high"),
        ("a.test.js", "it.skip('a', () => {", "high"),
        ("a.test.js", "  xit('a', () => {", "high"),
        ("a.test.js", "describe.only('a', () => {", "high"),
        ("tests/a.py", "@pytest.mark.skip(reason='x')", "high"),
        ("tests/a.py", "@pytest.mark.skipif(True)", "medium"),
        ("a_test.go", "\tt.Skip(\"later\")", "high"),
    ];
    for (path, line, severity) in cases {
        assert_eq!(found_in(Role::Test, path, line)[..1], [format!("test.ignored {severity} {path}:1")], "{line}");
    }
}

#[test]
fn ordinary_conditions_and_look_alikes_are_not_switched_off_tests() {
    let cases = [
        ("tests/a.rs", "#[cfg(test)]"),
        ("tests/a.rs", "#[cfg(all(unix, not(miri), feature = \"x\"))]"),
        ("tests/a.rs", "#[cfg(target_os = \"linux\")]"),
        ("tests/a.rs", "#[cfg(not(internal_counters))]"),
        ("tests/a.rs", "#[cfg(any(internal_counters, unix))]"),
        ("tests/a.rs", "#[cfg($meta)]"),
        ("tests/a.rs", "#[cfg_attr(test, derive(Debug))] // ignore"),
        ("tests/a.rs", "// #[ignore]"),
        ("a.test.js", "exit('a')"),
        ("a.test.js", "iter.skip(1)"),
        ("a.test.js", "profit(1)"),
        ("tests/a.py", "rows = rows.skip(1)"),
        ("tests/a.py", "return unittest.skip(reason)(test)"),
        ("tests/a.rs", "#![cfg(any("),
        ("a_test.go", "\tlist.Skip(1)"),
        ("tests/a.md", "#[ignore]"),
    ];
    for (path, line) in cases {
        assert_eq!(found_in(Role::Test, path, line), nothing(), "{line}");
    }
}

#[test]
fn source_without_a_test_is_said() {
    assert_eq!(found_in(Role::Test, "src/a.rs", "let a = 1;"), ["test.no_test_change info src/a.rs"]);
    assert_eq!(found(Role::Test, vec![edited("src/a.rs", "", "a();"), edited("tests/a.rs", "", "b();")]), nothing());
    assert_eq!(found_in(Role::Test, "src/a.rs", "    assert_eq!(a(), 1);"), nothing());
    assert_eq!(found_in(Role::Test, "README.md", "text"), nothing());
}
