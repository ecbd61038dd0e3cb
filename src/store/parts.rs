//! A file that is not whole yet, as parts on the disk: its beginning, and its end in pieces that make room for the next.
//!
//! Owns `<name>.part`, which has the first bytes of the stream, twice as many as are kept at either end, and
//! `<name>.part.<offset>`, which have what follows, of which the last two are kept. Invariants: what is read back is what
//! was written, else the file is refused; under its own name a file is whole and durable, or not there.

use std::fs::File;
use std::io::{self, Error, ErrorKind, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::pending::Pending;
use crate::domain::evidence::ArtifactRef;
use crate::domain::ids::ContentHash;
use crate::store::atomic::{create_anew, move_durably, remove};
use crate::store::error::StoreError;

/// What is read back at once, in bytes.
const CHUNK: usize = 64 * 1024;

/// The parts of one file.
#[derive(Debug)]
pub(super) struct Parts {
    root: PathBuf,
    /// Its name when it is whole, relative to the root.
    path: String,
    ends: u64,
    parts: Vec<Part>,
    /// Up to here the stream is written, or nobody would keep it.
    end: u64,
}

#[derive(Debug)]
struct Part {
    path: String,
    /// Where in the stream it begins.
    at: u64,
    length: u64,
    /// What it has room for.
    capacity: u64,
    /// Of what was written: whoever may write here could change it.
    digest: Sha256,
    file: File,
}

impl Part {
    fn end(&self) -> u64 {
        self.at + self.length
    }
}

impl Parts {
    /// Of the file `root/path`, of which `ends` bytes are kept at either end. Makes nothing.
    pub(super) fn new(root: PathBuf, path: String, ends: usize) -> Self {
        Self { root, path, ends: ends as u64, parts: Vec::new(), end: 0 }
    }

    /// Whether nothing has been written.
    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Writes what is held of the stream. Where that fails it can be done again.
    pub(super) fn write(&mut self, pending: &Pending) -> Result<(), StoreError> {
        let mut runs = pending.runs().into_iter();
        let written = runs.try_for_each(|(at, bytes)| self.write_run(at, bytes));
        written.map_err(StoreError::io("write", &self.root.join(&self.path)))
    }

    fn write_run(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let done = usize::try_from(self.end.saturating_sub(at)).unwrap_or(usize::MAX);
        let (mut at, mut rest) = (at.max(self.end), bytes.get(done..).unwrap_or_default());
        while !rest.is_empty() {
            let part = self.part_for(at)?;
            let room = usize::try_from(part.capacity - part.length).unwrap_or(usize::MAX);
            let (piece, more) = rest.split_at(rest.len().min(room));
            part.file.write_all_at(piece, part.length)?;
            part.length += piece.len() as u64;
            part.digest.update(piece);
            (at, rest) = (part.end(), more);
            self.end = at;
            self.let_go();
        }
        Ok(())
    }

    /// The part that has room for what stands at `at`.
    fn part_for(&mut self, at: u64) -> io::Result<&mut Part> {
        if !self.parts.last().is_some_and(|part| part.end() == at && part.length < part.capacity) {
            let (path, capacity) = match at {
                0 => (format!("{}.part", self.path), 2 * self.ends),
                _ => (format!("{}.part.{at:012}", self.path), self.ends),
            };
            let file = create_anew(&self.root, &path)?;
            self.parts.push(Part { path, at, length: 0, capacity, digest: Sha256::new(), file });
        }
        self.parts.last_mut().ok_or_else(|| Error::from(ErrorKind::NotFound))
    }

    /// Removes parts of which nothing is kept.
    fn let_go(&mut self) {
        let (root, kept) = (&self.root, self.end.saturating_sub(self.ends));
        self.parts.retain(|part| {
            let keep = part.at == 0 || part.end() > kept;
            if !keep {
                // One that stays is in nobody's way.
                drop(remove(root, &part.path));
            }
            keep
        });
    }

    /// Makes the file of its parts. Nothing but the file is left.
    pub(super) fn join(&mut self) -> Result<ArtifactRef, StoreError> {
        let joined = match &self.parts[..] {
            [only] => self.move_only(only),
            _ => self.copy_all(),
        };
        let (sha256, bytes) = joined.map_err(StoreError::io("write", &self.root.join(&self.path)))?;
        self.parts.clear();
        Ok(ArtifactRef { path: self.path.clone(), sha256, bytes })
    }

    fn move_only(&self, only: &Part) -> io::Result<(ContentHash, u64)> {
        // A write that failed may have left something behind what was written.
        only.file.set_len(only.length)?;
        only.file.sync_all()?;
        move_durably(&self.root, &only.path, &self.path)?;
        Ok((hash(only.digest.clone()), only.length))
    }

    fn copy_all(&self) -> io::Result<(ContentHash, u64)> {
        let temporary = temporary(&self.path);
        let copied = self.copy(&temporary).inspect_err(|_| drop(remove(&self.root, &temporary)))?;
        for part in &self.parts {
            // Whoever takes the goal up next removes what stays.
            drop(remove(&self.root, &part.path));
        }
        Ok(copied)
    }

    fn copy(&self, temporary: &str) -> io::Result<(ContentHash, u64)> {
        let (head, tail) = (0..self.end_of_head()?, self.start_of_tail()?..self.end);
        let mut out = Out { file: create_anew(&self.root, temporary)?, digest: Sha256::new(), length: 0 };
        let between = format!("\n[... {} bytes left out ...]\n", tail.start - head.end);
        let mut between = Some(between);
        for part in &self.parts {
            part.read(&mut |at, bytes| {
                out.put(within(at, bytes, &head))?;
                let last = within(at, bytes, &tail);
                if let Some(between) = between.take_if(|_| !last.is_empty()) {
                    out.put(between.as_bytes())?;
                }
                out.put(last)
            })?;
        }
        out.file.sync_all()?;
        move_durably(&self.root, temporary, &self.path)?;
        Ok((hash(out.digest), out.length))
    }

    /// Where the beginning ends: not within a character.
    fn end_of_head(&self) -> io::Result<u64> {
        for back in 1..=self.ends.min(3) {
            let first = self.byte(self.ends - back)?;
            if first & 0xc0 != 0x80 {
                let whole = u64::from(first.leading_ones()) <= back;
                return Ok(if whole { self.ends } else { self.ends - back });
            }
        }
        Ok(self.ends)
    }

    /// Where the end begins: not within a character.
    fn start_of_tail(&self) -> io::Result<u64> {
        let start = self.end - self.ends;
        for at in start..self.end.min(start + 4) {
            if self.byte(at)? & 0xc0 != 0x80 {
                return Ok(at);
            }
        }
        Ok(start)
    }

    fn byte(&self, at: u64) -> io::Result<u8> {
        let part = self.parts.iter().find(|part| (part.at..part.end()).contains(&at));
        let part = part.ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))?;
        let mut byte = [0];
        part.file.read_exact_at(&mut byte, at - part.at)?;
        Ok(byte[0])
    }
}

