//! The rubric of the architect: what it finds, and the near misses.

use omk::domain::access::{AccessSet, PathPattern};
use omk::domain::change::{Change, FileChange};
use omk::domain::review::Role;
use omk::domain::task::GateKind;
use omk::review::{Brief, review};

use super::{edited, found, found_in, gate, new, nothing, places};

fn patterns(texts: &[&str]) -> Vec<PathPattern> {
    texts.iter().map(|text| PathPattern::parse(text).unwrap()).collect()
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
