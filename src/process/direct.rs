//! Programs without a keeper: trusted tools that end by themselves, and the one that this process turns into.
//!
//! Never for agents or gates.

use std::io::{self, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Signal, set_parent_process_death_signal};

use super::program::Program;

/// Runs a short trusted tool to its end, with exactly the given environment, and returns all that it printed.
/// Blocks. `input` is its standard input. Fails where it cannot be started.
pub fn run_captured(program: &Program, input: &[u8]) -> io::Result<Output> {
    let stdin = if input.is_empty() { Stdio::null() } else { Stdio::from(in_memory(input)?) };
    command(program).stdin(stdin).output()
}

/// Replaces this process by the program; standard streams stay. Returns only where that fails.
pub fn replace_with(program: &Program) -> io::Error {
    command(program).exec()
}

pub(super) fn command(program: &Program) -> Command {
    let mut command = Command::new(&program.program);
    command.args(&program.args).current_dir(&program.cwd).env_clear();
    command.envs(program.env.iter().map(|(name, value)| (name, value)));
    command
}

/// Lets what is started die with the thread that starts it, should that be killed.
pub(super) fn die_with_us(command: &mut Command) {
    #[expect(unsafe_code, reason = "a child asks for it between fork and exec")]
    // SAFETY: the closure makes one system call, without allocation or locks.
    unsafe {
        command.pre_exec(|| {
            let _found_by_a_sweep_then = set_parent_process_death_signal(Some(Signal::KILL));
            Ok(())
        });
    }
}

/// A file without a name that holds `bytes`, to be read from its beginning. Closed on exec.
pub(super) fn in_memory(bytes: &[u8]) -> io::Result<OwnedFd> {
    let mut file = std::fs::File::from(memfd_create("input", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file.into())
}
