//! The end of a journal whose writer died in the middle of a line.
//!
//! Owns the repair: what follows the last newline was never acknowledged, so it is set aside and cut. Bytes are
//! copied durably before they are cut, and nothing before the last newline is ever touched.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;

use crate::store::artifacts::hash_of;
use crate::store::error::StoreError;
use crate::store::layout::{FILE_MODE, GoalDir, sync_directory};
use crate::store::opening::read_regular;

/// An incomplete last line that was cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// How many bytes.
    pub bytes: u64,
    /// Where they are kept: `events.torn.<n>` beside the journal.
    pub copy: PathBuf,
}

/// Cuts the journal to its first `complete` bytes, keeping the `torn` ones that follow in a file of their own.
pub(crate) fn cut(dir: &GoalDir, journal: &File, complete: u64, torn: u64) -> Result<TornTail, StoreError> {
    let mut tail = vec![0; usize::try_from(torn).unwrap_or(usize::MAX)];
    journal.read_exact_at(&mut tail, complete).map_err(StoreError::io("read", &dir.events()))?;
    let copy = keep(dir, &tail)?;
    let shortened = journal.set_len(complete).and_then(|()| journal.sync_all());
    shortened.map_err(StoreError::io("cut the incomplete last line of", &dir.events()))?;
    Ok(TornTail { bytes: torn, copy })
}

/// Keeps a damaged journal as it was found, `events.damaged.<hash>`, before anybody tries to mend it. The same damage is
/// kept once.
pub(crate) fn keep_damaged(dir: &GoalDir) {
    let kept = read_all(dir).and_then(|bytes| {
        let copy = dir.path().join(format!("events.damaged.{}", &hash_of(&bytes).as_str()[..12]));
        match create_new(&copy) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            file => {
                let mut file = file?;
                file.write_all(&bytes)?;
                file.sync_all()
            }
        }
    });
    // Nothing depends on the copy: the file itself is not touched.
    if let Err(error) = kept {
        tracing::warn!(goal = %dir.id(), %error, "no copy of the damaged journal was kept");
    }
}

fn read_all(dir: &GoalDir) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    read_regular(&dir.events())?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn keep(dir: &GoalDir, tail: &[u8]) -> Result<PathBuf, StoreError> {
    let (path, mut file) = first_free(dir)?;
    let written = file.write_all(tail).and_then(|()| file.sync_all()).and_then(|()| sync_directory(dir.path()));
    written.map_err(StoreError::io("write", &path))?;
    Ok(path)
}

fn first_free(dir: &GoalDir) -> Result<(PathBuf, File), StoreError> {
    let mut number = 1_u32;
    loop {
        let path = dir.path().join(format!("events.torn.{number}"));
        match create_new(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
            file => return Ok((path.clone(), file.map_err(StoreError::io("create", &path))?)),
        }
    }
}

fn create_new(path: &std::path::Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)
}
