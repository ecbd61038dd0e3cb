//! Which object stores a repository reads from besides its own.
//!
//! An alternate may have alternates, and any of them may be relative to the store that names it. Here they are all
//! followed and made absolute, because libgit2 follows relative ones only one level deep.

use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::objects::{failed, fault};
use crate::domain::order::Fault;

/// As deep as git itself follows them.
const DEEPEST: usize = 5;

/// The object store and all that it borrows from, itself first, absolute, each once. A store that is not there is
/// passed over, as git does.
pub(super) fn stores(objects: &Path) -> Result<Vec<PathBuf>, Fault> {
    let mut found = Vec::new();
    follow(objects, 0, &mut found)?;
    Ok(found)
}

fn follow(objects: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Fault> {
    let Ok(objects) = objects.canonicalize() else { return Ok(()) };
    if depth > DEEPEST || found.contains(&objects) {
        return Ok(());
    }
    found.push(objects.clone());
    let file = objects.join("info/alternates");
    let listed = match fs::read(&file) {
        Ok(listed) => listed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(format!("read {}", file.display()))(error)),
    };
    for line in listed.split(|&b| b == b'\n').filter(|line| !line.is_empty() && !line.starts_with(b"#")) {
        follow(&objects.join(unquoted(line)), depth + 1, found)?;
    }
    Ok(())
}

/// A line of an alternates file: as it is, or in double quotes with C escapes.
fn unquoted(line: &[u8]) -> PathBuf {
    let inner = line.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    let Some(inner) = inner else { return PathBuf::from(std::ffi::OsStr::from_bytes(line)) };
    let mut path = Vec::new();
    let mut bytes = inner.iter().copied();
    while let Some(byte) = bytes.next() {
        path.push(if byte == b'\\' { bytes.next().unwrap_or(byte) } else { byte });
    }
    PathBuf::from(std::ffi::OsString::from_vec(path))
}

/// The content of an alternates file that names these stores.
pub(super) fn listed(stores: &[PathBuf]) -> Result<Vec<u8>, Fault> {
    let mut content = Vec::new();
    for store in stores {
        let path = store.as_os_str().as_bytes();
        if path.contains(&b'\n') || path.contains(&b'\r') {
            return Err(fault(
                "borrow the repository's objects",
                format!("{} has a line break in its path", store.display()),
            ));
        }
        content.extend_from_slice(path);
        content.push(b'\n');
    }
    Ok(content)
}
