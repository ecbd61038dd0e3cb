//! The reading end of a program's output.
//!
//! Never keeps what it reads. Invariant: nothing is read while there is no room for it, but for the last of it, which is
//! in the pipe when the program is gone.

use std::future::pending;
use std::ops::Range;

use rustix::io::Errno;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

use super::drive::{Intake, Stream};
use super::turn::Turn;

/// Read at once from a pipe.
const CHUNK: usize = 16 * 1024;
/// Given on at once: behind so much it is seen whether anything else is to be done. It may be hundreds of lines.
const PIECE: usize = 512;
/// Read at most after the end of the tree, should somebody outside hold the pipe open and go on writing.
const LAST: usize = 1 << 20;

/// A pipe until its end; after that it is silent.
pub(super) struct Reader {
    stream: Stream,
    pipe: Option<Receiver>,
    buffer: Vec<u8>,
    /// What of it is still to be given on.
    rest: Range<usize>,
    intake: Intake,
}

/// The next bytes of either. Can be cancelled and called again.
pub(super) async fn either<'a>(one: &'a mut Reader, other: &'a mut Reader) -> (Stream, &'a [u8]) {
    // Not in order: a flood of one would hide the other.
    tokio::select! {
        bytes = one.next() => bytes,
        bytes = other.next() => bytes,
    }
}

impl Reader {
    pub(super) fn new(stream: Stream, pipe: Option<Receiver>, intake: Intake) -> Self {
        Self { stream, buffer: vec![0; if pipe.is_some() { CHUNK } else { 0 }], rest: 0..0, pipe, intake }
    }

    /// The next bytes, when there is room for them; never resolves when there are no more.
    async fn next(&mut self) -> (Stream, &[u8]) {
        while self.rest.is_empty() {
            let Some(pipe) = &mut self.pipe else { pending().await };
            self.intake.backlog.room().await;
            match pipe.read(&mut self.buffer).await {
                Ok(0) | Err(_) => {
                    self.pipe = None;
                    self.intake.ended.cancel();
                }
                Ok(length) => self.rest = 0..length,
            }
        }
        self.intake.backlog.room().await;
        (self.stream, self.piece())
    }

    /// Takes the next piece of what has been read.
    fn piece(&mut self) -> &[u8] {
        let from = self.rest.start;
        self.rest.start = self.rest.end.min(from + PIECE);
        &self.buffer[from..self.rest.start]
    }

    /// What is in the pipe now. The pipe itself is asked: the event loop may not have seen yet that there is something,
    /// and would say that there is nothing.
    pub(super) async fn drain(mut self, turn: &mut Turn, each: &mut (dyn FnMut(Stream, &[u8]) + Send)) {
        let _no_more = self.intake.ended.clone().drop_guard();
        let mut total = 0;
        loop {
            while !self.rest.is_empty() {
                let stream = self.stream;
                let piece = self.piece();
                let length = piece.len();
                each(stream, piece);
                total += length;
                turn.pass(length).await;
            }
            let Some(pipe) = self.pipe.as_ref().filter(|_| total < LAST) else { return };
            match rustix::io::read(pipe, &mut self.buffer[..]) {
                Err(Errno::INTR) => {}
                Ok(0) | Err(_) => return,
                Ok(length) => self.rest = 0..length,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[tokio::test]
    async fn what_the_event_loop_has_not_seen_yet_is_drained() {
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        let reader = Receiver::from_owned_fd(reader.into()).expect("a reader");
        let intake = Intake::default();
        let reader = Reader::new(Stream::Errors, Some(reader), intake.clone());
        writer.write_all(b"last words").expect("room");
        let mut heard = Vec::new();
        reader.drain(&mut Turn::begin(), &mut |stream, bytes| heard.push((stream, bytes.to_vec()))).await;
        assert_eq!(heard, [(Stream::Errors, b"last words".to_vec())]);
        assert!(intake.ended.is_cancelled(), "the pipe is open, and nobody reads it any more");
    }

    #[tokio::test]
    async fn what_is_read_at_once_is_given_on_in_pieces_and_all_of_it_before_the_end() {
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        let reader = Receiver::from_owned_fd(reader.into()).expect("a reader");
        let intake = Intake::default();
        let mut reader = Reader::new(Stream::Output, Some(reader), intake.clone());
        let mut silent = Reader::new(Stream::Errors, None, Intake::default());
        let said: Vec<u8> = (0..=255).cycle().take(2 * PIECE + 1).collect();
        writer.write_all(&said).expect("room");
        drop(writer);
        let mut heard = Vec::new();
        for length in [PIECE, PIECE, 1] {
            let (stream, piece) = either(&mut reader, &mut silent).await;
            assert_eq!((stream, piece.len()), (Stream::Output, length));
            heard.extend_from_slice(piece);
        }
        assert_eq!((heard, intake.ended.is_cancelled()), (said, false));
        tokio::select! {
            biased;
            _ = either(&mut reader, &mut silent) => panic!("there is no more"),
            () = intake.ended.cancelled() => {}
        }
    }
}
