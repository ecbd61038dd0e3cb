//! How Codex is started.

use std::ffi::OsString;

/// Which thread a process works in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Thread {
    /// A new one.
    New,
    /// One that another process began.
    Resumed(String),
}

/// The command line: `program` with what makes it work on a prompt that it reads from its standard input to the end.
/// Its sandbox stays on, and it asks the network for nothing but its model.
pub fn command_line(program: &[String], thread: &Thread, model: Option<&str>) -> Vec<OsString> {
    let mode = ["exec", "--json", "-s", "workspace-write"];
    let quiet = ["--disable", "plugins", "--disable", "apps", "-c", "analytics.enabled=false"];
    let model = model.map(|model| ["-m", model]);
    let thread = match thread {
        Thread::New => None,
        Thread::Resumed(id) => Some(["resume", id.as_str()]),
    };
    let more = model.iter().chain(&thread).flatten().copied();
    program.iter().map(String::as_str).chain(mode).chain(quiet).chain(more).chain(["-"]).map(OsString::from).collect()
}
