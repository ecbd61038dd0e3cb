//! Which changes alter what a gate means: build configuration, toolchain files, the gate's own script.
//!
//! Knows the ways by which a failing test command was made to exit 0: a cargo `runner = "true"`, a toolchain file
//! that points elsewhere, `[lib] test = false`, an emptied make target, a rewritten script.

use super::language::{file_name, is_below};
use crate::domain::change::{EntryKind, FileChange, Line};
use crate::domain::task::{GateCommand, GateSpec};

/// A change that alters what gates mean.
pub(super) struct Input {
    /// The line; `None` where the whole file does it.
    pub(super) line: Option<u32>,
    /// What it is, as the beginning of a sentence.
    pub(super) what: String,
}

/// What in `file` alters the meaning of a gate.
pub(super) fn altered(file: &FileChange, gates: &[GateSpec]) -> Vec<Input> {
    if let Some(what) = by_path(file, gates) {
        return vec![Input { line: None, what }];
    }
    let name = file_name(&file.path);
    let input = |(line, what): (u32, &str)| Input { line: Some(line), what: what.to_owned() };
    match name {
        "Cargo.toml" => cargo_manifest(file).into_iter().map(input).collect(),
        "package.json" => matching(file, is_npm_test, "the `test` script decides what `npm test` runs"),
        "pyproject.toml" | "setup.cfg" => matching(file, is_addopts, "`addopts` decides which tests pytest runs"),
        ".gitattributes" => matching(file, is_driver, "a merge driver or filter changes what git sees"),
        _ => Vec::new(),
    }
}

fn by_path(file: &FileChange, gates: &[GateSpec]) -> Option<String> {
    let (path, name) = (file.path.as_str(), file_name(&file.path));
    if is_below(path, &[".cargo"]) && matches!(name, "config.toml" | "config") {
        return Some("cargo's configuration decides what `cargo test` runs".to_owned());
    }
    if matches!(name, "rust-toolchain" | "rust-toolchain.toml" | ".python-version" | ".nvmrc" | ".tool-versions") {
        return Some("the toolchain file decides which compiler or interpreter the gates run".to_owned());
    }
    if matches!(name, "pytest.ini" | "tox.ini") {
        return Some("this file decides which tests pytest runs".to_owned());
    }
    if name == "build.rs" && !is_below(path, &["src"]) {
        return Some("a build script runs whenever the gates build".to_owned());
    }
    if is_ci(path, name) {
        return Some("this file decides what the continuous integration checks".to_owned());
    }
    by_gate(file, gates)
}

fn is_ci(path: &str, name: &str) -> bool {
    path.starts_with(".github/workflows/")
        || [".ci/", ".circleci/", ".buildkite/"].iter().any(|directory| path.starts_with(directory))
        || matches!(name, ".gitlab-ci.yml" | "Jenkinsfile" | ".travis.yml" | "azure-pipelines.yml")
}

/// The makefile of a make gate, or a script that a gate runs and that was there before.
fn by_gate(file: &FileChange, gates: &[GateSpec]) -> Option<String> {
    let is_makefile = matches!(file.path.as_str(), "Makefile" | "makefile" | "GNUmakefile");
    gates.iter().find_map(|gate| {
        let programs = programs(&gate.command);
        if is_makefile && programs.iter().any(|program| matches!(file_name(program), "make" | "gmake")) {
            return Some(format!("the gate `{}` runs this makefile", gate.name));
        }
        let runs =
            file.before.is_some() && programs.iter().any(|program| program.trim_start_matches("./") == file.path);
        runs.then(|| format!("the gate `{}` runs this file", gate.name))
    })
}

/// What a gate's command starts: programs, and the scripts that it gives to interpreters.
fn programs(command: &GateCommand) -> Vec<String> {
    match command {
        GateCommand::Argv(words) => started(words.iter().map(String::as_str)).into_iter().collect(),
        GateCommand::Shell(line) => {
            let parts = line.split(['\n', ';', '|', '&', '(', ')']);
            parts.filter_map(|part| started(part.split_whitespace())).collect()
        }
    }
}

fn started<'a>(words: impl Iterator<Item = &'a str>) -> Option<String> {
    const WRAPPERS: [&str; 6] = ["env", "exec", "time", "nice", "timeout", "!"];
    let unquoted = words.map(|word| word.trim_matches(['"', '\'']));
    let mut words = unquoted.skip_while(|word| WRAPPERS.contains(word) || word.contains('='));
    let program = words.next()?;
    let Some(takes_code) = code_flag(file_name(program)) else { return Some(program.to_owned()) };
    match words.find(|word| !word.starts_with('-') || takes_code(word)) {
        Some(word) if !word.starts_with('-') => Some(word.to_owned()),
        Some(_) | None => Some(program.to_owned()),
    }
}

/// For an interpreter, which of its flags say that no file follows.
fn code_flag(interpreter: &str) -> Option<fn(&str) -> bool> {
    match interpreter {
        "sh" | "bash" | "dash" | "zsh" => Some(|flag| !flag.starts_with("--") && flag.contains('c')),
        "python" | "python3" => Some(|flag| matches!(flag, "-c" | "-m")),
        "node" | "ruby" | "perl" => Some(|flag| flag == "-e"),
        _ => None,
    }
}

fn matching(file: &FileChange, is_match: fn(&str) -> bool, what: &str) -> Vec<Input> {
    if file.before.is_none() && file.after == Some(EntryKind::File) && file_name(&file.path) != ".gitattributes" {
        // A new package states its tests; there was nothing that this could weaken.
        return Vec::new();
    }
    let lines = file.added.iter().filter(|line| is_match(line.text.trim()));
    lines.map(|line| Input { line: Some(line.number), what: what.to_owned() }).collect()
}

fn is_npm_test(line: &str) -> bool {
    ["\"test\":", "\"pretest\":", "\"posttest\":"].iter().any(|key| line.starts_with(key))
}

fn is_addopts(line: &str) -> bool {
    line.starts_with("addopts") || line.starts_with("testpaths") || line.starts_with("collect_ignore")
}

fn is_driver(line: &str) -> bool {
    !line.starts_with('#') && (line.contains("merge=") || line.contains("filter="))
}

/// Keys of a manifest that switch tests off. Where the section is not part of the change, it is taken to be one that
/// matters; `[[bench]]` and `[[example]]` are known to be harmless.
fn cargo_manifest(file: &FileChange) -> Vec<(u32, &'static str)> {
    let mut found = Vec::new();
    for run in super::moved::runs(&file.added) {
        let mut harmless = false;
        for Line { number, text } in run {
            let line: String = text.chars().filter(|c| !c.is_whitespace()).collect();
            match line.as_str() {
                section if section.starts_with('[') => harmless = matches!(section, "[[bench]]" | "[[example]]"),
                key if !harmless && key.starts_with("test=false") => {
                    found.push((*number, "`test = false` compiles tests out"))
                }
                key if key.starts_with("autotests=false") => {
                    found.push((*number, "`autotests = false` leaves test files out"))
                }
                key if !harmless && key.starts_with("harness=false") => {
                    found.push((*number, "`harness = false` replaces the test harness"));
                }
                key if key.starts_with("build=") => {
                    found.push((*number, "a build script runs whenever the gates build"))
                }
                _ => {}
            }
        }
    }
    found
}