impl Part {
    /// Hands over all of it, piece by piece, with where each stands in the stream; fails where it is not what was written.
    fn read(&self, each: &mut dyn FnMut(u64, &[u8]) -> io::Result<()>) -> io::Result<()> {
        let (mut digest, mut done, mut chunk) = (Sha256::new(), 0, vec![0; CHUNK]);
        while done < self.length {
            let most = usize::try_from(self.length - done).unwrap_or(CHUNK).min(CHUNK);
            self.file.read_exact_at(&mut chunk[..most], done)?;
            digest.update(&chunk[..most]);
            each(self.at + done, &chunk[..most])?;
            done += most as u64;
        }
        match digest.finalize() == self.digest.clone().finalize() {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::InvalidData, format!("{} is not what was written to it", self.path))),
        }
    }
}

/// The whole file while it is written.
struct Out {
    file: File,
    digest: Sha256,
    length: u64,
}

impl Out {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.digest.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }
}

/// What of `bytes`, which stand at `at`, stands in `wanted`.
fn within<'a>(at: u64, bytes: &'a [u8], wanted: &Range<u64>) -> &'a [u8] {
    let place = |edge: u64| usize::try_from(edge.saturating_sub(at)).unwrap_or(usize::MAX).min(bytes.len());
    &bytes[place(wanted.start)..place(wanted.end).max(place(wanted.start))]
}

/// Beside the file, and removed like every temporary file where it is left.
fn temporary(path: &str) -> String {
    let (directory, name) = path.rsplit_once('/').map_or(("", path), |(directory, name)| (directory, name));
    let slash = if directory.is_empty() { "" } else { "/" };
    format!("{directory}{slash}.{name}.tmp")
}

fn hash(digest: Sha256) -> ContentHash {
    ContentHash::from_digest(digest.finalize().into())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    /// What of a stream is kept: whole characters of either end.
    fn kept(stream: &str, ends: usize) -> String {
        if stream.len() <= 2 * ends {
            return stream.to_owned();
        }
        let is_edge = |at: &usize| stream.is_char_boundary(*at);
        let head = &stream[..(0..=ends).rev().find(is_edge).expect("an edge")];
        let tail = &stream[(stream.len() - ends..=stream.len()).find(is_edge).expect("an edge")..];
        let left_out = stream.len() - head.len() - tail.len();
        format!("{head}\n[... {left_out} bytes left out ...]\n{tail}")
    }

    fn names(root: &std::path::Path) -> Vec<String> {
        let entries = fs::read_dir(root.join("artifacts")).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn a_file_is_the_ends_of_its_stream_however_it_was_written(
            pieces in proptest::collection::vec(("[a-z\n]{0,3}[ä€😀]{0,9}", 0_u8..4), 0..12), ends in 4_usize..12,
        ) {
            let root = tempfile::tempdir().expect("a directory");
            let mut parts = Parts::new(root.path().to_owned(), "artifacts/x.log".to_owned(), ends);
            let mut pending = Pending::new(ends);
            for (piece, then) in &pieces {
                pending.push(piece.as_bytes());
                match then {
                    0 => parts.write(&pending.take()).expect("written"),
                    // A disk that refuses, or takes it and then refuses.
                    1 => {
                        let taken = pending.take();
                        parts.write(&taken).expect("written");
                        pending.take_back(taken);
                    }
                    _ => {}
                }
                prop_assert!(pending.held() <= 2 * ends && names(root.path()).len() <= 3);
            }
            parts.write(&pending.take()).expect("written");
            prop_assume!(!parts.is_empty());
            let whole = parts.join().expect("a whole file");
            let stream: String = pieces.iter().map(|(piece, _)| piece.as_str()).collect();
            let text = fs::read_to_string(root.path().join("artifacts/x.log")).expect("text");
            prop_assert_eq!(&text, &kept(&stream, ends));
            let sha256 = crate::store::artifacts::hash_of(text.as_bytes());
            prop_assert_eq!(whole, ArtifactRef { path: "artifacts/x.log".into(), sha256, bytes: text.len() as u64 });
            prop_assert_eq!(names(root.path()), ["x.log"]);
        }
    }
}
