//! Merges of real overlaps by `git merge-tree` (merge-ort, git 2.38 or later), without a checkout.
//!
//! It runs in a bare repository made for the call, with nothing in it: no configuration that an agent could have
//! written, no attributes. A bare repository reads no `.gitattributes` of a tree, and `GIT_ATTR_SOURCE` names the empty
//! tree for those versions that would; so neither `merge=union` nor a driver of a tree's choosing can hide a conflict.
//! The merge base is given by parenthood: two commits made for the call whose only parent has the base's tree.
//!
//! A renamed file is followed; a renamed directory does not carry new files of the other side along
//! (`merge.directoryRenames=false`), as splicing would not either.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use git2::{Oid, Repository};

use super::identity::Identity;
use super::objects::{blob, failed, fault, tree};
use super::program::{GitCall, GitOutput, GitProgram};
use crate::domain::ids::Timestamp;
use crate::domain::order::{ConflictPath, Fault};

/// Git's name of the tree with nothing in it.
const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/// The three trees of a merge.
#[derive(Clone, Copy, Debug)]
pub(super) struct ThreeTrees {
    /// What both sides come from.
    pub(super) base: Oid,
    /// What is there.
    pub(super) ours: Oid,
    /// What comes in.
    pub(super) theirs: Oid,
}

/// What came of a merge of trees.
#[derive(Debug)]
pub(super) enum MergedTree {
    /// The merged tree.
    Clean(Oid),
    /// The paths in conflict, sorted.
    Conflict(Vec<ConflictPath>),
}

/// Where merges make their bare repositories, below the goal's directory; a dead process can leave one.
pub(super) const ROOM_PREFIX: &str = "merge-";

/// Merges trees with the git program, in a repository made below `directory` for the time of the call.
pub(super) fn merge(
    repo: &Repository,
    program: &dyn GitProgram,
    directory: &Path,
    trees: ThreeTrees,
) -> Result<MergedTree, Fault> {
    const WHAT: &str = "merge with `git merge-tree`";
    let base = synthetic(repo, trees.base, None)?;
    let ours = synthetic(repo, trees.ours, Some(base))?;
    let theirs = synthetic(repo, trees.theirs, Some(base))?;
    let room = tempfile::Builder::new().prefix(ROOM_PREFIX).tempdir_in(directory).map_err(failed(WHAT))?;
    let made = fs::create_dir(room.path().join("refs"))
        .and_then(|()| fs::write(room.path().join("HEAD"), "ref: refs/heads/none\n"))
        .and_then(|()| fs::write(room.path().join("config"), "[core]\n\tbare = true\n"));
    made.map_err(failed(WHAT))?;
    let call = GitCall {
        git_dir: room.path().to_path_buf(),
        env: environment(repo),
        args: arguments(&[ours.to_string(), theirs.to_string()]),
    };
    let output = program.run(&call).map_err(failed("run the git program, which merges overlapping changes"))?;
    read(repo, &output)
}

/// A commit that exists only to give a merge its base: always the same for the same tree.
fn synthetic(repo: &Repository, id: Oid, parent: Option<Oid>) -> Result<Oid, Fault> {
    const WHAT: &str = "make a commit to merge from";
    let (signature, _) = Identity::own().sign(Timestamp(0))?;
    let parent = parent.map(|id| repo.find_commit(id)).transpose().map_err(failed(WHAT))?;
    let parents: Vec<_> = parent.iter().collect();
    repo.commit(None, &signature, &signature, "merge input\n", &tree(repo, id)?, &parents).map_err(failed(WHAT))
}

