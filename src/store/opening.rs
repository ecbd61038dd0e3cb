//! Opens files of a goal's directory, which other programs can write to.
//!
//! Invariant: an open never waits and never follows a link, and what comes back is a regular file. A FIFO would block
//! whoever opens it, a device would act.

use std::fs::{File, FileType, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// Opens a regular file with these options.
pub fn open_regular(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = OFlags::NONBLOCK.union(OFlags::NOFOLLOW).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);
    // Bits of open(2) are those of an `int`.
    let opened = options.custom_flags(flags.bits().cast_signed()).open(path);
    let kind = match &opened {
        Ok(file) => file.metadata()?.file_type(),
        Err(error) => match std::fs::symlink_metadata(path) {
            Ok(found) => found.file_type(),
            Err(_) => return Err(io::Error::new(error.kind(), error.to_string())),
        },
    };
    if kind.is_file() { opened } else { Err(io::Error::other(format!("it is {}, not a file", name(kind)))) }
}

/// Opens a regular file for reading.
pub fn read_regular(path: &Path) -> io::Result<File> {
    open_regular(path, OpenOptions::new().read(true))
}

fn name(kind: FileType) -> &'static str {
    match kind {
        _ if kind.is_fifo() => "a FIFO",
        _ if kind.is_symlink() => "a symbolic link",
        _ if kind.is_dir() => "a directory",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    }
}
