//! The six rubrics: for each rule something that it finds, and a near miss.
//!
//! Marks that the rubrics look for are put together from parts where this file itself would be found otherwise.

use omk::domain::access::{AccessSet, PathPattern};
use omk::domain::change::{Change, EntryKind, FileChange, Line};
use omk::domain::evidence::{ArtifactRef, GateOutcome, GateResult};
use omk::domain::goal::SandboxLevel;
use omk::domain::ids::{ContentHash, GateName, TreeId};
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

// ---- the report ----

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

// ---- architect ----

fn patterns(texts: &[&str]) -> Vec<PathPattern> {
    texts.iter().map(|text| PathPattern::parse(text).unwrap()).collect()
}

fn gate(name: &str, command: &str, kind: GateKind) -> GateSpec {
    let name = GateName::parse(name).unwrap();
    GateSpec { name, command: GateCommand::Shell(command.to_owned()), kind, timeout_ms: 1, required: true }
}

/// What the architect finds under rights and a gate.
fn architect(writes: &[&str], merges: &[&str], command: &str, file: FileChange) -> Vec<String> {
    let access = AccessSet { reads: vec![], writes: patterns(writes), merges: patterns(merges) };
    let gates = [gate("g", command, GateKind::Test)];
    let change = Change { files: vec![file] };
    places(&review(
        Role::Architect,
        &Brief { change: &change, access: Some(&access), gates: &gates, gate_results: &[] },
    ))
}

#[test]
fn a_path_outside_the_access_set_blocks() {
    let at = |path| architect(&["src/a"], &["CHANGELOG.md"], "true", new(path, "x"));
    assert_eq!(at("src/ab/c.rs"), ["architect.outside_access high src/ab/c.rs"]);
    assert_eq!(at("src/a/c.rs"), nothing());
    assert_eq!(at("CHANGELOG.md"), nothing());
    assert_eq!(found(Role::Architect, vec![new("anywhere", "x")]), nothing());
}

#[test]
fn new_dependencies_of_every_kind_of_manifest_are_named() {
    let cases = [
        ("Cargo.toml", "serde = \"1\"\nlog.workspace = true", vec![1]),
        ("Cargo.toml", "rand = { version = \"0.9\" }\n[dependencies.tokio]\nversion = \"1\"", vec![1, 2]),
        ("a/Cargo.toml", "[dev-dependencies]\nproptest = \"1\"", vec![2]),
        ("package.json", "  \"left-pad\": \"^1.3.0\",", vec![1]),
        ("go.mod", "require github.com/a/b v1.2.3\n\tgolang.org/x/net v0.1.0 // indirect", vec![1]),
        ("pyproject.toml", "dependencies = [\n    \"requests>=2\",\n]", vec![2]),
        ("pyproject.toml", "[tool.poetry.dependencies]\npython = \"^3.12\"\nflask = \"^3\"", vec![3]),
        ("requirements-dev.txt", "# tools\nPyTest==8.0\n-r base.txt\nhttpx[http2]>=0.27", vec![2, 4]),
    ];
    for (path, added, expected) in cases {
        let expected: Vec<String> =
            expected.iter().map(|line| format!("architect.new_dependency medium {path}:{line}")).collect();
        assert_eq!(found_in(Role::Architect, path, added), expected, "{added}");
    }
}

#[test]
fn versions_keys_and_other_files_are_no_new_dependencies() {
    let raised = edited("Cargo.toml", "serde = \"1.0.1\"", "serde = \"1.0.2\"");
    assert_eq!(found(Role::Architect, vec![raised]), nothing());
    for (path, added) in [
        ("Cargo.toml", "version = \"0.2.0\"\nedition = \"2024\"\nname = \"a\"\ndescription = \"about git\""),
        ("Cargo.toml", "[features]\ndefault = [\"std\"]\n[profile.dev]\nopt-level = \"1\""),
        ("package.json", "  \"version\": \"1.2.3\",\n  \"name\": \"a\",\n  \"main\": \"index.js\","),
        ("go.mod", "module example.com/a\n\ngo 1.22"),
        ("pyproject.toml", "version = \"1.0\"\nrequires-python = \">=3.9\"\nname = \"a\""),
        ("src/deps.toml", "serde = \"1\""),
    ] {
        assert_eq!(found_in(Role::Architect, path, added), nothing(), "{added}");
    }
}