/// The environment of the git program: no configuration, no attributes, the objects of `repo`.
pub(super) fn environment(repo: &Repository) -> Vec<(&'static str, OsString)> {
    let fixed = [
        ("HOME", "/nonexistent"),
        ("LC_ALL", "C"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_SYSTEM", "/dev/null"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_ATTR_NOSYSTEM", "1"),
        ("GIT_ATTR_SOURCE", EMPTY_TREE),
        ("GIT_NO_REPLACE_OBJECTS", "1"),
        ("GIT_NO_LAZY_FETCH", "1"),
        ("GIT_OPTIONAL_LOCKS", "0"),
        ("GIT_TERMINAL_PROMPT", "0"),
    ];
    let objects = repo.path().join("objects").into_os_string();
    let mut env: Vec<_> = fixed.into_iter().map(|(name, value)| (name, OsString::from(value))).collect();
    env.push(("GIT_OBJECT_DIRECTORY", objects));
    env
}

fn arguments(commits: &[String; 2]) -> Vec<OsString> {
    let settings = [
        "core.hooksPath=/dev/null",
        "core.fsmonitor=false",
        "core.attributesFile=/dev/null",
        "merge.directoryRenames=false",
        "gc.auto=0",
    ];
    let mut args: Vec<OsString> = settings.iter().flat_map(|&set| ["-c", set]).map(OsString::from).collect();
    args.extend(["merge-tree", "--write-tree", "-z", "--no-messages"].map(OsString::from));
    args.extend(commits.iter().map(OsString::from));
    args
}

fn read(repo: &Repository, output: &GitOutput) -> Result<MergedTree, Fault> {
    let mut fields = output.stdout.split(|&b| b == 0);
    let tree = fields.next().and_then(|id| std::str::from_utf8(id).ok()).and_then(|id| Oid::from_str(id.trim()).ok());
    match (output.exit, tree) {
        (Some(0), Some(tree)) => Ok(MergedTree::Clean(tree)),
        (Some(1), Some(_)) => Ok(MergedTree::Conflict(conflicts(repo, fields)?)),
        (exit, _) => Err(fault(
            "merge with `git merge-tree` (git 2.38 or later is needed)",
            format!("exit status {exit:?}: {}", String::from_utf8_lossy(&output.stderr).trim()),
        )),
    }
}

/// Reads `<mode> <id> <stage>\t<path>` fields, up to an empty one.
fn conflicts<'o>(repo: &Repository, fields: impl Iterator<Item = &'o [u8]>) -> Result<Vec<ConflictPath>, Fault> {
    let mut paths: std::collections::BTreeMap<String, ConflictPath> = std::collections::BTreeMap::new();
    for field in fields.take_while(|field| !field.is_empty()) {
        let Some(stage) = Stage::parse(field) else {
            return Err(fault("read what `git merge-tree` says", String::from_utf8_lossy(field).into_owned()));
        };
        let content = stage.content(repo)?;
        let empty = ConflictPath { path: stage.path.clone(), base: None, ours: None, theirs: None };
        let path = paths.entry(stage.path).or_insert(empty);
        match stage.number {
            1 => path.base = content,
            2 => path.ours = content,
            _ => path.theirs = content,
        }
    }
    Ok(paths.into_values().collect())
}

/// One side of a path in conflict.
struct Stage {
    is_submodule: bool,
    id: Oid,
    number: u8,
    path: String,
}

impl Stage {
    fn parse(field: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(field);
        let (head, path) = text.split_once('\t')?;
        let mut words = head.split(' ');
        let (mode, id, number) = (words.next()?, words.next()?, words.next()?);
        Some(Self {
            is_submodule: mode == "160000",
            id: Oid::from_str(id).ok()?,
            number: number.parse().ok()?,
            path: plain(path),
        })
    }

    fn content(&self, repo: &Repository) -> Result<Option<Vec<u8>>, Fault> {
        if self.is_submodule { Ok(Some(self.id.to_string().into_bytes())) } else { blob(repo, self.id).map(Some) }
    }
}

/// A path without the `~<commit>` that merge-ort puts behind a file that stands where a directory must.
fn plain(path: &str) -> String {
    match path.rsplit_once('~') {
        Some((before, id)) if id.len() == 40 && id.bytes().all(|b| b.is_ascii_hexdigit()) => before.to_owned(),
        Some(_) | None => path.to_owned(),
    }
}
