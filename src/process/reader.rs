//! The reading end of a program's output.
//!
//! Never keeps what it reads. Invariant: nothing is read while there is no room for it, but for the last of it, which is
//! in the pipe when the program is gone.

use std::future::pending;

use rustix::io::Errno;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

use super::drive::{Intake, Stream};
use super::turn::Turn;

/// Read at once from a pipe: behind so much it is seen whether anything else is to be done.
const CHUNK: usize = 4 * 1024;
/// Read at most after the end of the tree, should somebody outside hold the pipe open and go on writing.
const LAST: usize = 1 << 20;

/// A pipe until its end; after that it is silent.
pub(super) struct Reader {
    stream: Stream,
    pipe: Option<Receiver>,
    buffer: Vec<u8>,
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
        Self { stream, buffer: vec![0; if pipe.is_some() { CHUNK } else { 0 }], pipe, intake }
    }

    /// The next bytes, when there is room for them; never resolves when there are no more.
    async fn next(&mut self) -> (Stream, &[u8]) {
        loop {
            let Some(pipe) = &mut self.pipe else { pending().await };
            self.intake.backlog.room().await;
            match pipe.read(&mut self.buffer).await {
                Ok(0) | Err(_) => {
                    self.pipe = None;
                    self.intake.ended.cancel();
                }
                Ok(length) => return (self.stream, &self.buffer[..length]),
            }
        }
    }

    /// What is in the pipe now. The pipe itself is asked: the event loop may not have seen yet that there is something,
    /// and would say that there is nothing.
    pub(super) async fn drain(mut self, turn: &mut Turn, each: &mut (dyn FnMut(Stream, &[u8]) + Send)) {
        let Some(pipe) = self.pipe.take() else { return };
        let mut total = 0;
        while total < LAST {
            match rustix::io::read(&pipe, &mut self.buffer[..]) {
                Err(Errno::INTR) => {}
                Ok(0) | Err(_) => return,
                Ok(length) => {
                    each(self.stream, &self.buffer[..length]);
                    total += length;
                    turn.pass(length).await;
                }
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
        let reader = Reader::new(Stream::Errors, Some(reader), Intake::default());
        writer.write_all(b"last words").expect("room");
        let mut heard = Vec::new();
        reader.drain(&mut Turn::begin(), &mut |stream, bytes| heard.push((stream, bytes.to_vec()))).await;
        assert_eq!(heard, [(Stream::Errors, b"last words".to_vec())]);
    }
}
