//! How a second `omk` process reaches the one that runs a goal: the asking side.
//!
//! Owns the socket's address and the bounds of the protocol: one JSON object a line, each way. Blocks, but never
//! beyond the caller's patience.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::domain::control::{ControlReply, ControlRequest};
use crate::store::error::StoreError;
use crate::store::layout::GoalDir;

/// The longest line of the protocol, its newline included, in bytes.
pub const LONGEST_LINE: usize = 64 * 1024;
/// The longest path that a socket address holds (`sun_path` without its NUL).
const LONGEST_ADDRESS: usize = 107;

/// The control socket's path in a form that fits a socket address.
pub(crate) struct Address {
    path: PathBuf,
    /// Open while the path goes through it.
    _directory: Option<File>,
}

impl Address {
    pub(crate) fn of(goal: &GoalDir) -> io::Result<Self> {
        let path = goal.control_socket();
        if path.as_os_str().as_bytes().len() <= LONGEST_ADDRESS {
            return Ok(Self { path, _directory: None });
        }
        let directory = File::open(goal.path())?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/control.sock", directory.as_raw_fd()));
        Ok(Self { path, _directory: Some(directory) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Puts a request to the process that runs `goal`, and waits for its answer. Refuses `NotRunning`, `NoAnswer` and
/// `Protocol`.
pub fn ask(goal: &GoalDir, request: &ControlRequest, patience: Duration) -> Result<ControlReply, StoreError> {
    let deadline = Instant::now() + patience;
    let mut stream = connect(goal)?;
    let answer = send(&mut stream, request, deadline).and_then(|()| receive(&mut stream, deadline));
    let line = answer.map_err(|error| match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            StoreError::NoAnswer { goal: goal.path().to_owned(), seconds: patience.as_secs() }
        }
        ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => {
            protocol(goal, "nothing and hung up")
        }
        _ => StoreError::io("speak over", &goal.control_socket())(error),
    })?;
    serde_json::from_slice(&line).map_err(|error| protocol(goal, &format!("what this omk cannot read: {error}")))
}

fn connect(goal: &GoalDir) -> Result<UnixStream, StoreError> {
    let connected = Address::of(goal).and_then(|address| UnixStream::connect(address.path()));
    connected.map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => StoreError::NotRunning { goal: goal.path().to_owned() },
        _ => StoreError::io("connect to", &goal.control_socket())(error),
    })
}

fn send(stream: &mut UnixStream, request: &ControlRequest, deadline: Instant) -> io::Result<()> {
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.set_write_timeout(Some(left(deadline)?))?;
    stream.write_all(&line)
}

/// Reads one line, without its newline.
fn receive(stream: &mut UnixStream, deadline: Instant) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let mut chunk = [0; 1024];
    while line.len() < LONGEST_LINE {
        stream.set_read_timeout(Some(left(deadline)?))?;
        let read = match stream.read(&mut chunk) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            read => read?,
        };
        line.extend_from_slice(&chunk[..read]);
        if let Some(end) = line.iter().position(|&byte| byte == b'\n') {
            line.truncate(end);
            return Ok(line);
        }
    }
    Err(io::Error::new(ErrorKind::InvalidData, "the answer is too long"))
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

fn protocol(goal: &GoalDir, problem: &str) -> StoreError {
    StoreError::Protocol { goal: goal.path().to_owned(), problem: problem.to_owned() }
}
