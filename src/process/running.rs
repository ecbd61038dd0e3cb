//! The handle on one program under its keeper.
//!
//! Invariant: while a `Running` exists the keeper's channel is open, and when it is dropped the channel closes, so that
//! the keeper kills the tree. The keeper itself is reaped by the launcher's thread.

use std::os::unix::net::UnixStream as StdUnixStream;
use std::process::Child;
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::contain::Group;
use super::error::ProcessError;
use super::program::{Ended, Order, Program, Report};
use super::spawn::{Job, fault};
use super::sweep::sweep;
use crate::domain::vitals::Vitals;

/// The longest and the shortest that a keeper may take to start its program, whatever its lease: a busy machine takes a
/// while to start a process.
const STARTS: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));

/// The keeper's process, handed back to the launcher's thread in the end.
pub(super) struct Keeper {
    child: Option<Child>,
    jobs: mpsc::Sender<Job>,
}

impl Keeper {
    pub(super) fn new(child: Child, jobs: mpsc::Sender<Job>) -> Self {
        Self { child: Some(child), jobs }
    }

    fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            let _shutting_down = self.jobs.send(Job::Reap(child));
        }
    }
}

/// Our ends of a program's standard streams; each can be taken.
#[derive(Debug)]
pub struct Streams {
    /// Where its standard input was ordered as a pipe.
    pub stdin: Option<Sender>,
    /// Its output, or output and errors in one.
    pub stdout: Option<Receiver>,
    /// Its errors, where they are apart.
    pub stderr: Option<Receiver>,
}

/// What a keeper says of its own accord, or when it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// How the tree is.
    Vitals(Vitals),
    /// The program has ended, and nothing of its tree is left.
    Ended(Ended),
}

/// All that a keeper is told at the start, and what its tree can be found by.
pub(super) struct Launch {
    pub(super) program: Program,
    pub(super) lease_ms: u64,
    pub(super) marker: String,
    pub(super) group: Option<Group>,
}

/// A program that runs (or has ended) under its keeper. Dropping it kills the whole tree.
pub struct Running {
    // Declared before `keeper`: the channel closes first, then the keeper is given to be reaped.
    channel: UnixStream,
    partial: Vec<u8>,
    keeper: Keeper,
    program: String,
    pid: u32,
    /// What its processes bear in their environment.
    marker: String,
    group: Option<Group>,
    /// The search for its tree, once its keeper is gone.
    sweeping: Option<JoinHandle<Vec<String>>>,
    /// Its standard streams.
    pub streams: Streams,
}

impl Running {
    pub(super) async fn begin(
        keeper: Keeper,
        (channel, streams): (StdUnixStream, Streams),
        launch: Launch,
        stop: &CancellationToken,
    ) -> Result<Self, ProcessError> {
        let channel = channel.set_nonblocking(true).and_then(|()| UnixStream::from_std(channel));
        let channel = channel.map_err(fault("open its channel"))?;
        let Launch { program, lease_ms, marker, group } = launch;
        let name = program.name();
        let dir = group.as_ref().map(|group| group.dir().to_owned());
        let (partial, sweeping) = (Vec::new(), None);
        let mut running = Self { channel, partial, keeper, program: name, pid: 0, marker, group, sweeping, streams };
        let lease = Duration::from_millis(lease_ms).clamp(STARTS.0, STARTS.1);
        let begun = async {
            let start = Order::Start { program, lease_ms, group: dir };
            running.order(&start).await.map_err(fault("tell it what to start"))?;
            running.report().await
        };
        let first = tokio::select! {
            biased;
            () = stop.cancelled() => Err(None),
            first = timeout(lease, begun) => first.map_err(|_hung| Some(lease)),
        };
        let first = match first {
            Ok(first) => first?,
            Err(lease) => return Err(running.unbegun(lease).await),
        };
        match first {
            Report::Started { pid } => running.pid = pid,
            Report::Unstartable { detail } => {
                return Err(ProcessError::Unstartable { program: running.program.clone(), detail });
            }
            Report::Exhausted { detail } => {
                return Err(ProcessError::Exhausted { program: running.program.clone(), detail });
            }
            Report::Exited(_) | Report::Vitals(_) => return Err(running.lost().await),
        }
        Ok(running)
    }

