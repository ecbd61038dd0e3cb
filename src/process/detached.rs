//! Starting this program once more in the background, away from the terminal.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::setsid;

use super::binary;

/// Starts `program` in a session of its own, without a terminal, with nothing on stdin and its words in `log`; returns
/// its process id. It is not waited for: it outlives this process.
pub fn start(program: &Path, arguments: &[OsString], cwd: &Path, log: &Path) -> io::Result<u32> {
    let words = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        // A FIFO that somebody has put there is refused and not waited for.
        .custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW)
        .open(log)?;
    let mut command = binary::command(program);
    command.args(arguments).current_dir(cwd).stdin(Stdio::null()).stdout(words.try_clone()?).stderr(words);
    leave_session(&mut command);
    Ok(command.spawn()?.id())
}

/// Lets the program leave the terminal's session. Here and not later: only who leads no group may, and a process has no
/// group yet that it leads.
fn leave_session(command: &mut Command) {
    #[expect(unsafe_code, reason = "a child asks for it between fork and exec")]
    // SAFETY: the closure makes one system call, without allocation or locks.
    unsafe {
        command.pre_exec(|| Ok(setsid().map(drop)?));
    }
}

/// A short pause between two looks at another process.
#[expect(clippy::disallowed_methods, reason = "another process gives no sign when it takes a lock")]
pub fn breathe() {
    std::thread::sleep(Duration::from_millis(10));
}
