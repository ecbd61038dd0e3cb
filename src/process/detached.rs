//! Starting this program once more in the background, away from the terminal.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Starts `program` in a process group of its own with nothing on stdin and its words in `log`; returns its process
/// id. It is not waited for: it outlives this process.
#[expect(clippy::disallowed_methods, reason = "this room is the one that starts processes")]
pub fn start(program: &Path, arguments: &[OsString], cwd: &Path, log: &Path) -> io::Result<u32> {
    let words = OpenOptions::new().create(true).append(true).mode(0o600).open(log)?;
    let mut command = Command::new(program);
    command.args(arguments).current_dir(cwd).stdin(Stdio::null()).stdout(words.try_clone()?).stderr(words);
    command.env("OMK_DETACHED", "1").process_group(0);
    Ok(command.spawn()?.id())
}

/// Leaves the terminal's session, where this process was started by [`start`].
pub fn leave_session() {
    if std::env::var_os("OMK_DETACHED").is_some() {
        // A leader of a group cannot; then the group of its own has to do.
        let _ = rustix::process::setsid();
    }
}

/// A short pause between two looks at another process.
#[expect(clippy::disallowed_methods, reason = "another process gives no sign when it takes a lock")]
pub fn breathe() {
    std::thread::sleep(Duration::from_millis(10));
}
