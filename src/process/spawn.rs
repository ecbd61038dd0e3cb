//! Starts keepers, all from one thread that lives as long as the process does.
//!
//! Owns the only place where an untrusted program's process begins, and the reaping of keepers. What a program
//! inherits is decided here: three descriptors, nothing else.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::ahead::Ahead;
use super::binary;
use super::contain::Group;
use super::direct::in_memory;
use super::error::ProcessError;
use super::orphans;
use super::program::Program;
use super::running::{Keeper, Launch, Running, Streams};
use super::sweep::{MARKER, marker};

/// The hidden verb that makes this binary a keeper.
pub const KEEPER_VERB: &str = "__keeper";
/// How often keepers that were let go are looked after.
const REAPS: Duration = Duration::from_millis(20);

/// What a program reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Nothing.
    Null,
    /// These bytes, then the end.
    Bytes(Vec<u8>),
    /// A pipe that we write.
    Pipe,
}

/// Where a program's output and errors go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputPlan {
    /// Two pipes.
    Split,
    /// One pipe for both, so that their order is kept.
    Merged,
}

/// A program to run under a keeper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The program.
    pub program: Program,
    /// What it reads.
    pub input: Input,
    /// Where its output goes.
    pub output: OutputPlan,
    /// How long its tree may live when nobody asks its keeper after it.
    pub lease: Duration,
}

pub(super) enum Job {
    Spawn { channel: OwnedFd, reply: oneshot::Sender<io::Result<Child>> },
    Reap(Child),
}

/// The way to the thread that starts processes. Cheap to clone; the thread ends with the last clone.
#[derive(Clone)]
pub struct Launcher {
    jobs: mpsc::Sender<Job>,
    /// On whose behalf: what all processes bear in their environment begins with it.
    owner: Arc<str>,
    ahead: Ahead,
}

impl Launcher {
    /// Starts the thread. `omk` is this program's binary (`binary::THIS`), whose hidden verb the keepers run; `owner` is the goal (or
    /// whatever else) by which leftovers are found again.
    pub fn start(omk: PathBuf, owner: &str) -> Result<Self, ProcessError> {
        let (jobs, queue) = mpsc::channel();
        std::thread::Builder::new()
            .name("omk-spawn".to_owned())
            .spawn(move || serve(&omk, &queue))
            .map_err(|source| ProcessError::NoKeeper { action: "start its thread", source })?;
        Ok(Self { jobs, owner: owner.into(), ahead: Ahead::start() })
    }

    /// A program is going to be started soon: what can be waited for ahead is.
    pub fn expect(&self) {
        self.ahead.expect();
    }

    /// Starts a program under a keeper of its own. Resolves when the program runs. The tree dies with the `Running`.
    pub async fn launch(&self, spec: Spec) -> Result<Running, ProcessError> {
        self.launch_until(spec, &CancellationToken::new()).await
    }

    /// Like `launch`, but gives up when `stop` is cancelled before the program runs. A keeper that gives no sign for a
    /// lease, or for two seconds where that is longer, is killed with all that it may have started.
    pub async fn launch_until(&self, spec: Spec, stop: &CancellationToken) -> Result<Running, ProcessError> {
        self.expect();
        let (ours, theirs) = UnixStream::pair().map_err(fault("make its channel"))?;
        let (streams, stdio) = open(&spec).map_err(fault("make its pipes"))?;
        let child = self.spawn(theirs.into()).await?;
        let keeper = Keeper::new(child, self.jobs.clone());
        send_stdio(&ours, &stdio).map_err(fault("hand over its pipes"))?;
        drop(stdio);
        let Spec { mut program, lease, .. } = spec;
        let marker = marker(&self.owner, child_number());
        program.env.push((MARKER.into(), marker.clone().into()));
        let lease_ms = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX);
        let launch = Launch { program, lease_ms, marker, group: Group::make(&self.owner) };
        Running::begin(keeper, (ours, streams), launch, stop).await
    }

    async fn spawn(&self, channel: OwnedFd) -> Result<Child, ProcessError> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Job::Spawn { channel, reply }).map_err(|_| ProcessError::LauncherGone)?;
        answer.await.map_err(|_| ProcessError::LauncherGone)?.map_err(fault("start it"))
    }
}

pub(super) fn fault(action: &'static str) -> impl Fn(io::Error) -> ProcessError {
    move |source| ProcessError::NoKeeper { action, source }
}

fn serve(omk: &Path, queue: &mpsc::Receiver<Job>) {
    let mut ending: Vec<Child> = Vec::new();
    loop {
        let job = match ending.is_empty() {
            true => queue.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected),
            false => queue.recv_timeout(REAPS),
        };
        match job {
            Ok(Job::Spawn { channel, reply }) => {
                let spawned = spawn_keeper(omk, channel);
                // Whoever asked may be gone; the keeper ends by itself then, its channel has no other end.
                if let Err(Ok(unwanted)) = reply.send(spawned) {
                    ending.push(unwanted);
                }
            }
            Ok(Job::Reap(child)) => ending.push(child),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) if ending.is_empty() => return,
            Err(mpsc::RecvTimeoutError::Disconnected) => std::thread::sleep(REAPS),
        }
        ending.retain_mut(orphans::still_runs);
    }
}

fn spawn_keeper(omk: &Path, channel: OwnedFd) -> io::Result<Child> {
    let mut command = binary::command(omk);
    command.arg(KEEPER_VERB).env_clear().current_dir("/");
    command.stdin(Stdio::from(channel)).stdout(Stdio::null()).stderr(Stdio::null());
    orphans::as_keeper(|| command.spawn())
}

fn child_number() -> u64 {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// Makes both ends of a program's standard streams.
fn open(spec: &Spec) -> io::Result<(Streams, [OwnedFd; 3])> {
    let (stdin, input) = open_input(&spec.input)?;
    let (stdout, output) = readable()?;
    let (stderr, errors) = match spec.output {
        OutputPlan::Split => readable().map(|(ours, theirs)| (Some(ours), theirs))?,
        OutputPlan::Merged => (None, output.try_clone()?),
    };
    Ok((Streams { stdin, stdout: Some(stdout), stderr }, [input, output, errors]))
}

fn open_input(input: &Input) -> io::Result<(Option<Sender>, OwnedFd)> {
    match input {
        Input::Null => Ok((None, std::fs::File::open("/dev/null")?.into())),
        Input::Bytes(bytes) => Ok((None, in_memory(bytes)?)),
        Input::Pipe => {
            let (theirs, ours) = pipe_with(PipeFlags::CLOEXEC)?;
            Ok((Some(Sender::from_owned_fd(ours)?), theirs))
        }
    }
}

fn readable() -> io::Result<(Receiver, OwnedFd)> {
    let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
    Ok((Receiver::from_owned_fd(ours)?, theirs))
}

/// Sends the program's three descriptors with the first byte.
fn send_stdio(channel: &UnixStream, stdio: &[OwnedFd; 3]) -> io::Result<()> {
    let descriptors = [stdio[0].as_fd(), stdio[1].as_fd(), stdio[2].as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::other("no room for three descriptors"));
    }
    sendmsg(channel, &[IoSlice::new(b"\n")], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}
