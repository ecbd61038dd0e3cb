//! Which dependencies a change adds to a manifest, by its added lines.
//!
//! A line that is added for a name that a removed line had is a new version, not a new dependency.

use std::collections::BTreeSet;

use super::language::file_name;
use crate::domain::change::{FileChange, Line};

/// The new dependencies of one file, with their lines; empty where it is no manifest.
pub(super) fn new_dependencies(file: &FileChange) -> Vec<(u32, String)> {
    let Some(read) = reader(file_name(&file.path)) else { return Vec::new() };
    let before: BTreeSet<String> = read(&file.removed).into_iter().map(|(_, name)| name).collect();
    read(&file.added).into_iter().filter(|(_, name)| !before.contains(name)).collect()
}

type Reader = fn(&[Line]) -> Vec<(u32, String)>;

fn reader(name: &str) -> Option<Reader> {
    match name {
        "Cargo.toml" => Some(cargo),
        "package.json" => Some(npm),
        "go.mod" => Some(go),
        "pyproject.toml" => Some(pyproject),
        _ if name.starts_with("requirements") && name.ends_with(".txt") => Some(requirements),
        _ => None,
    }
}

/// Reads each line by itself, together with the section header that is above it among the same lines.
fn by_section(lines: &[Line], read: fn(Option<&str>, &str) -> Option<String>) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    for run in super::moved::runs(lines) {
        let mut section: Option<&str> = None;
        for line in run {
            let text = line.text.trim();
            if text.starts_with('[') && text.ends_with(']') && !text.contains(['"', ',']) {
                section = Some(text.trim_matches(['[', ']']));
                // `[dependencies.name]` is a dependency by itself.
                found.extend(section_dependency(text).map(|name| (line.number, name)));
            } else if let Some(name) = read(section, text) {
                found.push((line.number, name));
            }
        }
    }
    found
}

fn section_dependency(header: &str) -> Option<String> {
    let header = header.strip_prefix('[')?.strip_suffix(']')?;
    let (table, name) = header.rsplit_once('.')?;
    table.ends_with("dependencies").then(|| name.to_owned())
}

fn cargo(lines: &[Line]) -> Vec<(u32, String)> {
    by_section(lines, |section, line| {
        let (name, value) = assignment(line)?;
        let name = name.strip_suffix(".workspace").unwrap_or(name);
        let known = section.is_some_and(|section| section.ends_with("dependencies"));
        // Without a header in sight, a line counts if it looks like a dependency and like no key of a package.
        let version = value
            .strip_prefix('"')
            .is_some_and(|v| v.starts_with(|c: char| c.is_ascii_digit() || "^~=><*".contains(c)));
        let source = ["version", "path", "git", "workspace", "registry"].iter().any(|key| {
            value.starts_with('{') && value.contains(&format!("{key} ")) || value.contains(&format!("{key}="))
        });
        let likely = section.is_none() && (version || source) && !is_package_key(name);
        (is_name(name) && (known || likely)).then(|| name.to_owned())
    })
}

fn is_package_key(name: &str) -> bool {
    matches!(
        name,
        "version" | "edition" | "rust-version" | "resolver" | "opt-level" | "package" | "path" | "git" | "rev" | "tag"
    )
}

fn npm(lines: &[Line]) -> Vec<(u32, String)> {
    let entry = |line: &Line| {
        let (name, rest) = line.text.trim().strip_prefix('"')?.split_once('"')?;
        let value = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
        let version = value.trim_start_matches(['^', '~', '>', '<', '=', 'v', ' ']);
        let is_version = version.starts_with(|c: char| c.is_ascii_digit()) || version.starts_with("*\"");
        let is_source =
            ["workspace:", "git+", "github:", "file:", "npm:", "latest\""].iter().any(|s| value.starts_with(s));
        let own = matches!(name, "version" | "node" | "npm" | "yarn" | "pnpm" | "packageManager");
        ((is_version || is_source) && !own).then(|| (line.number, name.to_owned()))
    };
    lines.iter().filter_map(entry).collect()
}

fn go(lines: &[Line]) -> Vec<(u32, String)> {
    let entry = |line: &Line| {
        let text = line.text.trim();
        let (name, rest) = text.strip_prefix("require ").unwrap_or(text).trim().split_once(' ')?;
        let version = rest.trim_start().strip_prefix('v')?.starts_with(|c: char| c.is_ascii_digit());
        let indirect = rest.contains("// indirect");
        (version && name.contains('.') && !indirect).then(|| (line.number, name.to_owned()))
    };
    lines.iter().filter_map(entry).collect()
}

fn pyproject(lines: &[Line]) -> Vec<(u32, String)> {
    by_section(lines, |section, line| {
        if let Some(("dependencies", list)) = assignment(line) {
            return requirement(list.trim_start_matches('[').trim_matches(['"', '\'', ']', ',', ' ']));
        }
        // An item of a list: `"name>=1"` with nothing before it.
        let quoted = line.strip_prefix(['"', '\'']).map(|rest| rest.trim_end_matches([',', ']', ' ']));
        if let Some(item) = quoted.and_then(|rest| rest.strip_suffix(['"', '\''])) {
            return requirement(item).filter(|_| item.contains(['=', '>', '<', '~']) || section.is_none());
        }
        let (name, _) = assignment(line)?;
        let poetry = section.is_some_and(|section| section.ends_with("dependencies") && section.contains("poetry"));
        (poetry && name != "python").then(|| name.to_owned())
    })
}

fn requirements(lines: &[Line]) -> Vec<(u32, String)> {
    lines.iter().filter_map(|line| Some((line.number, requirement(line.text.trim())?))).collect()
}

/// The name in a requirement like `name[extra]>=1.0; marker`.
fn requirement(text: &str) -> Option<String> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let goes_on = rest.trim_start().chars().next();
    let fits = goes_on.is_none_or(|c| "=><~![;@#".contains(c));
    (is_name(name) && fits).then(|| name.to_ascii_lowercase())
}

fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    Some((name.trim().trim_matches('"'), value.trim()))
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}
