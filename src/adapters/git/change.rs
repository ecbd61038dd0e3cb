//! What changed between two commits, line by line, from the blobs alone: no attributes, no textconv.

use git2::{DiffOptions, Oid, Patch, Repository};

use super::abandon::Abandon;
use super::leaf::Leaf;
use super::objects::{blob, blob_size, failed, shown, tree_of_commit};
use super::tree_diff::{self, Difference};
use crate::domain::change::{Change, EntryKind, FileChange, Line};
use crate::domain::order::Fault;

/// Files above this size, in bytes, are not looked at line by line.
const LARGEST_TEXT: usize = 1 << 20;
/// How much of a file is searched for a NUL, in bytes, as git does.
const PROBED: usize = 8000;
/// The characters of a line that are kept.
const LONGEST_LINE: usize = 2000;

/// Compares two commits.
pub(super) fn between(repo: &Repository, from: Oid, to: Oid, abandon: &Abandon) -> Result<Change, Fault> {
    let differences = tree_diff::compare(repo, tree_of_commit(repo, from)?, tree_of_commit(repo, to)?)?;
    let files = differences.iter().map(|(path, difference)| {
        abandon.check().map_err(failed("compare two commits"))?;
        file(repo, path, *difference)
    });
    Ok(Change { files: files.collect::<Result<_, _>>()? })
}

fn file(repo: &Repository, path: &[u8], difference: Difference) -> Result<FileChange, Fault> {
    let kind = |side: Option<Leaf>| side.map(|leaf| leaf.kind);
    let mut change = FileChange {
        path: path_text(path),
        before: kind(difference.before),
        after: kind(difference.after),
        binary: false,
        added: Vec::new(),
        removed: Vec::new(),
        link_target: None,
    };
    if let Some(link) = difference.after.filter(|leaf| leaf.kind == EntryKind::Symlink) {
        change.link_target = Some(String::from_utf8_lossy(&blob(repo, link.id)?).into_owned());
    }
    match (text(repo, difference.before)?, text(repo, difference.after)?) {
        (Some(before), Some(after)) => compare_lines(&before, &after, &mut change)?,
        (None, _) | (_, None) => change.binary = true,
    }
    Ok(change)
}

/// A tree's path as the domain shows it: as it is where it is harmless.
pub(super) fn path_text(path: &[u8]) -> String {
    std::str::from_utf8(path).map_or_else(|_| shown(path), str::to_owned)
}

/// The content of a file as text; `None` where it is binary or too large. What is no file has none.
pub(super) fn text(repo: &Repository, leaf: Option<Leaf>) -> Result<Option<Vec<u8>>, Fault> {
    let Some(leaf) = leaf.filter(|leaf| leaf.is_file()) else { return Ok(Some(Vec::new())) };
    if blob_size(repo, leaf.id)? > LARGEST_TEXT {
        return Ok(None);
    }
    let content = blob(repo, leaf.id)?;
    Ok(if content[..content.len().min(PROBED)].contains(&0) { None } else { Some(content) })
}

fn compare_lines(before: &[u8], after: &[u8], change: &mut FileChange) -> Result<(), Fault> {
    each_line(before, after, |added, number, content| {
        let side = if added { &mut change.added } else { &mut change.removed };
        side.push(Line { number, text: String::from_utf8_lossy(bare(content)).chars().take(LONGEST_LINE).collect() });
    })
}

/// Calls `visit` with each line that was added (`true`) or removed, its number from 1, and its bytes with their end.
pub(super) fn each_line(before: &[u8], after: &[u8], mut visit: impl FnMut(bool, u32, &[u8])) -> Result<(), Fault> {
    let mut options = DiffOptions::new();
    options.context_lines(0).force_text(true);
    let what = "compare two files line by line";
    let patch = Patch::from_buffers(before, None, after, None, Some(&mut options)).map_err(failed(what))?;
    for hunk in 0..patch.num_hunks() {
        for at in 0..patch.num_lines_in_hunk(hunk).map_err(failed(what))? {
            let line = patch.line_in_hunk(hunk, at).map_err(failed(what))?;
            match (line.origin(), line.new_lineno(), line.old_lineno()) {
                ('+', Some(number), _) => visit(true, number, line.content()),
                ('-', _, Some(number)) => visit(false, number, line.content()),
                _ => {}
            }
        }
    }
    Ok(())
}

/// A line without its end, be it LF or CR LF.
pub(super) fn bare(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
