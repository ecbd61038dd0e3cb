//! Signals that stop a run: the first asks for a pause, the second ends it at once.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    /// The first one, by number.
    First(i32),
    /// A further one.
    Again(i32),
}

/// SIGINT, SIGTERM and SIGHUP of this process.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    seen: bool,
}

impl Signals {
    /// Takes the signals over from their default actions. Has to be called within a tokio runtime.
    pub(super) fn install() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            seen: false,
        })
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Stopped {
        let number = tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.hangup.recv() => SignalKind::hangup(),
        };
        let number = number.as_raw_value();
        if std::mem::replace(&mut self.seen, true) { Stopped::Again(number) } else { Stopped::First(number) }
    }
}
