//! Holds one conversation over a program's standard streams, from its start to the end of its processes.
//!
//! Owns how the four sides of it run together: the program, what is heard of it, what is written to it, and the
//! script that says what comes next. Invariant: when it resolves nothing of the program's tree is left.

use std::ffi::OsString;
use std::time::Duration;

use tokio::net::unix::pipe::Sender;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::errand::Errand;
use super::jsonrpc::peer::{Inbox, Outgoing, Peer, write};
use super::jsonrpc::serve::{Dialect, serve};
use crate::domain::vitals::Vitals;
use crate::process::backlog::Backlog;
use crate::process::drive::{Driven, Heard, Intake, Limits, Stream, drive_within};
use crate::process::error::ProcessError;
use crate::process::program::Program;
use crate::process::running::Running;
use crate::process::spawn::{Input, Launcher, OutputPlan, Spec};

/// Our end of a conversation that has not begun.
pub(super) struct Line {
    pub(super) peer: Peer,
    pub(super) inbox: Inbox,
    pub(super) outgoing: Outgoing,
}

/// What is heard of a program beside the conversation.
pub(super) enum Aside<'a> {
    /// It printed this on its standard error.
    Errors(&'a [u8]),
    /// Its keeper looked at its processes.
    Vitals(Vitals),
}

/// A program that has been started for a conversation, and how long it may take at most.
pub(super) struct Partner {
    pub(super) running: Running,
    pub(super) limits: Limits,
}

/// How long a program may live beyond its deadline, should the conversation not end it.
const BEYOND: Duration = Duration::from_secs(15);
/// How long a program that has closed one of its standard streams may take to end by itself.
const LINGERS: Duration = Duration::from_secs(2);

impl Partner {
    /// Starts the program of an errand, with `more` arguments than its profile has.
    pub(super) async fn start(errand: &Errand, more: Vec<OsString>, launcher: &Launcher) -> Result<Self, ProcessError> {
        let mut words = errand.profile.command.iter().map(OsString::from);
        let program = words.next().unwrap_or_default();
        let args = words.chain(more).collect();
        let program = Program { program, args, env: errand.env.clone(), cwd: errand.worktree.clone() };
        let limits = Limits { timeout: errand.limits.timeout.saturating_add(BEYOND), ..errand.limits };
        let spec = Spec { program, input: Input::Pipe, output: OutputPlan::Split, lease: errand.lease };
        Ok(Self { running: launcher.launch(spec).await?, limits })
    }
}

/// Lets `script` speak until it resolves, to what came of it and how long the program may then live without its
/// standard input; sees the program out. `aside` gets what is heard of it outside of the conversation.
pub(super) async fn talk<T>(
    partner: Partner,
    line: Line,
    dialect: &mut dyn Dialect,
    aside: &mut (dyn FnMut(Aside<'_>) + Send),
    script: impl Future<Output = (T, Duration)>,
) -> Result<(Driven, T), ProcessError> {
    let Line { peer, inbox, outgoing } = line;
    let (held, ()) = tokio::join!(hold(partner, &peer, outgoing, aside, script), serve(&peer, inbox, dialect));
    Ok(held)
}

/// Our side of a program's standard streams.
pub(super) trait Side: Sync {
    /// Takes a piece of its standard output.
    fn feed(&self, bytes: &[u8]);
    /// The program is gone.
    fn close(&self);
    /// We have nothing more to say: its standard input ends behind what has been said.
    fn hang_up(&self);
    /// What has to be dealt with before more is fed.
    fn backlog(&self) -> Backlog;
    /// The program has closed one of its standard streams and runs on. Says whether the conversation is over with that;
    /// it is closed then.
    fn broken(&self) -> bool;
}

impl Side for Peer {
    fn feed(&self, bytes: &[u8]) {
        Self::feed(self, bytes);
    }

    fn close(&self) {
        Self::close(self);
    }

    fn hang_up(&self) {
        Self::hang_up(self);
    }

    fn backlog(&self) -> Backlog {
        self.heard().clone()
    }

    fn broken(&self) -> bool {
        Self::close(self);
        true
    }
}

/// As `talk`, with a side that understands by itself what it is fed.
pub(super) async fn hold<T>(
    partner: Partner,
    side: &dyn Side,
    outgoing: Outgoing,
    aside: &mut (dyn FnMut(Aside<'_>) + Send),
    script: impl Future<Output = (T, Duration)>,
) -> (Driven, T) {
    let Partner { mut running, limits } = partner;
    let moments = Moments::default();
    let stdin = running.streams.stdin.take();
    let intake = Intake { backlog: side.backlog(), ended: moments.broken.clone() };
    let mut sink = |heard: Heard<'_>| match heard {
        Heard::Bytes(Stream::Output, bytes) => side.feed(bytes),
        Heard::Bytes(Stream::Errors, bytes) => aside(Aside::Errors(bytes)),
        Heard::Vitals(vitals) => aside(Aside::Vitals(vitals)),
    };
    let driving = async {
        let driven = drive_within(intake, running, limits, &moments.kill, &mut sink).await;
        side.close();
        moments.gone.cancel();
        driven
    };
    let speaking = async {
        let (outcome, patience) = script.await;
        moments.over.cancel();
        side.hang_up();
        let _gone = timeout(patience, moments.gone.cancelled()).await;
        moments.kill.cancel();
        outcome
    };
    let (driven, outcome, (), ()) =
        tokio::join!(driving, speaking, moments.write(outgoing, stdin), moments.break_off(side));
    (driven, outcome)
}

/// What the four sides tell each other.
#[derive(Default)]
struct Moments {
    /// The script is over.
    over: CancellationToken,
    /// One of the program's standard streams is closed.
    broken: CancellationToken,
    /// The program is to be ended.
    kill: CancellationToken,
    /// Nothing of it is left.
    gone: CancellationToken,
}

impl Moments {
    async fn write(&self, outgoing: Outgoing, stdin: Option<Sender>) {
        let Some(stdin) = stdin else { return };
        if let Some(Err(_nobody_reads)) = self.gone.run_until_cancelled(write(outgoing, stdin)).await {
            self.broken.cancel();
        }
    }

    /// Ends a conversation that cannot go on because the program has closed one of its streams. It gets the time to end
    /// by itself: that is how most streams are closed, and its exit says more.
    async fn break_off(&self, side: &dyn Side) {
        let lingers = async {
            self.broken.cancelled().await;
            sleep(LINGERS).await;
        };
        tokio::select! {
            () = self.gone.cancelled() => {}
            () = self.over.cancelled() => {}
            () = lingers => if side.broken() {
                self.kill.cancel();
            },
        }
    }
}
