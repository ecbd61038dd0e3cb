//! The control socket of a running goal: the answering side.
//!
//! Owns `control.sock` while it lives. Reads requests and carries answers back; what a request means is decided by
//! whoever receives it. Only the holder of the goal's lock may serve, so a socket file that is there is a dead one's.

use std::convert::Infallible;
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::domain::control::{ControlReply, ControlRequest};
use crate::store::control::{Address, LONGEST_LINE};
use crate::store::error::StoreError;
use crate::store::layout::FILE_MODE;
use crate::store::lock::GoalLock;

/// Connections that are served at once; further ones wait.
const MOST_CONNECTIONS: usize = 32;
/// The pause after the system refused to accept a connection (no descriptors left, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A request, and where its answer goes. Dropping the sender refuses the request.
pub type Ask = (ControlRequest, oneshot::Sender<ControlReply>);

/// A bound control socket. Dropping it removes the socket, and must come before the lock is released.
#[derive(Debug)]
pub struct ControlServer {
    listener: UnixListener,
    path: PathBuf,
}

impl ControlServer {
    /// Binds the socket of the goal whose lock is held. Has to be called within a tokio runtime.
    pub fn bind(lock: &GoalLock) -> Result<Self, StoreError> {
        let path = lock.dir().control_socket();
        let is_directory = fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir());
        match if is_directory { fs::remove_dir_all(&path) } else { fs::remove_file(&path) } {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(StoreError::io("replace", &path)(error)),
            _ => {}
        }
        let bound = Address::of(lock.dir()).and_then(|address| {
            let listener = UnixListener::bind(address.path())?;
            fs::set_permissions(address.path(), Permissions::from_mode(FILE_MODE))?;
            Ok(listener)
        });
        let listener = bound.map_err(StoreError::io("listen on", &path))?;
        Ok(Self { listener, path })
    }

    /// Hands every request to `asks`, until its receiver is gone; returns once every answer is written. Dropping the
    /// future ends all conversations.
    pub async fn serve(self, asks: mpsc::Sender<Ask>) {
        let mut conversations = JoinSet::new();
        let (owing, mut answered) = mpsc::channel(1);
        loop {
            tokio::select! {
                () = asks.closed() => break,
                accepted = self.listener.accept(), if conversations.len() < MOST_CONNECTIONS => match accepted {
                    Ok((stream, _)) => drop(conversations.spawn(converse(stream, asks.clone(), owing.downgrade()))),
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
                Some(_) = conversations.join_next() => {}
            }
        }
        drop(owing);
        // Nothing is ever sent: the channel ends when no conversation owes an answer.
        answered.recv().await;
    }
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.path));
    }
}

/// Held by a conversation from a request until its answer is written.
type Owed = mpsc::WeakSender<Infallible>;

/// Answers one client, request by request, until it hangs up or the server closes.
async fn converse(stream: UnixStream, asks: mpsc::Sender<Ask>, owing: Owed) -> io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut reading = BufReader::new(reading);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut reading).take(LONGEST_LINE as u64).read_until(b'\n', &mut line).await?;
        if read == 0 {
            return Ok(());
        }
        let Some(_owed) = owing.upgrade() else { return Ok(()) };
        let whole = line.ends_with(b"\n");
        let reply = if whole { reply_to(&line, &asks).await } else { refused("the request is cut short or too long") };
        let mut text = serde_json::to_vec(&reply)?;
        text.push(b'\n');
        writing.write_all(&text).await?;
        writing.flush().await?;
        if !whole {
            return Ok(());
        }
    }
}

async fn reply_to(line: &[u8], asks: &mpsc::Sender<Ask>) -> ControlReply {
    let request = match serde_json::from_slice(line) {
        Ok(request) => request,
        Err(error) => return refused(&format!("the request cannot be read: {error}")),
    };
    let (done, answer) = oneshot::channel();
    if asks.send((request, done)).await.is_err() {
        return refused("the run has ended");
    }
    answer.await.unwrap_or_else(|_| refused("the run ended before it could answer"))
}

fn refused(reason: &str) -> ControlReply {
    ControlReply::Refused { reason: reason.to_owned(), help: Vec::new() }
}