#[test]
fn a_dependency_in_a_manifest_outside_the_access_set_blocks() {
    assert_eq!(
        architect(&["src"], &[], "true", edited("Cargo.toml", "", "serde = \"1\"")),
        ["architect.outside_access high Cargo.toml", "architect.new_dependency high Cargo.toml:1"]
    );
    assert_eq!(
        architect(&["src"], &["Cargo.toml"], "true", edited("Cargo.toml", "", "serde = \"1\"")),
        ["architect.new_dependency medium Cargo.toml:1"]
    );
}

#[test]
fn what_alters_a_gate_has_to_be_named_literally() {
    for path in [
        ".cargo/config.toml",
        "a/.cargo/config",
        "rust-toolchain.toml",
        "build.rs",
        ".github/workflows/ci.yml",
        "pytest.ini",
    ] {
        let by = |writes: &[&str]| architect(writes, &[], "cargo test", new(path, "x"));
        assert_eq!(by(&["**"]), [format!("architect.gate_config high {path}")]);
        assert_eq!(by(&["**", path]), [format!("architect.gate_config medium {path}")]);
        assert_eq!(found(Role::Architect, vec![new(path, "x")]), [format!("architect.gate_config medium {path}")]);
    }
    for path in ["config.toml", "src/build.rs", "docs/workflows/ci.yml", "rust-toolchain.md"] {
        assert_eq!(architect(&["**"], &[], "cargo test", new(path, "x")), nothing(), "{path}");
    }
}

#[test]
fn lines_that_switch_tests_off_in_a_manifest_are_found() {
    let cases = [
        ("Cargo.toml", "[lib]\ntest = false", vec![2]),
        ("Cargo.toml", "test=false # quick", vec![1]),
        ("Cargo.toml", "autotests = false", vec![1]),
        ("Cargo.toml", "[[test]]\nharness = false", vec![2]),
        ("Cargo.toml", "[[bench]]\nname = \"b\"\nharness = false", vec![]),
        ("Cargo.toml", "test = true\n[[example]]\ntest = false", vec![]),
        ("package.json", "    \"test\": \"true\",", vec![1]),
        ("package.json", "    \"test:unit\": \"jest\",", vec![]),
        ("pyproject.toml", "addopts = \"-k nothing\"", vec![1]),
        (".gitattributes", "*.rs merge=union", vec![1]),
        (".gitattributes", "*.rs text eol=lf", vec![]),
    ];
    for (path, added, expected) in cases {
        let expected: Vec<String> =
            expected.iter().map(|line| format!("architect.gate_config high {path}:{line}")).collect();
        assert_eq!(architect(&["**"], &[], "cargo test", edited(path, "", added)), expected, "{added}");
    }
}

#[test]
fn the_files_that_a_gate_runs_are_part_of_it() {
    let finding = |path: &str| vec![format!("architect.gate_config high {path}")];
    let at = |command: &str, file| architect(&["**"], &[], command, file);
    assert_eq!(at("make test", edited("Makefile", "", "x")), finding("Makefile"));
    assert_eq!(at("cargo test", edited("Makefile", "", "x")), nothing());
    assert_eq!(at("A=1 sh -e ./scripts/gate.sh fast", edited("scripts/gate.sh", "", "x")), finding("scripts/gate.sh"));
    assert_eq!(at("cargo fmt && ./check", edited("check", "", "x")), finding("check"));
    assert_eq!(at("grep -q x src/lib.rs", edited("src/lib.rs", "", "x")), nothing());
    assert_eq!(at("sh gate.sh", new("gate.sh", "x")), nothing());
    assert_eq!(at("python3 -m pytest tests/a.py", edited("tests/a.py", "", "x")), nothing());
}

// ---- code ----

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

// ---- test ----

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
        assert_eq!(found_in(Role::Test, path, line), [format!("test.ignored {severity} {path}:1")], "{line}");
    }
}

