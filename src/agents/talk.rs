//! Holds one conversation over a program's standard streams, from its start to the end of its processes.
//!
//! Owns how the four sides of it run together: the program, what is heard of it, what is written to it, and the
//! script that says what comes next. Invariant: when it resolves nothing of the program's tree is left.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::jsonrpc::peer::{Inbox, Outgoing, Peer, write};
use super::jsonrpc::serve::{Dialect, serve};
use crate::process::drive::{Driven, Limits, Stream, drive};
use crate::process::error::ProcessError;
use crate::process::running::Running;

/// Our end of a conversation that has not begun.
pub(super) struct Line {
    pub(super) peer: Peer,
    pub(super) inbox: Inbox,
    pub(super) outgoing: Outgoing,
}

/// A program that has been started for a conversation, and how long it may take at most.
pub(super) struct Partner {
    pub(super) running: Running,
    pub(super) limits: Limits,
}

/// Lets `script` speak until it resolves, to what came of it and how long the program may then live without its
/// standard input; sees the program out. `errors` gets what it prints on its standard error.
pub(super) async fn talk<T>(
    partner: Partner,
    line: Line,
    dialect: &mut dyn Dialect,
    errors: &mut (dyn FnMut(&[u8]) + Send),
    script: impl Future<Output = (T, Duration)>,
) -> Result<(Driven, T), ProcessError> {
    let Partner { mut running, limits } = partner;
    let Line { peer, inbox, outgoing } = line;
    let (kill, gone) = (CancellationToken::new(), CancellationToken::new());
    let stdin = running.streams.stdin.take();
    let mut sink = |stream, bytes: &[u8]| match stream {
        Stream::Output => peer.feed(bytes),
        Stream::Errors => errors(bytes),
    };
    let driving = async {
        let driven = drive(running, limits, &kill, &mut sink).await;
        peer.close();
        gone.cancel();
        driven
    };
    let speaking = async {
        let (outcome, patience) = script.await;
        peer.hang_up();
        tokio::select! {
            () = gone.cancelled() => {}
            () = tokio::time::sleep(patience) => {}
        }
        kill.cancel();
        outcome
    };
    let writing = async {
        if let Some(stdin) = stdin {
            tokio::select! {
                () = write(outgoing, stdin) => {}
                () = gone.cancelled() => {}
            }
        }
    };
    let (driven, outcome, (), ()) = tokio::join!(driving, speaking, serve(&peer, inbox, dialect), writing);
    Ok((driven?, outcome))
}
