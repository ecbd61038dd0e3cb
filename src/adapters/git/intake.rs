//! Takes the content of files and links into the object store, byte for byte.
//!
//! Opens by descriptor and name, never through a link, and never blocks on what turns out to be no file.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

use git2::{ObjectType, Odb, Oid};
use rustix::fs::{FileType, Mode, OFlags};

/// Files above this size are streamed, in bytes.
const STREAMED: u64 = 8 << 20;

const READ: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// The way into one object store.
pub(super) struct Intake<'repo> {
    odb: Odb<'repo>,
}

impl<'repo> Intake<'repo> {
    /// A way into `odb`.
    pub(super) fn new(odb: Odb<'repo>) -> Self {
        Self { odb }
    }

    /// Takes a file in. Nothing is written where its content is `known` already.
    pub(super) fn file(&self, parent: &OwnedFd, name: &[u8], known: Option<Oid>) -> io::Result<Oid> {
        let file = rustix::fs::openat(parent, OsStr::from_bytes(name), READ, Mode::empty())?;
        let stat = rustix::fs::fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(io::Error::other("it is no file any more"));
        }
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        if size > STREAMED { self.stream(File::from(file), size) } else { self.whole(File::from(file), size, known) }
    }

    /// Takes a link's target in.
    pub(super) fn link(&self, target: &[u8], known: Option<Oid>) -> io::Result<Oid> {
        self.keep(target, known)
    }

    fn whole(&self, mut file: File, size: u64, known: Option<Oid>) -> io::Result<Oid> {
        let mut content = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        file.read_to_end(&mut content)?;
        self.keep(&content, known)
    }

    fn keep(&self, content: &[u8], known: Option<Oid>) -> io::Result<Oid> {
        let id = Oid::hash_object(ObjectType::Blob, content).map_err(io::Error::other)?;
        match known {
            Some(known) if known == id => Ok(id),
            Some(_) | None => self.odb.write(ObjectType::Blob, content).map_err(io::Error::other),
        }
    }

    fn stream(&self, file: File, size: u64) -> io::Result<Oid> {
        let length = usize::try_from(size).map_err(io::Error::other)?;
        let mut writer = self.odb.writer(length, ObjectType::Blob).map_err(io::Error::other)?;
        let copied = io::copy(&mut file.take(size), &mut writer)?;
        if copied != size {
            return Err(io::Error::other("it changed while it was read"));
        }
        writer.finalize().map_err(io::Error::other)
    }
}
