//! Takes the content of files and links into the object store, byte for byte.
//!
//! Opens by descriptor and name, never through a link, and never blocks on what turns out to be no file. Reads no more of
//! a file than the size that was allowed.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

use git2::{ObjectType, Odb, Oid};
use rustix::fs::{FileType, Mode, OFlags};

use super::abandon::Abandon;
use super::contents::pass_on;

/// Files above this size are streamed, in bytes.
const STREAMED: u64 = 4 << 20;

const READ: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// The way into one object store.
pub(super) struct Intake<'repo> {
    odb: Odb<'repo>,
    abandon: &'repo Abandon,
}

impl<'repo> Intake<'repo> {
    /// A way into `odb`.
    pub(super) fn new(odb: Odb<'repo>, abandon: &'repo Abandon) -> Self {
        Self { odb, abandon }
    }

    /// Fails when nobody needs what is taken in.
    pub(super) fn go_on(&self) -> io::Result<()> {
        self.abandon.check()
    }

    /// The size of a content of the store, in bytes; `None` where it cannot be told.
    pub(super) fn size_of(&self, id: Oid) -> Option<u64> {
        self.odb.read_header(id).ok().map(|(size, _)| size as u64)
    }

    /// Takes a file of `size` bytes in. Nothing is written where its content is `known` already.
    pub(super) fn file(&self, parent: &OwnedFd, name: &[u8], (size, known): (u64, Option<Oid>)) -> io::Result<Oid> {
        let file = opened(parent, name)?;
        if size > STREAMED { self.stream(file, size) } else { self.keep(&whole(file, size)?, known) }
    }

    /// The name that the content of a file of `size` bytes would have. A large one is written for that.
    pub(super) fn name_of(&self, parent: &OwnedFd, name: &[u8], size: u64) -> io::Result<Oid> {
        let file = opened(parent, name)?;
        match size > STREAMED {
            true => self.stream(file, size),
            false => Oid::hash_object(ObjectType::Blob, &whole(file, size)?).map_err(io::Error::other),
        }
    }

    /// Takes a link's target in.
    pub(super) fn link(&self, target: &[u8], known: Option<Oid>) -> io::Result<Oid> {
        self.keep(target, known)
    }

    fn keep(&self, content: &[u8], known: Option<Oid>) -> io::Result<Oid> {
        let id = Oid::hash_object(ObjectType::Blob, content).map_err(io::Error::other)?;
        match known {
            Some(known) if known == id => Ok(id),
            Some(_) | None => self.odb.write(ObjectType::Blob, content).map_err(io::Error::other),
        }
    }

    fn stream(&self, mut file: File, size: u64) -> io::Result<Oid> {
        let length = usize::try_from(size).map_err(io::Error::other)?;
        let mut writer = self.odb.writer(length, ObjectType::Blob).map_err(io::Error::other)?;
        pass_on(&mut file, &mut writer, (size, self.abandon))?;
        ended(&mut file)?;
        writer.finalize().map_err(io::Error::other)
    }
}

fn opened(parent: &OwnedFd, name: &[u8]) -> io::Result<File> {
    let file = rustix::fs::openat(parent, OsStr::from_bytes(name), READ, Mode::empty())?;
    let stat = rustix::fs::fstat(&file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(io::Error::other("it is no file any more"));
    }
    Ok(File::from(file))
}

fn whole(mut file: File, size: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    (&mut file).take(size).read_to_end(&mut content)?;
    if content.len() as u64 != size {
        return Err(io::Error::other("it changed while it was read"));
    }
    ended(&mut file)?;
    Ok(content)
}

/// Fails where a file goes on beyond the size that it had.
fn ended(file: &mut File) -> io::Result<()> {
    match file.read(&mut [0])? {
        0 => Ok(()),
        _ => Err(io::Error::other("it changed while it was read")),
    }
}
