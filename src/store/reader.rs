//! The journal as other processes read it, while its writer may be in the middle of a line.
//!
//! Never writes, never locks. What it yields was written whole, and may not be durable yet.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::domain::event::Event;
use crate::domain::evidence::JournalPosition;
use crate::store::codec::{BadRecord, genesis};
use crate::store::error::StoreError;
use crate::store::opening::read_regular;
use crate::store::replay::{BadLine, Replayed, replay};

/// What a journal holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The records, in order.
    pub events: Vec<Event>,
    /// The place of the last one.
    pub position: JournalPosition,
    /// Bytes of complete records.
    pub bytes: u64,
    /// Bytes of an incomplete last line: the writer is at it, or was stopped at it.
    pub torn_bytes: u64,
}

/// Reads a whole journal. Refuses `NoJournal`, `Corrupt` and `Newer`; an incomplete last line is no error.
pub fn read_events(path: &Path) -> Result<Contents, StoreError> {
    let mut reader = Reader::open(path)?;
    let (events, torn_bytes) = reader.advance()?;
    Ok(Contents { events, torn_bytes, bytes: reader.offset, position: reader.position })
}

/// Follows a journal: yields the records that have come since it was last asked.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    file: File,
    /// The end of the last record that was yielded.
    offset: u64,
    position: JournalPosition,
}

impl Reader {
    /// Stands before the first record. Refuses `NoJournal`.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let file = match read_regular(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(StoreError::NoJournal { path: path.to_owned() });
            }
            file => file.map_err(StoreError::io("open", path))?,
        };
        Ok(Self { path: path.to_owned(), file, offset: 0, position: genesis() })
    }

    /// The complete records behind those that were yielded before; none where nothing has come.
    pub fn poll(&mut self) -> Result<Vec<Event>, StoreError> {
        self.advance().map(|(events, _)| events)
    }

    fn advance(&mut self) -> Result<(Vec<Event>, u64), StoreError> {
        let bytes = self.unread().map_err(StoreError::io("read", &self.path))?;
        let Replayed { events, position, complete } =
            replay(&bytes, self.position.clone()).map_err(|bad| refuse(&self.path, self.position.seq.0, bad))?;
        self.offset += complete as u64;
        self.position = position;
        Ok((events, (bytes.len() - complete) as u64))
    }

    fn unread(&mut self) -> std::io::Result<Vec<u8>> {
        let length = self.file.metadata()?.len().saturating_sub(self.offset);
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        self.file.seek(SeekFrom::Start(self.offset))?;
        self.file.by_ref().take(length).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Says which line of which file is bad, where `before` lines stand before the bytes that were decoded.
pub(crate) fn refuse(path: &Path, before: u64, bad: BadLine) -> StoreError {
    let path = path.to_owned();
    let line = before + bad.index + 1;
    match bad.problem {
        BadRecord::Newer { version } => StoreError::Newer { path, line, version },
        source @ (BadRecord::Malformed { .. }
        | BadRecord::WrongHash
        | BadRecord::WrongSeq { .. }
        | BadRecord::BrokenChain) => StoreError::Corrupt { path, line, source },
    }
}
