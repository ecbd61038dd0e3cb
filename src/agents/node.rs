//! Whether an agent that is a Node program has a Node that it can run on.
//!
//! Only says why an agent cannot be used; nothing is refused because of it.

use std::io::Read;
use std::path::Path;

use serde_json::Value;

/// How far above a program its package is looked for, in directories.
const HIGHEST: usize = 5;
/// Words beside `node` by which a line is about which Node will do.
const ABOUT_VERSIONS: &[&str] =
    &["require", "support", "upgrade", "update", "minimum", "at least", "or later", "or higher", "or newer", "engine"];

/// The versions of Node that a program's package names as its `engines`; `None` where it is no Node program, or does
/// not say. Reads files: blocks.
pub(super) fn wanted(program: &Path) -> Option<String> {
    let file = program.canonicalize().ok()?;
    if !is_run_by_node(&file) {
        return None;
    }
    let package = file.ancestors().skip(1).take(HIGHEST).map(|dir| dir.join("package.json")).find(|it| it.is_file())?;
    let package: Value = serde_json::from_slice(&std::fs::read(package).ok()?).ok()?;
    package.pointer("/engines/node").and_then(Value::as_str).map(|range| range.trim().to_owned())
}

fn is_run_by_node(file: &Path) -> bool {
    let mut head = Vec::new();
    let read = std::fs::File::open(file).map(|file| file.take(128).read_to_end(&mut head));
    let first = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
    read.is_ok() && first.starts_with("#!") && first.split(['/', ' ']).any(|word| word.trim() == "node")
}

/// The version that Node itself prints when it ends with an error that nobody caught.
pub(super) fn that_died(words: &str) -> Option<&str> {
    let mut lines = words.lines().rev().map(str::trim);
    lines.find_map(|line| line.strip_prefix("Node.js ").filter(|version| numbers(version).is_some()))
}

/// The Node that a program runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Of this version.
    Version(String),
    /// There is none.
    Missing,
    /// Nobody knows.
    NotKnown,
}

/// Why a program's Node will not do: `wanted` is what its package names, `words` what it printed.
pub(super) fn fault(wanted: Option<&str>, found: &Found, words: &str) -> Option<String> {
    match (wanted, found) {
        (Some(wanted), Found::Version(found)) if within(wanted, found) == Some(false) => {
            return Some(format!("it needs Node {wanted}, and runs on {found}: put another `node` first in PATH"));
        }
        (Some(wanted), Found::Missing) => {
            return Some(format!("it needs Node {wanted}, and there is no `node` in PATH"));
        }
        (Some(_) | None, Found::Version(_) | Found::NotKnown) | (None, Found::Missing) => {}
    }
    let line = words.lines().map(str::trim).find(|line| is_about_versions(line))?;
    Some(format!("it cannot use this Node: {line}"))
}

fn is_about_versions(line: &str) -> bool {
    let line = line.to_lowercase();
    let mut words = line.split_whitespace().map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()));
    let names_node = words.any(|word| matches!(word, "node" | "node.js" | "nodejs"));
    names_node && line.contains(|c: char| c.is_ascii_digit()) && ABOUT_VERSIONS.iter().any(|about| line.contains(about))
}

type Version = [u64; 3];

/// Whether a version is in a range as npm writes them; `None` where the range or the version is not understood.
fn within(range: &str, version: &str) -> Option<bool> {
    let (version, _) = numbers(version)?;
    let alternatives: Option<Vec<bool>> = range.split("||").map(|one| in_all(one, version)).collect();
    Some(alternatives?.into_iter().any(|within| within))
}

/// Whether a version is within all comparators of a list.
fn in_all(list: &str, version: Version) -> Option<bool> {
    if let Some((from, to)) = list.split_once(" - ") {
        let ((from, _), (to, given)) = (numbers(from)?, numbers(to)?);
        return Some(version >= from && version[..given] <= to[..given]);
    }
    // An operator may stand apart from its version.
    let mut spaced = list.trim().to_owned();
    for operator in [">=", "<=", ">", "<", "^", "~", "="] {
        while spaced.contains(&format!("{operator} ")) {
            spaced = spaced.replace(&format!("{operator} "), operator);
        }
    }
    spaced
        .split_whitespace()
        .map(|one| fits(one, version))
        .collect::<Option<Vec<_>>>()
        .map(|all| all.iter().all(|it| *it))
}

