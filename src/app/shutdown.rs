//! What stops a run from outside: signals, and readers that go away. The first asks for a pause, a second signal ends
//! the run at once.
//!
//! A reader that went away and a hang-up never count as a second signal: Ctrl-C takes the reader of our pipe with it,
//! and a terminal that closes says so several times.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::readers::Readers;
use crate::domain::control::CLOSED_PIPE;

/// What a signal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    /// The first one, by number.
    First(i32),
    /// A further one.
    Again(i32),
}

/// SIGINT, SIGTERM and SIGHUP of this process, and the end of whoever reads what it prints, which counts as SIGPIPE.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// `None` where whoever started us has SIGHUP ignored (`nohup`).
    hangup: Option<Signal>,
    readers: Readers,
    /// Whether a signal came already.
    signalled: bool,
    /// Whether anything came already.
    stopped: bool,
}

impl Signals {
    /// Takes the signals over from their default actions. Has to be called within a tokio runtime.
    pub(super) fn install() -> std::io::Result<Self> {
        let hangup = if hangups_are_ignored() { None } else { Some(signal(SignalKind::hangup())?) };
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup,
            readers: Readers::watch()?,
            signalled: false,
            stopped: false,
        })
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Stopped {
        loop {
            let kind = tokio::select! {
                _ = self.interrupt.recv() => SignalKind::interrupt(),
                _ = self.terminate.recv() => SignalKind::terminate(),
                () = hung_up(&mut self.hangup) => SignalKind::hangup(),
                () = self.readers.gone() => SignalKind::pipe(),
            };
            let soft = kind == SignalKind::pipe() || kind == SignalKind::hangup();
            let (signalled, stopped) = (self.signalled, self.stopped);
            self.signalled |= kind != SignalKind::pipe();
            self.stopped = true;
            match (stopped && soft, signalled) {
                (true, _) => {}
                (false, true) => return Stopped::Again(kind.as_raw_value()),
                (false, false) => return Stopped::First(kind.as_raw_value()),
            }
        }
    }
}

/// Who stopped the run, for the journal.
pub(super) fn stopped_by(signal: i32) -> String {
    let is = |kind: SignalKind| kind.as_raw_value() == signal;
    match signal {
        _ if is(SignalKind::interrupt()) => "SIGINT".to_owned(),
        _ if is(SignalKind::terminate()) => "SIGTERM".to_owned(),
        _ if is(SignalKind::hangup()) => "SIGHUP".to_owned(),
        _ if is(SignalKind::pipe()) => CLOSED_PIPE.to_owned(),
        other => format!("SIG {other}"),
    }
}

async fn hung_up(hangup: &mut Option<Signal>) {
    match hangup {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Whether SIGHUP was ignored when this process was started.
fn hangups_are_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 != 0)
}