    /// Ends a keeper that has said nothing yet, with all that it may have started: `lease` was over, or it was stopped.
    async fn unbegun(&mut self, lease: Option<Duration>) -> ProcessError {
        let (program, keeper) = (self.program.clone(), self.keeper.pid());
        let killed = match self.lost().await {
            ProcessError::KeeperLost { killed, .. } => killed,
            other => return other,
        };
        match lease {
            Some(lease) => ProcessError::KeeperSilent { program, keeper, lease, killed },
            None => ProcessError::Stopped { program, killed },
        }
    }

    /// The program's process id; it may have ended.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The keeper's process id.
    pub fn keeper_pid(&self) -> u32 {
        self.keeper.pid()
    }

    /// Waits for the keeper's next word. Can be cancelled and called again, until it has said that all has ended:
    /// nothing of its tree is left then.
    pub async fn next(&mut self) -> Result<News, ProcessError> {
        loop {
            match self.report().await? {
                Report::Exited(ended) => return Ok(News::Ended(ended)),
                Report::Vitals(vitals) => return Ok(News::Vitals(vitals)),
                Report::Started { .. } | Report::Unstartable { .. } | Report::Exhausted { .. } => {}
            }
        }
    }

    /// Waits for the program's end; nothing of its tree is left then. Can be cancelled and called again, until it
    /// has resolved once.
    pub async fn wait(&mut self) -> Result<Ended, ProcessError> {
        loop {
            match self.next().await? {
                News::Ended(ended) => return Ok(ended),
                News::Vitals(_) => {}
            }
        }
    }

    /// Asks for the kill ladder: SIGTERM to the whole tree, the grace, SIGKILL. `wait` resolves when it is done. A
    /// keeper that is gone already is no error.
    pub async fn kill(&mut self, grace: Duration) {
        let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        let _gone_already = self.order(&Order::Kill { grace_ms }).await;
    }

    /// Asks the keeper after its tree, and renews its lease. `next` resolves with the answer. A keeper that is gone
    /// already is no error.
    pub async fn ask(&mut self) {
        let _gone_already = self.order(&Order::Ask).await;
    }

    /// Kills a keeper that does what it is told no longer; `next` sweeps its tree then.
    pub fn kill_keeper(&self) {
        if let Some(pid) = Pid::from_raw(self.keeper.pid().cast_signed()) {
            let _gone_already = kill_process(pid, Signal::KILL);
        }
    }

    async fn order(&mut self, order: &Order) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        self.channel.write_all(&line).await
    }

    /// The next report. Cancel-safe: what has been read stays in `partial`, and a search for the tree goes on.
    async fn report(&mut self) -> Result<Report, ProcessError> {
        while self.sweeping.is_none() {
            if let Some(end) = self.partial.iter().position(|&b| b == b'\n') {
                let line: Vec<u8> = self.partial.drain(..=end).collect();
                match serde_json::from_slice(&line) {
                    Ok(report) => return Ok(report),
                    Err(_) => break,
                }
            }
            match self.channel.read_buf(&mut self.partial).await {
                Ok(0) | Err(_) => break,
                Ok(_more) => {}
            }
        }
        Err(self.lost().await)
    }

    /// Ends what is left of its tree, on a thread of its own: what resists is waited for, and this one has more to do.
    async fn lost(&mut self) -> ProcessError {
        let keeper = self.keeper.pid();
        if self.sweeping.is_none() {
            self.kill_keeper();
            let (marker, group) = (self.marker.clone(), self.group.clone());
            self.sweeping = Some(spawn_blocking(move || sweep(&marker, keeper, group.as_ref())));
        }
        let killed = match &mut self.sweeping {
            Some(sweeping) => sweeping.await.unwrap_or_default(),
            None => Vec::new(),
        };
        self.sweeping = None;
        ProcessError::KeeperLost { program: self.program.clone(), keeper, killed }
    }
}
