//! What a changed `.gitmodules` may say.
//!
//! Git reads that file when somebody updates submodules, and some of its values run a command or reach out of the
//! repository. The git program reads it here, so that both read the same. Invariant: what the start says already stays.

use std::collections::BTreeSet;
use std::ffi::OsString;

use git2::{Oid, Repository};

use super::checkout::split;
use super::edit::Edits;
use super::listing::Listing;
use super::merge_program::environment;
use super::names::{spells_dot_git, spells_dot_gitmodules};
use super::objects::{failed, shown};
use super::program::{GitCall, GitProgram};
use crate::domain::change::EntryKind;
use crate::domain::order::{Fault, Uncapturable};

/// A name and a value as git reads them.
type Setting = (String, String);

/// Every edit of a `.gitmodules` that git must not be given.
pub(super) fn refused(
    repo: &Repository,
    program: &dyn GitProgram,
    start: &Listing,
    edits: &Edits,
) -> Result<Vec<Uncapturable>, Fault> {
    let mut found = Vec::new();
    for (path, leaf) in edits.iter().filter(|(path, _)| spells_dot_gitmodules(split(path).1)) {
        let Some(leaf) = leaf else { continue };
        if let Some(problem) = problem_of(repo, program, (start, path), (leaf.kind, leaf.id))? {
            found.push(Uncapturable { path: shown(path), problem });
        }
    }
    Ok(found)
}

fn problem_of(
    repo: &Repository,
    program: &dyn GitProgram,
    (start, path): (&Listing, &[u8]),
    (kind, id): (EntryKind, Oid),
) -> Result<Option<String>, Fault> {
    if kind == EntryKind::Symlink {
        return Ok(Some("git does not read `.gitmodules` through a symbolic link".to_owned()));
    }
    let Some(said) = settings(repo, program, id)? else {
        return Ok(Some("git cannot read this `.gitmodules`".to_owned()));
    };
    let before = start.position(path).map(|at| start.entries()[at].leaf).filter(|leaf| leaf.is_file());
    let before = before.map(|leaf| settings(repo, program, leaf.id)).transpose()?.flatten().unwrap_or_default();
    let known: BTreeSet<Setting> = before.into_iter().collect();
    Ok(said.iter().filter(|setting| !known.contains(*setting)).find_map(judge))
}

/// The settings of a file, in its order; `None` where git cannot read it.
fn settings(repo: &Repository, program: &dyn GitProgram, id: Oid) -> Result<Option<Vec<Setting>>, Fault> {
    let id = id.to_string();
    let args = ["config", "--no-includes", "--blob", &id, "--list", "-z"].map(OsString::from).to_vec();
    let call = GitCall { git_dir: repo.path().to_path_buf(), env: environment(repo), args };
    let output = program.run(&call).map_err(failed("run the git program, which reads `.gitmodules`"))?;
    if output.exit != Some(0) {
        return Ok(None);
    }
    let lines = output.stdout.split(|&b| b == 0).filter(|line| !line.is_empty());
    Ok(Some(
        lines
            .map(|line| {
                let text = String::from_utf8_lossy(line);
                let (name, value) = text.split_once('\n').unwrap_or((&text, ""));
                (name.to_owned(), value.to_owned())
            })
            .collect(),
    ))
}

fn judge((name, value): &Setting) -> Option<String> {
    let (module, field) = name.strip_prefix("submodule.")?.rsplit_once('.')?;
    let problem = |what: &str| Some(format!("submodule `{}`: {what}", module.escape_debug()));
    if module.is_empty() || leads_out(module) {
        return problem("its name leads out of git's directory");
    }
    match field {
        "update" if value.starts_with('!') => problem("`update = !…` runs a command"),
        "url" => address(value).and_then(problem),
        "path" if value.starts_with('-') => problem("its path begins with `-`"),
        "path" if value.starts_with('/') || leads_out(value) => problem("its path leads out of the tree"),
        "path" if value.split('/').any(|part| spells_dot_git(part.as_bytes())) => {
            problem("its path leads into git's own directory")
        }
        _ => None,
    }
}

fn leads_out(path: &str) -> bool {
    path.split(['/', '\\']).any(|part| part == "..")
}

/// What is wrong with the address of a submodule.
fn address(url: &str) -> Option<&'static str> {
    let helper = url.split_once("::").is_some_and(|(name, _)| !name.is_empty() && !name.contains(['/', ':', '@']));
    let lower = url.to_ascii_lowercase();
    if url.starts_with('-') {
        Some("its url begins with `-`, which git takes for an option")
    } else if helper {
        Some("its url names a transport that runs a program (`<transport>::`)")
    } else if lower.starts_with("file:") || url.starts_with('/') || url.starts_with('~') {
        Some("its url names files of this machine")
    } else if url.chars().any(char::is_control) || ["%0a", "%0d", "%00"].iter().any(|code| lower.contains(code)) {
        Some("its url holds a control character")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_addresses_pass_and_those_that_run_something_do_not() {
        for url in ["https://host/a.git", "git@host:a/b.git", "../a.git", "ssh://git@[::1]/a", "./a", "host:a"] {
            assert_eq!(address(url), None, "{url}");
        }
        for url in ["ext::sh -c id", "fd::17", "-u./x", "file:///x", "FILE:///x", "/srv/x", "https://h/%0ahost=x"] {
            assert!(address(url).is_some(), "{url}");
        }
    }

    #[test]
    fn only_settings_that_can_do_harm_are_refused() {
        let setting = |name: &str, value: &str| judge(&(name.to_owned(), value.to_owned()));
        assert_eq!(setting("submodule.a/b.path", "vendor/a"), None);
        assert_eq!(setting("submodule.a.update", "rebase"), None);
        assert_eq!(setting("core.x", "!id"), None);
        for (name, value) in [
            ("submodule.a.update", "!id"),
            ("submodule.../x.url", "https://host/x"),
            ("submodule.a.path", "-x"),
            ("submodule.a.path", "../x"),
            ("submodule.a.path", "x/.GIT/hooks"),
        ] {
            assert!(setting(name, value).is_some(), "{name}");
        }
    }
}
