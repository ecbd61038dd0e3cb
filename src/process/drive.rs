//! Takes a running program to its end: reads what it prints, ends it at its timeout or when asked to stop.
//!
//! Owns the clocks of one program. Never keeps output: whoever calls decides what to keep of it. Invariant: when a drive
//! is over, nothing of the program's tree is left, whether its keeper did its work, hung or died.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::backlog::Backlog;
use super::error::ProcessError;
use super::program::{Ended, Exit};
use super::reader::{Reader, either};
use super::running::{News, Running};
use super::turn::Turn;
use crate::domain::vitals::Vitals;

/// How long a keeper may take for its work beyond the grace, before it counts as hung: it takes ten seconds itself to
/// say that a process resists SIGKILL.
const DAWDLES: Duration = Duration::from_secs(12);
/// The shortest time between two questions.
const BRIEFEST: Duration = Duration::from_millis(10);
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
    /// Its keeper, which had no word of this process for the whole lease.
    Lease,
    /// The death of its keeper; the survivors are those who were killed then.
    KeeperLost,
}

/// How it ended, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Driven {
    /// What the keeper reports.
    pub ended: Ended,
    /// Who ended it.
    pub by: EndedBy,
}

/// How a program's standard output is taken.
#[derive(Clone, Debug, Default)]
pub struct Intake {
    /// None is read while this is full: the program waits then, as soon as its pipe is full too.
    pub backlog: Backlog,
    /// Cancelled when there is no more of its standard output: the program has closed it, or its tree has ended.
    pub ended: CancellationToken,
}

/// Gives what is heard to `sink` as it comes and resolves when nothing of the program's tree is left. A keeper that does
/// not end its tree some seconds after it should have is killed, and its tree swept.
pub async fn drive(
    running: Running,
    limits: Limits,
    stop: &CancellationToken,
    sink: &mut (dyn FnMut(Heard<'_>) + Send),
) -> Driven {
    drive_within(Intake::default(), running, limits, stop, sink).await
}

/// As `drive`, for whom cannot deal at once with what is printed. However long there is no room, the clocks go on, the
/// stop token is heeded and standard error is read.
pub async fn drive_within(
    intake: Intake,
    mut running: Running,
    limits: Limits,
    stop: &CancellationToken,
    sink: &mut (dyn FnMut(Heard<'_>) + Send),
) -> Driven {
    let mut stdout = Reader::new(Stream::Output, running.streams.stdout.take(), intake);
    let mut stderr = Reader::new(Stream::Errors, running.streams.stderr.take(), Intake::default());
    let (mut clocks, mut turn) = (Clocks::start(&limits), Turn::begin());
    let driven = loop {
        tokio::select! {
            // However much is printed, the program is ended, asked after and heard of first.
            biased;
            () = stop.cancelled(), if clocks.runs() => clocks.end(EndedBy::Stop, &mut running, limits.grace).await,
            () = sleep_until(clocks.deadline), if clocks.runs() => {
                clocks.end(EndedBy::Timeout, &mut running, limits.grace).await;
            }
            () = sleep_until(clocks.overdue), if !clocks.runs() => {
                running.kill_keeper();
                clocks.overdue += FOREVER;
            }
            () = sleep_until(clocks.pulse), if clocks.runs() => clocks.ask(&mut running, limits.pulse).await,
            said = running.next() => match said {
                Ok(News::Vitals(vitals)) => {
                    clocks.asked = false;
                    sink(Heard::Vitals(vitals));
                }
                Ok(News::Ended(ended)) => break clocks.over(ended),
                Err(error) => break clocks.lost(error),
            },
            (stream, bytes) = either(&mut stdout, &mut stderr) => {
                sink(Heard::Bytes(stream, bytes));
                turn.pass(bytes.len()).await;
            }
        }
    };
    let mut last = |stream, bytes: &[u8]| sink(Heard::Bytes(stream, bytes));
    stdout.drain(&mut turn, &mut last).await;
    stderr.drain(&mut turn, &mut last).await;
    driven
}

/// When something is due, and who has ended the program so far.
struct Clocks {
    by: EndedBy,
    deadline: Instant,
    pulse: Instant,
    /// Whether the keeper owes an answer: a keeper that hangs is not asked again, and its lease runs out.
    asked: bool,
    overdue: Instant,
}

impl Clocks {
    fn start(limits: &Limits) -> Self {
        let now = Instant::now();
        let deadline = now + limits.timeout.min(FOREVER);
        Self {
            by: EndedBy::Itself,
            deadline,
            pulse: now + limits.pulse.clamp(BRIEFEST, FOREVER),
            asked: false,
            overdue: now + FOREVER,
        }
    }

    /// Whether nobody has ended the program yet.
    fn runs(&self) -> bool {
        self.by == EndedBy::Itself
    }

    async fn ask(&mut self, running: &mut Running, pulse: Duration) {
        self.pulse = Instant::now() + pulse.clamp(BRIEFEST, FOREVER);
        if !self.asked {
            self.asked = true;
            running.ask().await;
        }
    }

    async fn end(&mut self, by: EndedBy, running: &mut Running, grace: Duration) {
        self.by = by;
        self.overdue = Instant::now() + grace.min(FOREVER) + DAWDLES;
        running.kill(grace).await;
    }

    fn over(&self, ended: Ended) -> Driven {
        let by = if ended.lapsed { EndedBy::Lease } else { self.by };
        Driven { ended, by }
    }

    /// The keeper died, by itself or because it was given up. What it would have counted is not known.
    fn lost(&self, error: ProcessError) -> Driven {
        let survivors = match error {
            ProcessError::KeeperLost { killed, .. }
            | ProcessError::KeeperSilent { killed, .. }
            | ProcessError::Stopped { killed, .. } => killed,
            ProcessError::Unstartable { .. }
            | ProcessError::Exhausted { .. }
            | ProcessError::NoKeeper { .. }
            | ProcessError::LauncherGone => Vec::new(),
        };
        let exit = Exit::Signal(libc::SIGKILL);
        let ended = Ended { exit, cpu_user_ms: 0, cpu_system_ms: 0, max_rss_kb: 0, survivors, lapsed: false };
        Driven { ended, by: if self.runs() { EndedBy::KeeperLost } else { self.by } }
    }
}
