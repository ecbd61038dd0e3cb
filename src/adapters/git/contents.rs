//! The content of files between an object store and a disk, in pieces: memory does not grow with their size.

use std::io::{self, Read, Write};

use git2::{ObjectType, Odb, OdbReader, Oid};

use super::abandon::Abandon;

/// How much is moved at once, in bytes.
const PIECE: usize = 256 << 10;
/// Contents above this size are moved in pieces, in bytes.
pub(super) const STREAMED: usize = 4 << 20;

/// Writes a blob's content to `to`.
pub(super) fn copy_to(odb: &Odb<'_>, id: Oid, to: &mut impl Write, abandon: &Abandon) -> io::Result<()> {
    let (size, _) = odb.read_header(id).map_err(io::Error::other)?;
    match stream_of(odb, id, size) {
        Some(mut stream) => pass_on(&mut stream, to, (size as u64, abandon)),
        // A packed object comes whole.
        None => to.write_all(odb.read(id).map_err(io::Error::other)?.data()),
    }
}

fn stream_of<'odb>(odb: &'odb Odb<'_>, id: Oid, size: usize) -> Option<OdbReader<'odb>> {
    if size <= STREAMED {
        return None;
    }
    let (stream, _, kind) = odb.reader(id).ok()?;
    (kind == ObjectType::Blob).then_some(stream)
}

/// Passes exactly `size` bytes on; fewer are an error, and what comes behind them is not read.
pub(super) fn pass_on(from: &mut impl Read, to: &mut impl Write, (size, abandon): (u64, &Abandon)) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    let mut left = size;
    while left > 0 {
        abandon.check()?;
        let most = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        let read = match from.read(&mut piece[..most]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is shorter than it should be")),
            read => read?,
        };
        to.write_all(&piece[..read])?;
        left -= read as u64;
    }
    Ok(())
}
