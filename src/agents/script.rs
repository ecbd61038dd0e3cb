//! The built-in agent: a process of its own (`omk __script-agent`) that runs the slice's `run`.
//!
//! It reads the task on its standard input, announces itself in the protocol of every agent, and becomes the shell, so
//! that one process does it all. What the command prints is narrative, or events if it speaks the protocol.

use std::io::{Read, Write};
use std::process::ExitCode;

use super::task_document::TaskDocument;
use crate::domain::agent::AgentEvent;
use crate::process::direct::replace_with;
use crate::process::program::Program;

/// The hidden verb that makes this binary the script agent.
pub const SCRIPT_VERB: &str = "__script-agent";

/// The hidden verb. To be called first thing in `main`. Ends with the status of the command; 70 where there is no
/// task, no command or no shell.
pub fn main() -> ExitCode {
    let Err(problem) = become_shell();
    // A closed stderr is nobody's business any more.
    let _nobody_listens = writeln!(std::io::stderr(), "script agent: {problem}");
    ExitCode::from(70)
}

fn become_shell() -> Result<std::convert::Infallible, String> {
    let mut task = Vec::new();
    std::io::stdin().read_to_end(&mut task).map_err(|error| format!("cannot read its task: {error}"))?;
    let task: TaskDocument = serde_json::from_slice(&task).map_err(|error| format!("cannot read its task: {error}"))?;
    let run = task.slice.run.ok_or("its slice has no `run`; give it one, or name another agent")?;
    announce(&run).map_err(|error| format!("cannot speak: {error}"))?;
    let cwd = std::env::current_dir().map_err(|error| format!("has no working directory: {error}"))?;
    let env = std::env::vars_os().collect();
    let shell = Program { program: "sh".into(), args: vec!["-c".into(), run.into()], env, cwd };
    Err(format!("cannot start sh: {}", replace_with(&shell)))
}

fn announce(run: &str) -> std::io::Result<()> {
    let first = run.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let mut line = serde_json::to_vec(&AgentEvent::Message { text: format!("runs {}", first.trim()) })?;
    line.push(b'\n');
    std::io::stdout().write_all(&line)
}