fn fits(comparator: &str, version: Version) -> Option<bool> {
    if matches!(comparator, "*" | "x" | "X") {
        return Some(true);
    }
    let split = comparator.find(|c: char| !"<>=^~".contains(c))?;
    let (operator, limit) = comparator.split_at(split);
    let (limit, given) = numbers(limit)?;
    // As many numbers as the range names count.
    let (ours, theirs) = (&version[..given], &limit[..given]);
    Some(match operator {
        ">=" => version >= limit,
        ">" => ours > theirs,
        "<" => version < limit,
        "<=" => ours <= theirs,
        "^" => version >= limit && version[0] == limit[0],
        "~" => version >= limit && version[..given.min(2)] == limit[..given.min(2)],
        "" | "=" => ours == theirs,
        _ => return None,
    })
}

/// The numbers of a version, and how many of them it names; `x` names none.
fn numbers(text: &str) -> Option<(Version, usize)> {
    let text = text.trim().trim_start_matches('v').split(['-', '+']).next()?;
    let (mut version, mut given) = ([0; 3], 0);
    for part in text.split('.').take_while(|part| !matches!(*part, "x" | "X" | "*")) {
        *version.get_mut(given)? = part.parse().ok()?;
        given += 1;
    }
    (given > 0).then_some((version, given))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_npm_reads_them() {
        for (range, in_it, out_of_it) in [
            (">=22.19.0", ["22.19.0", "v24.1.0"], ["v22.18.9", "20.20.2"]),
            (">=22", ["22.0.0", "23.1.0"], ["21.9.9", "v20.20.2"]),
            (">= 18.17 <21", ["18.17.0", "20.99.1"], ["18.16.9", "21.0.0"]),
            ("^20.3 || ^22", ["20.3.1", "22.0.0"], ["20.2.9", "21.5.0"]),
            ("~20.3.1", ["20.3.1", "20.3.9"], ["20.4.0", "20.3.0"]),
            ("18.x", ["18.0.0", "18.9.1"], ["19.0.0", "17.9.9"]),
            ("18 - 20", ["18.0.0", "20.20.2"], ["21.0.0", "17.0.0"]),
            (">20 <=22", ["21.0.0", "22.7.0"], ["20.20.2", "23.0.0"]),
        ] {
            assert_eq!(in_it.map(|version| within(range, version)), [Some(true); 2], "{range}");
            assert_eq!(out_of_it.map(|version| within(range, version)), [Some(false); 2], "{range}");
        }
        assert_eq!([within("*", "1.2.3"), within("lts", "1.2.3"), within(">=1", "new")], [Some(true), None, None]);
    }

    #[test]
    fn a_node_that_will_not_do_is_named_by_the_package_or_by_the_programs_own_words() {
        let stack = "SyntaxError: no export named 'createZstdDecompress'\n    at require (node:internal/x:20)\n\nNode.js v20.20.2\n";
        assert_eq!(that_died(stack), Some("v20.20.2"));
        let said = "it needs Node >=22.19.0, and runs on v20.20.2: put another `node` first in PATH";
        let found = Found::Version("v20.20.2".to_owned());
        let told = |wanted: &str| fault(Some(wanted), &found, stack);
        assert_eq!((told(">=22.19.0").as_deref(), told(">=20"), fault(None, &found, stack)), (Some(said), None, None));
        for own in [
            "Error: this needs an upgrade: Node.js 22 or higher is required (current: v18.1.0)",
            "You are running Node 16.3.0. Please upgrade Node to 20.",
            "npm warn EBADENGINE   required: { node: '>=22' },",
        ] {
            let words = format!("x\n{own}\ny 2\n");
            assert_eq!(fault(None, &Found::NotKnown, &words), Some(format!("it cannot use this Node: {own}")));
        }
        for other in ["node_modules/x/index.js:22 requires y", "Node.js v20.20.2", "at require (node:internal:3)"] {
            assert_eq!(fault(None, &Found::NotKnown, other), None, "{other}");
        }
    }

    #[test]
    fn only_a_program_that_node_runs_is_asked_for_its_engines() {
        let dir = tempfile::tempdir().expect("a directory");
        let bin = dir.path().join("pkg/dist/bin");
        std::fs::create_dir_all(&bin).expect("a directory");
        std::fs::write(dir.path().join("pkg/package.json"), r#"{"engines": {"node": ">=22.19.0"}}"#).expect("a file");
        let program = |name: &str, head: &str| {
            std::fs::write(bin.join(name), head).expect("a file");
            std::os::unix::fs::symlink(bin.join(name), dir.path().join(name)).expect("a link");
            wanted(&dir.path().join(name))
        };
        assert_eq!(program("script", "#!/usr/bin/env node\nimport 'x';\n").as_deref(), Some(">=22.19.0"));
        assert_eq!(program("flags", "#!/usr/bin/env -S node --no-warnings\n").as_deref(), Some(">=22.19.0"));
        assert_eq!(program("native", "\x7fELF node\n"), None);
        assert_eq!(program("shell", "#!/bin/sh\nexec node x\n"), None);
        assert_eq!(wanted(&dir.path().join("gone")), None);
    }
}
