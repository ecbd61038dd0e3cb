//! This program's own binary, to be started again whatever has become of its file.
//!
//! A goal runs for days, and meanwhile the file may be replaced by another version, or deleted. While a process lives
//! the kernel keeps what it executes: a keeper that is started by that is always of the version that started it.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// The binary of whoever starts a program by this path.
pub const THIS: &str = "/proc/self/exe";

/// A command that runs `program`, which bears our own name where it is this binary.
pub(super) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    if program == Path::new(THIS)
        && let Some(name) = std::env::args_os().next()
    {
        command.arg0(name);
    }
    command
}
