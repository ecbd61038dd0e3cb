//! What the user's own git says about a repository: where it is, whether git trusts it, its settings, who commits.
//!
//! Runs `git rev-parse`, `git config` and `git var` in the user's repository with the user's environment, so that
//! conditional includes, `safe.directory` and `GIT_CONFIG_*` count as they do for the user. None of these commands runs
//! anything that a repository names. Nothing else of git may be run through here.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::identity::{Identity, Person};
use crate::process::leash::Leash;
use crate::process::program::Program;

/// How long such a question may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Variables by which a caller of `omk` (a hook, say) points git at one repository: here the directory decides.
const POINTERS: [&str; 9] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_CONFIG",
];

/// What git says about the repository around a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Opened {
    /// It opens this git directory; of a linked worktree, its own.
    GitDir(PathBuf),
    /// It does not trust the repository at this path, which belongs to another user.
    Foreign(PathBuf),
    /// There is none.
    Nowhere,
    /// It opens none, and says why.
    Refused(String),
    /// There is no git program.
    NoProgram,
}

/// Asks git to open the repository around `directory`, an absolute path.
pub(super) fn open(directory: &Path) -> Opened {
    let output = match ask(directory, &["rev-parse", "--absolute-git-dir"]) {
        Ok(output) => output,
        Err(_) => return Opened::NoProgram,
    };
    if output.status.success() {
        return Opened::GitDir(PathBuf::from(OsString::from_vec(without_line_end(output.stdout))));
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if said.contains("dubious ownership") {
        let quoted = said.split_once("repository at '").and_then(|(_, rest)| rest.split_once("'\n"));
        return Opened::Foreign(quoted.map_or_else(|| directory.to_path_buf(), |(path, _)| PathBuf::from(path)));
    }
    match said.contains("not a git repository") {
        true => Opened::Nowhere,
        false => Opened::Refused(first_line(&said)),
    }
}

/// The settings that are in force for a repository.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings(BTreeMap<String, String>);

impl Settings {
    /// Asks git. None where it does not answer.
    pub(super) fn of(directory: &Path) -> Self {
        let listed = ask(directory, &["config", "--list", "-z"]).ok().filter(|output| output.status.success());
        let listed = listed.map(|output| output.stdout).unwrap_or_default();
        let settings = listed.split(|&b| b == 0).filter(|line| !line.is_empty()).map(|line| {
            let text = String::from_utf8_lossy(line);
            // A name without a value is a switch that is on.
            let (name, value) = text.split_once('\n').unwrap_or((&text, "true"));
            (name.to_owned(), value.to_owned())
        });
        Self(settings.collect())
    }

    /// The value of a setting, whose section and name are in lower case.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Whether a switch is on.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.value(name).is_some_and(|value| {
            let word = ["true", "yes", "on"].iter().any(|word| value.eq_ignore_ascii_case(word));
            word || value.parse::<i64>().is_ok_and(|number| number != 0)
        })
    }
}

/// Who commits in a checkout, as git has it; `None` where the user has not said so: a name that git would make up of the
/// account and the host is no answer.
pub(super) fn identity(directory: &Path) -> Option<Identity> {
    let person = |variable: &str| {
        let output = ask(directory, &["-c", "user.useConfigOnly=true", "var", variable]).ok()?;
        let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
        let (name, rest) = text.split_once(" <")?;
        Person::of(name, rest.rsplit_once("> ")?.0)
    };
    Some(Identity { author: person("GIT_AUTHOR_IDENT")?, committer: person("GIT_COMMITTER_IDENT")? })
}

fn ask(directory: &Path, args: &[&str]) -> io::Result<std::process::Output> {
    let kept = std::env::vars_os().filter(|(name, _)| !POINTERS.iter().any(|pointer| name == OsStr::new(pointer)));
    let fixed = [("LC_ALL", "C"), ("GIT_OPTIONAL_LOCKS", "0"), ("GIT_TERMINAL_PROMPT", "0"), ("GIT_PAGER", "cat")];
    let fixed = fixed.into_iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let program = Program {
        program: "git".into(),
        args: args.iter().map(OsString::from).collect(),
        env: kept.chain(fixed).collect(),
        cwd: directory.to_path_buf(),
    };
    Leash::default().run(&program, PATIENCE)
}

fn without_line_end(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.ends_with(b"\n") {
        bytes.pop();
    }
    bytes
}

fn first_line(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("git does not open it");
    line.trim().trim_start_matches("fatal: ").to_owned()
}

/// Whether a path is this user's, which is all that can be said without the git program.
pub(super) fn is_ours(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::symlink_metadata(path).is_ok_and(|meta| meta.uid() == rustix::process::geteuid().as_raw())
}

/// A path as it is given to git in a file: without a line end.
pub(super) fn is_one_line(path: &Path) -> bool {
    !path.as_os_str().as_bytes().iter().any(|b| matches!(b, b'\n' | b'\r'))
}