#[test]
fn ordinary_conditions_and_look_alikes_are_not_switched_off_tests() {
    let cases = [
        ("tests/a.rs", "#[cfg(test)]"),
        ("tests/a.rs", "#[cfg(all(unix, not(miri), feature = \"x\"))]"),
        ("tests/a.rs", "#[cfg(target_os = \"linux\")]"),
        ("tests/a.rs", "// #[ignore]"),
        ("a.test.js", "exit('a')"),
        ("a.test.js", "iter.skip(1)"),
        ("a.test.js", "profit(1)"),
        ("tests/a.py", "rows = rows.skip(1)"),
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

// ---- security ----

fn aws() -> String {
    format!("AK{}", "IAQ3EGTZ5LXW2PRN7B")
}

fn secrets() -> Vec<(&'static str, String)> {
    let random = "7hQ2mZx9LpR4vT8nYc3WkB6sJd1FgA5eUo0i";
    vec![
        ("an AWS access key", aws()),
        ("a private key", format!("-----BEGIN RSA {} KEY-----", "PRIVATE")),
        ("a GitHub token", format!("gh{}_{random}", "p")),
        ("a Slack token", format!("xox{}-{random}", "b")),
        ("a Stripe key", format!("sk_{}_{random}", "live")),
        ("a Google API key", format!("AI{}{}", "za", &random[..35])),
        ("a JSON web token", format!("ey{0}hbGciOiJIUzI1NiJ9.ey{0}zdWIiOiIxMjM0NTY3ODkwIn0.{random}", "J")),
    ]
}

#[test]
fn secrets_are_critical_and_never_repeated() {
    for (kind, secret) in secrets() {
        let review = report(Role::Security, vec![edited("tests/a.rs", "", &format!("let x = \"{secret}\";"))]);
        assert_eq!(places(&review), ["security.secret critical tests/a.rs:1"], "{kind}");
        let message = &review.findings[0].message;
        assert!(message.starts_with(kind) && !message.contains(&secret[..12]), "{message}");
        assert!(!serde_json::to_string(&review).unwrap().contains(&secret));
    }
}

#[test]
fn passwords_in_source_block_where_they_are_random_enough() {
    let value = format!("{}{}", "hK9#v", "Lq2!mZ");
    for line in [
        format!("password = \"{value}\""),
        format!("  api_key: '{value}',"),
        format!("let db_secret: &str = \"{value}\";"),
    ] {
        let review = report(Role::Security, vec![edited("src/a.rs", "", &line)]);
        assert_eq!(places(&review), ["security.secret high src/a.rs:1"], "{line}");
        assert!(!review.findings[0].message.contains(&value));
        assert_eq!(found_in(Role::Security, "tests/a.rs", &line), ["security.secret low tests/a.rs:1"]);
    }
}

#[test]
fn samples_references_and_look_alikes_are_no_secrets() {
    let cases = [
        format!("AK{}", "IAIOSFODNN7EXAMPLE"),
        format!("X{}", aws()),
        format!("gh{}_short", "p"),
        format!("gh{}_{}", "p", "x".repeat(36)),
        "-----BEGIN PUBLIC KEY-----".to_owned(),
        "password = \"changeme-now-1\"".to_owned(),
        "password = \"${DB_PASSWORD_1}\"".to_owned(),
        "password = env(\"DATABASE_URL9\")".to_owned(),
        "let token = next(\"Abc12345xyz\");".to_owned(),
        "const TOKEN_URL: &str = \"https://a.example/oauth2\";".to_owned(),
        "let token_kind = \"identifier\";".to_owned(),
        "if password == \"hK9#vLq2!mZ\" {".to_owned(),
    ];
    for line in cases {
        assert_eq!(found_in(Role::Security, "src/a.rs", &line), nothing(), "{line}");
    }
}

#[test]
fn new_executables_are_found_and_block_where_nobody_can_read_them() {
    let text = FileChange { after: Some(EntryKind::Executable), ..new("run.sh", "echo") };
    let binary = FileChange { binary: true, ..text.clone() };
    let turned = FileChange { before: Some(EntryKind::File), ..text.clone() };
    let before = FileChange { before: Some(EntryKind::Executable), ..text.clone() };
    assert_eq!(found(Role::Security, vec![text]), ["security.executable medium run.sh"]);
    assert_eq!(found(Role::Security, vec![binary]), ["security.executable high run.sh"]);
    assert_eq!(found(Role::Security, vec![turned]), ["security.executable medium run.sh"]);
    assert_eq!(found(Role::Security, vec![before]), nothing());
}

#[test]
fn links_are_found_and_block_where_they_leave_the_repository() {
    for (path, target, severity) in [
        ("a/b", "/etc/passwd", "high"),
        ("a/b", "../../x", "high"),
        ("a/b", "c/../../../x", "high"),
        ("a", ".git/config", "high"),
        ("a/b", "../x", "medium"),
        ("a", "b", "medium"),
    ] {
        assert_eq!(
            found(Role::Security, vec![link(path, target)]),
            [format!("security.symlink {severity} {path}")],
            "{target}"
        );
    }
    let replaced = FileChange { before: Some(EntryKind::Symlink), ..new("a", "now a file") };
    assert_eq!(found(Role::Security, vec![replaced]), nothing());
}

#[test]
fn files_that_usually_hold_keys_are_found_by_name() {
    for path in [".env", "a/.env.production", "server.pem", ".ssh/id_rsa"] {
        assert_eq!(found(Role::Security, vec![new(path, "x")]), [format!("security.sensitive_file high {path}")]);
    }
    assert_eq!(found(Role::Security, vec![edited(".env", "", "x")]), ["security.sensitive_file medium .env"]);
    assert_eq!(
        found(Role::Security, vec![new("tests/data/ca.pem", "x")]),
        ["security.sensitive_file medium tests/data/ca.pem"]
    );
    for path in [".env.example", "environment", "src/env.rs", "id_rsa.pub"] {
        assert_eq!(found(Role::Security, vec![new(path, "x")]), nothing(), "{path}");
    }
    assert_eq!(found(Role::Security, vec![deleted(".env", "x")]), nothing());
}

#[test]
fn what_is_fetched_and_run_unseen_blocks() {
    let pipe = "|";
    let lines = [
        format!("curl -sSf https://a.example/x.sh {pipe} sh"),
        format!("RUN wget -qO- https://a.example {pipe} sudo -E bash -"),
        "bash <(curl -s https://a.example)".to_owned(),
        "sh -c \"$(curl -fsSL https://a.example)\"".to_owned(),
    ];
    for line in &lines {
        assert_eq!(
            found_in(Role::Security, "Dockerfile", line),
            ["security.pipe_to_shell high Dockerfile:1"],
            "{line}"
        );
    }
    assert_eq!(found_in(Role::Security, "README.md", &lines[0]), ["security.pipe_to_shell low README.md:1"]);
    for line in [
        format!("curl -s https://a.example {pipe} jq ."),
        format!("# curl https://a.example {pipe} sh"),
        "curl -o x.sh https://a.example".to_owned(),
        format!("curl https://a.example {pipe} shasum"),
    ] {
        assert_eq!(found_in(Role::Security, "install.sh", &line), nothing(), "{line}");
    }
}

// ---- performance ----

fn result(name: &str, outcome: GateOutcome) -> GateResult {
    let hash = ContentHash::parse(&"0".repeat(64)).unwrap();
    GateResult {
        gate: GateName::parse(name).unwrap(),
        kind: GateKind::Bench,
        required: true,
        tree: TreeId::parse(&"0".repeat(40)).unwrap(),
        gate_hash: hash.clone(),
        env_hash: hash.clone(),
        sandbox: SandboxLevel::None,
        outcome,
        duration_ms: 1,
        cold: true,
        tests: None,
        test_names: None,
        lost_tests: vec![],
        log: ArtifactRef { path: "artifacts/gates/speed.log".to_owned(), sha256: hash, bytes: 0 },
        excerpt: String::new(),
        survivors: vec![],
    }
}

fn performance(gates: &[GateSpec], gate_results: &[GateResult]) -> Review {
    review(Role::Performance, &Brief { change: &Change::default(), access: None, gates, gate_results })
}

#[test]
fn without_a_bench_gate_performance_does_not_apply() {
    let review = performance(&[gate("perf", "x", GateKind::Test)], &[result("perf", GateOutcome::Red { exit: 1 })]);
    assert_eq!(review.verdict, Verdict::NotApplicable);
    assert_eq!(review.summary, "the plan has no gate of kind `bench`, so nothing measures speed");
}

#[test]
fn a_bench_gate_decides_the_performance_review() {
    let gates = [gate("speed", "x", GateKind::Bench)];
    assert_eq!(performance(&gates, &[result("speed", GateOutcome::Green)]).verdict, Verdict::Passed);
    let red = performance(&gates, &[result("speed", GateOutcome::Red { exit: 3 })]);
    assert_eq!(
        (red.verdict, places(&red)),
        (Verdict::Blocked, vec!["performance.bench high artifacts/gates/speed.log".to_owned()])
    );
    assert_eq!(red.findings[0].message, "the bench gate `speed` is red (exit status 3)");
    let optional = GateResult { required: false, ..result("speed", GateOutcome::TimedOut) };
    assert_eq!(performance(&gates, &[optional]).verdict, Verdict::Passed);
}

#[test]
fn a_bench_gate_that_was_not_run_to_its_end_judges_nothing() {
    let gates = [gate("speed", "x", GateKind::Bench)];
    for results in [vec![], vec![result("speed", GateOutcome::Stopped)]] {
        let review = performance(&gates, &results);
        assert_eq!(review.verdict, Verdict::NotApplicable);
        assert_eq!(review.summary, "no bench gate was run to its end on this change (speed)");
    }
}

// ---- anti-slop ----

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
        ("src/a.js", "promise.catch(() => {})"),
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
