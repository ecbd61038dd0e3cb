//! Takes a running program to its end: reads what it prints, ends it at its timeout or when asked to stop.
//!
//! Owns the clocks of one program. Never keeps output: whoever calls decides what to keep of it.

use std::future::pending;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::error::ProcessError;
use super::program::Ended;
use super::running::{News, Running};
use crate::domain::vitals::Vitals;

/// Read at once from a pipe.
const CHUNK: usize = 16 * 1024;
/// Read at most after the end of the tree, should somebody outside hold the pipe open and go on writing.
const LAST: usize = 1 << 20;
/// How long a keeper may take for its work beyond the grace, before it counts as hung: it takes ten seconds itself to
/// say that a process resists SIGKILL.
const DAWDLES: Duration = Duration::from_secs(12);
/// The longest timeout that is kept; beyond it there is none.
const FOREVER: Duration = Duration::from_secs(365 * 86_400);

/// How long a program may take, and how often it is asked after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From its start to SIGTERM.
    pub timeout: Duration,
    /// From SIGTERM to SIGKILL.
    pub grace: Duration,
    /// Between two questions after its processes; each renews the keeper's lease.
    pub pulse: Duration,
}

/// What is heard of a program while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// A piece of its output.
    Bytes(Stream, &'a [u8]),
    /// How its processes are.
    Vitals(Vitals),
}

/// Which stream a piece of output came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output, or both where they are merged.
    Output,
    /// Standard error.
    Errors,
}

/// Who ended a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// It ended by itself.
    Itself,
    /// Its timeout.
    Timeout,
    /// The stop token.
    Stop,
}

/// How it ended, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Driven {
    /// What the keeper reports.
    pub ended: Ended,
    /// Who ended it.
    pub by: EndedBy,
}

/// Gives what is heard to `sink` as it comes and resolves when nothing of the program's tree is left. A keeper that
/// does not end its tree some seconds after it should have is killed, and its tree swept.
pub async fn drive(
    mut running: Running,
    limits: Limits,
    stop: &CancellationToken,
    sink: &mut (dyn FnMut(Heard<'_>) + Send),
) -> Result<Driven, ProcessError> {
    let mut stdout = Reader::new(running.streams.stdout.take());
    let mut stderr = Reader::new(running.streams.stderr.take());
    let deadline = Instant::now() + limits.timeout.min(FOREVER);
    let mut by = EndedBy::Itself;
    let mut asks = Instant::now();
    let mut patience = None;
    let ended = loop {
        let free = by == EndedBy::Itself;
        tokio::select! {
            news = running.next() => match news? {
                News::Ended(ended) => break ended,
                News::Vitals(vitals) => sink(Heard::Vitals(vitals)),
            },
            bytes = stdout.next() => sink(Heard::Bytes(Stream::Output, bytes)),
            bytes = stderr.next() => sink(Heard::Bytes(Stream::Errors, bytes)),
            () = stop.cancelled(), if free => by = EndedBy::Stop,
            () = sleep_until(deadline), if free => by = EndedBy::Timeout,
            () = sleep_until(asks), if free => {
                running.ask().await;
                asks = Instant::now() + limits.pulse;
            }
            () = over(patience) => {
                running.kill_keeper();
                patience = None;
            }
        }
        if free && by != EndedBy::Itself {
            running.kill(limits.grace).await;
            patience = Some(Instant::now() + limits.grace.min(FOREVER) + DAWDLES);
        }
    };
    stdout.drain(&mut |bytes| sink(Heard::Bytes(Stream::Output, bytes)));
    stderr.drain(&mut |bytes| sink(Heard::Bytes(Stream::Errors, bytes)));
    Ok(Driven { ended, by })
}

/// Resolves when the patience is over; never, where there is no end to it.
async fn over(patience: Option<Instant>) {
    match patience {
        Some(until) => sleep_until(until).await,
        None => pending().await,
    }
}

/// A pipe until its end; after that it is silent.
struct Reader {
    pipe: Option<Receiver>,
    buffer: Vec<u8>,
}

impl Reader {
    fn new(pipe: Option<Receiver>) -> Self {
        Self { buffer: vec![0; if pipe.is_some() { CHUNK } else { 0 }], pipe }
    }

    /// The next bytes; never resolves when there are no more.
    async fn next(&mut self) -> &[u8] {
        loop {
            let Some(pipe) = &mut self.pipe else { pending().await };
            match pipe.read(&mut self.buffer).await {
                Ok(0) | Err(_) => self.pipe = None,
                Ok(length) => return &self.buffer[..length],
            }
        }
    }

    /// What is in the pipe now.
    fn drain(mut self, each: &mut dyn FnMut(&[u8])) {
        let Some(pipe) = self.pipe.take() else { return };
        let mut total = 0;
        while total < LAST {
            match pipe.try_read(&mut self.buffer) {
                Ok(0) | Err(_) => return,
                Ok(length) => {
                    each(&self.buffer[..length]);
                    total += length;
                }
            }
        }
    }
}
