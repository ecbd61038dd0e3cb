//! How Claude Code is started.

use std::ffi::OsString;

/// Tools that would take the work elsewhere, or beyond the end of the turn.
const NEVER: &str = "EnterWorktree,CronCreate,ScheduleWakeup";

/// Which session a process works in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Session {
    /// A new one, whose id the program chooses.
    New,
    /// A new one with this id, a UUID.
    Named(String),
    /// One that another process began.
    Resumed(String),
}

/// The command line: `program` with what puts it into the two-way mode.
pub fn command_line(program: &[String], session: &Session, model: Option<&str>) -> Vec<OsString> {
    let mode = [
        "-p",
        "--input-format",
        "stream-json",
        "--output-format",
        "stream-json",
        "--verbose",
        "--include-partial-messages",
        "--permission-prompt-tool",
        "stdio",
        "--permission-mode",
        "default",
        "--disallowedTools",
        NEVER,
    ];
    let session = match session {
        Session::New => None,
        Session::Named(id) => Some(["--session-id", id]),
        Session::Resumed(id) => Some(["--resume", id]),
    };
    let model = model.map(|model| ["--model", model]);
    let more = session.iter().chain(&model).flatten().copied();
    program.iter().map(String::as_str).chain(mode).chain(more).map(OsString::from).collect()
}
