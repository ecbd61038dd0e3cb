//! Notices when nobody reads what this process prints any more: the other end of a pipe or socket was closed.
//!
//! Seen without writing, by a thread that waits for nothing else: a run says little on stdout before its end.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::sync::oneshot;

/// A watch over the readers of standard output and errors. Ends with this value.
pub(super) struct Readers {
    /// `None` once it was told, or where there is nothing to tell.
    gone: Option<oneshot::Receiver<()>>,
    /// Closed at the end, by which the thread ends.
    _over: Option<OwnedFd>,
}

impl Readers {
    /// Begins to watch. Files and terminals are not watched: a terminal that closes sends a signal.
    pub(super) fn watch() -> std::io::Result<Self> {
        let streams: Vec<_> = [read_by_a_process(std::io::stdout()), read_by_a_process(std::io::stderr())]
            .into_iter()
            .flatten()
            .collect();
        if streams.is_empty() {
            return Ok(Self { gone: None, _over: None });
        }
        let (ended, over) = pipe_with(PipeFlags::CLOEXEC)?;
        let (tell, gone) = oneshot::channel();
        let watching = move || {
            if wait(&streams, &ended) {
                // The run may be over by now.
                let _ = tell.send(());
            }
        };
        std::thread::Builder::new().name("omk-readers".to_owned()).spawn(watching)?;
        Ok(Self { gone: Some(gone), _over: Some(over) })
    }

    /// Resolves, once, when a reader went away.
    pub(super) async fn gone(&mut self) {
        let told = match &mut self.gone {
            Some(gone) => gone.await.is_ok(),
            None => false,
        };
        self.gone = None;
        if !told {
            std::future::pending().await
        }
    }
}

fn read_by_a_process(stream: impl AsFd) -> Option<OwnedFd> {
    let stream = File::from(stream.as_fd().try_clone_to_owned().ok()?);
    let kind = stream.metadata().ok()?.file_type();
    (kind.is_fifo() || kind.is_socket()).then(|| stream.into())
}

/// Waits until a stream has lost its reader, or `over` its writer; whether it was a stream.
fn wait(streams: &[OwnedFd], over: &OwnedFd) -> bool {
    let lost = PollFlags::ERR | PollFlags::HUP;
    loop {
        let all = streams.iter().chain([over]);
        let mut fds: Vec<_> = all.map(|fd| PollFd::new(fd, PollFlags::empty())).collect();
        match poll(&mut fds, None) {
            Ok(_) if fds[..streams.len()].iter().any(|fd| fd.revents().intersects(lost)) => return true,
            Ok(_) if fds.iter().any(|fd| !fd.revents().is_empty()) => return false,
            Ok(_) | Err(Errno::INTR | Errno::AGAIN) => {}
            Err(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_whose_reader_closes_is_noticed() {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
        let (ended, _over) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
        drop(reader);
        assert!(wait(&[writer], &ended));
    }

    #[test]
    fn the_watch_ends_with_the_run() {
        let (_reader, writer) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
        let (ended, over) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
        drop(over);
        assert!(!wait(&[writer], &ended));
    }
}
