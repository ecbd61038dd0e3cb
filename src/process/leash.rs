//! Trusted tools that work for a while: ended when their time is over, when the run is, or when `omk` dies.
//!
//! Never for agents or gates: what a tool starts itself is not looked for. Invariant: nothing is killed but a child that
//! has not been waited for, so that its number is its own.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::direct::{command, die_with_us};
use super::program::Program;

/// A thread that reads a pipe.
type Reading = JoinHandle<io::Result<Vec<u8>>>;

/// Holds the tools of one run.
#[derive(Debug, Default)]
pub struct Leash {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    over: bool,
    tools: BTreeSet<i32>,
}

impl Leash {
    /// Kills what runs; nothing starts any more.
    pub fn end(&self) {
        let mut held = self.lock();
        held.over = true;
        held.tools.iter().for_each(|pid| kill(*pid));
    }

    /// Runs a tool to its end, with exactly the given environment, and returns all that it printed. Blocks. Fails where
    /// it cannot be started, with `TimedOut` where it was killed after `patience`, and with `Interrupted` where the run
    /// is over.
    pub fn run(&self, program: &Program, patience: Duration) -> io::Result<Output> {
        let mut child = self.start(program)?;
        let (reads, ended) = mpsc::channel();
        let readers = reading(child.stdout.take(), reads.clone())
            .and_then(|output| Ok((output, reading(child.stderr.take(), reads)?)));
        let (output, errors) = match readers {
            Ok(readers) => readers,
            Err(no_thread) => {
                kill(child.id().cast_signed());
                self.reap(&mut child)?;
                return Err(no_thread);
            }
        };
        if ended.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
            kill(child.id().cast_signed());
            self.reap(&mut child)?;
            let after = humantime::format_duration(patience);
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("it did not end within {after} and was killed"),
            ));
        }
        let status = self.reap(&mut child)?;
        if status.signal().is_some() && self.lock().over {
            return Err(over());
        }
        Ok(Output { status, stdout: joined(output)?, stderr: joined(errors)? })
    }

    fn start(&self, program: &Program) -> io::Result<Child> {
        let mut held = self.lock();
        if held.over {
            return Err(over());
        }
        let mut command = command(program);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        die_with_us(&mut command);
        let child = command.spawn()?;
        held.tools.insert(child.id().cast_signed());
        Ok(child)
    }

    /// Takes the status once nobody can kill that number any more.
    fn reap(&self, child: &mut Child) -> io::Result<ExitStatus> {
        let pid = child.id().cast_signed();
        if let Some(pid) = Pid::from_raw(pid) {
            while let Err(rustix::io::Errno::INTR) =
                waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
            {}
        }
        self.lock().tools.remove(&pid);
        child.wait()
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn kill(pid: i32) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ended_meanwhile = kill_process(pid, Signal::KILL);
    }
}

fn over() -> io::Error {
    io::Error::new(io::ErrorKind::Interrupted, "the run is over")
}

/// Reads a pipe to its end; `reads` is dropped then.
fn reading(pipe: Option<impl Read + Send + 'static>, reads: Sender<Infallible>) -> io::Result<Reading> {
    thread::Builder::new().spawn(move || {
        let mut bytes = Vec::new();
        let read = pipe.map_or(Ok(0), |mut pipe| pipe.read_to_end(&mut bytes));
        drop(reads);
        read.map(|_| bytes)
    })
}

fn joined(reader: Reading) -> io::Result<Vec<u8>> {
    reader.join().unwrap_or_else(|_panicked| Err(io::Error::other("its output cannot be read")))
}
