//! Objects by the domain's names: ids to and from git's, trees and blobs read.
//!
//! Owns how an error of git becomes a [`Fault`].

use git2::{ObjectType, Oid, Repository, Tree};

use crate::domain::deceptive::is_deceptive;
use crate::domain::ids::{CommitId, TreeId};
use crate::domain::order::Fault;

/// Makes a fault of any error: `map_err(failed("read the tree"))`. `what` ends the fragment "failed to …".
pub(super) fn failed<E: std::fmt::Display>(what: impl Into<String>) -> impl FnOnce(E) -> Fault {
    move |error| Fault { what: what.into(), detail: error.to_string() }
}

/// A fault in our own words.
pub(super) fn fault(what: impl Into<String>, detail: impl Into<String>) -> Fault {
    Fault { what: what.into(), detail: detail.into() }
}

/// A path of a tree, made harmless for messages.
pub(super) fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).chars().flat_map(escape).collect()
}

/// A number of bytes as people write it: `300 MiB`; exact where the unit divides it, else with one decimal.
pub(super) fn bytes(number: u64) -> String {
    const UNITS: [&str; 6] = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let (mut unit, mut shift) = (0, 0_u32);
    while unit + 1 < UNITS.len() && number >> (shift + 10) > 0 {
        (unit, shift) = (unit + 1, shift + 10);
    }
    let (whole, tenths) = (number >> shift, ((number & ((1 << shift) - 1)) * 10) >> shift);
    if tenths == 0 { format!("{whole} {}", UNITS[unit]) } else { format!("{whole}.{tenths} {}", UNITS[unit]) }
}

fn escape(c: char) -> impl Iterator<Item = char> {
    let escaped: Box<dyn Iterator<Item = char>> =
        if is_deceptive(c) { Box::new(c.escape_default()) } else { Box::new(std::iter::once(c)) };
    escaped
}

/// Git's id of a commit.
pub(super) fn commit_oid(id: &CommitId) -> Result<Oid, Fault> {
    Oid::from_str(id.as_str()).map_err(failed(format!("read the commit id {id}")))
}

/// Git's id of a tree.
pub(super) fn tree_oid(id: &TreeId) -> Result<Oid, Fault> {
    Oid::from_str(id.as_str()).map_err(failed(format!("read the tree id {id}")))
}

/// The domain's name of a commit.
pub(super) fn commit_id(oid: Oid) -> CommitId {
    #[expect(clippy::expect_used, reason = "git prints a SHA-1 as 40 lower-case hexadecimal digits")]
    CommitId::parse(&oid.to_string()).expect("a SHA-1 is a commit id")
}

/// The domain's name of a tree.
pub(super) fn tree_id(oid: Oid) -> TreeId {
    #[expect(clippy::expect_used, reason = "git prints a SHA-1 as 40 lower-case hexadecimal digits")]
    TreeId::parse(&oid.to_string()).expect("a SHA-1 is a tree id")
}

/// The tree of a commit.
pub(super) fn tree_of_commit(repo: &Repository, commit: Oid) -> Result<Oid, Fault> {
    let found = repo.find_commit(commit).map_err(failed(format!("read the commit {commit}")))?;
    Ok(found.tree_id())
}

/// A tree, read.
pub(super) fn tree(repo: &Repository, id: Oid) -> Result<Tree<'_>, Fault> {
    repo.find_tree(id).map_err(failed(format!("read the tree {id}")))
}

/// The bytes of a blob.
pub(super) fn blob(repo: &Repository, id: Oid) -> Result<Vec<u8>, Fault> {
    let odb = repo.odb().map_err(failed("open the object store"))?;
    let object = odb.read(id).map_err(failed(format!("read the file content {id}")))?;
    match object.kind() {
        ObjectType::Blob => Ok(object.data().to_vec()),
        _ => Err(fault(format!("read the file content {id}"), "it is no blob")),
    }
}

/// The size of a blob in bytes, without reading it.
pub(super) fn blob_size(repo: &Repository, id: Oid) -> Result<usize, Fault> {
    let odb = repo.odb().map_err(failed("open the object store"))?;
    let (size, _) = odb.read_header(id).map_err(failed(format!("read the file content {id}")))?;
    Ok(size)
}
