//! From bytes to events: every line decoded, every link of the chain checked.
//!
//! Lines are decoded on all cores, because each carries its own hash; the chain is checked where the pieces meet.
//! Never skips a line, never looks at an incomplete last one.

use std::io::BufRead;
use std::num::NonZero;
use std::thread;

use crate::domain::event::Event;
use crate::domain::evidence::JournalPosition;
use crate::domain::ids::{ContentHash, Seq};
use crate::store::codec::{BadRecord, decode, position_of};

/// Below this many bytes a thread costs more than it brings.
const WORTH_A_THREAD: usize = 1 << 20;
/// More threads than this wait for memory.
const MOST_THREADS: usize = 8;

/// What a run of bytes holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// The records, in order.
    pub events: Vec<Event>,
    /// The place of the last one.
    pub position: JournalPosition,
    /// The bytes of complete lines; what follows is an incomplete last line.
    pub complete: usize,
}

/// A record that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Which of the bytes' lines, from 0.
    pub index: u64,
    /// What is wrong with it.
    pub problem: BadRecord,
}

/// Decodes all complete lines of `bytes`, the first of which follows `after`.
pub fn replay(bytes: &[u8], after: JournalPosition) -> Result<Replayed, BadLine> {
    let complete = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
    let pieces = pieces(&bytes[..complete]);
    let decoded: Vec<Result<Vec<Event>, BadLine>> = match pieces.as_slice() {
        [piece] => vec![decode_piece(piece)],
        pieces => thread::scope(|scope| {
            let threads: Vec<_> = pieces.iter().map(|piece| scope.spawn(|| decode_piece(piece))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|p| std::panic::resume_unwind(p))).collect()
        }),
    };
    let mut all = Replayed { events: Vec::new(), position: after, complete };
    for piece in decoded {
        all.push(piece)?;
    }
    Ok(all)
}

impl Replayed {
    fn push(&mut self, piece: Result<Vec<Event>, BadLine>) -> Result<(), BadLine> {
        let before = self.events.len() as u64;
        let mut events = piece.map_err(|bad| BadLine { index: before + bad.index, problem: bad.problem })?;
        if let (Some(first), Some(last)) = (events.first(), events.last()) {
            follows(self.position.seq, &self.position.hash, first)
                .map_err(|problem| BadLine { index: before, problem })?;
            self.position = position_of(last);
        }
        if self.events.is_empty() {
            self.events = events;
        } else {
            self.events.append(&mut events);
        }
        Ok(())
    }
}

/// Cuts at line ends into about as many pieces as there are cores.
fn pieces(bytes: &[u8]) -> Vec<&[u8]> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS);
    let size = (bytes.len() / cores + 1).max(WORTH_A_THREAD);
    let mut pieces = Vec::with_capacity(cores);
    let mut rest = bytes;
    while rest.len() > size {
        let (piece, behind) = rest.split_at(size + line_length(&rest[size..]));
        pieces.push(piece);
        rest = behind;
    }
    pieces.push(rest);
    pieces
}

/// Decodes whole lines and checks the chain between them, but not where the first stands.
fn decode_piece(mut bytes: &[u8]) -> Result<Vec<Event>, BadLine> {
    let mut events: Vec<Event> = Vec::new();
    while !bytes.is_empty() {
        let (line, rest) = bytes.split_at(line_length(bytes));
        let event = decode(line.strip_suffix(b"\n").unwrap_or(line)).and_then(|event| {
            events.last().map_or(Ok(()), |last| follows(last.seq, &last.hash, &event)).map(|()| event)
        });
        events.push(event.map_err(|problem| BadLine { index: events.len() as u64, problem })?);
        bytes = rest;
    }
    Ok(events)
}

/// The length of the first line, its newline included. (The standard library's search reads words, not bytes.)
fn line_length(mut bytes: &[u8]) -> usize {
    bytes.skip_until(b'\n').unwrap_or(bytes.len())
}

fn follows(seq: Seq, hash: &ContentHash, event: &Event) -> Result<(), BadRecord> {
    let expected = seq.next();
    if event.seq != expected {
        return Err(BadRecord::WrongSeq { expected, found: event.seq });
    }
    if event.prev_hash != *hash {
        return Err(BadRecord::BrokenChain);
    }
    Ok(())
}
