//! What can go wrong between `omk` and the processes that it starts.

use std::time::Duration;

use thiserror::Error;

/// Why a program did not run, or why we lost sight of it. Ends the fragment "failed to …".
#[derive(Debug, Error)]
pub enum ProcessError {
    /// The program itself cannot be started: not there, not executable, no such working directory.
    #[error("start {program}: {detail}")]
    Unstartable {
        /// The program as it was asked for.
        program: String,
        /// The system's words.
        detail: String,
    },
    /// The machine, or a limit of this user, has no process, memory or descriptor left for it.
    #[error("start {program}: this machine or a limit of its user allows no more: {detail}")]
    Exhausted {
        /// The program as it was asked for.
        program: String,
        /// The system's words.
        detail: String,
    },
    /// The keeper cannot be started, so that nothing can.
    #[error("start a keeper ({action})")]
    NoKeeper {
        /// What was tried.
        action: &'static str,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The keeper died before its program; what it held was found and killed.
    #[error("hear of {program} again: its keeper (process {keeper}) died; killed {}", named(killed))]
    KeeperLost {
        /// The program as it was asked for.
        program: String,
        /// The keeper's process id.
        keeper: u32,
        /// What was found of its tree and killed, as `pid name`.
        killed: Vec<String>,
    },
    /// The keeper gave no sign for a whole lease after its start: it was stopped, or hung. It and its tree were killed.
    #[error(
        "start {program}: its keeper (process {keeper}) gave no sign within {}; killed {}",
        humantime::format_duration(*.lease), named(killed)
    )]
    KeeperSilent {
        /// The program as it was asked for.
        program: String,
        /// The keeper's process id.
        keeper: u32,
        /// How long it was waited for.
        lease: Duration,
        /// What was found of its tree and killed, as `pid name`.
        killed: Vec<String>,
    },
    /// It was not waited for any longer, because what it is for is being stopped. It and its tree were killed.
    #[error("start {program}: it was stopped before it began")]
    Stopped {
        /// The program as it was asked for.
        program: String,
        /// What was found of its tree and killed, as `pid name`.
        killed: Vec<String>,
    },
    /// The thread that starts processes is gone.
    #[error("reach the thread that starts processes: omk is shutting down")]
    LauncherGone,
}

/// Who was killed, in a phrase.
pub fn named(killed: &[String]) -> String {
    if killed.is_empty() { "nothing: its tree was gone".to_owned() } else { killed.join(", ") }
}
