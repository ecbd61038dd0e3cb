//! All descendants of this process: found, signalled, reaped, and known to be gone.
//!
//! Owns the keeper's idea of containment. Because the keeper is a subreaper, every descendant is reachable by parent
//! ids, whatever sessions and groups it has made, and "no child left to wait for" means that the tree is empty.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::param::clock_ticks_per_second;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, kill_process_group, wait};

use super::contain::Group;
use super::program::Exit;
use super::sanitise::one_line;
use super::vital::{is_alive, only_waits};
use crate::domain::vitals::{ProcessSeen, Vitals};

/// How long a process may resist SIGKILL (uninterruptible sleep, another user's) before it is reported instead.
const RESISTS: Duration = Duration::from_secs(10);
/// The most processes that are shown.
const SHOWN: usize = 64;
/// The most survivors that are named.
const NAMED: usize = 32;

/// The program and whatever it has started.
pub(super) struct Tree {
    root: Pid,
    exit: Option<Exit>,
    empty: bool,
    survivors: BTreeMap<i32, String>,
    group: Option<Group>,
    killed: bool,
    /// Whether something of it has resisted SIGKILL for as long as anything may.
    resists: bool,
}

impl Tree {
    /// The tree under `root`, a child of this process that has not been waited for.
    pub(super) fn new(root: Pid, group: Option<Group>) -> Self {
        Self { root, exit: None, empty: false, survivors: BTreeMap::new(), group, killed: false, resists: false }
    }

    /// The program.
    pub(super) fn root(&self) -> Pid {
        self.root
    }

    /// Whether something of it had to be killed.
    pub(super) fn was_killed(&self) -> bool {
        self.killed
    }

    /// How its processes are, the program first.
    pub(super) fn vitals(&self) -> Vitals {
        let mut found = descendants();
        found.retain(|process| process.state != 'Z' && process.state != 'X');
        found.sort_by_key(|process| (process.pid != self.root, process.pid.as_raw_pid()));
        let alive = is_alive(self.root, &found, &only_waits);
        let seen = |process: Process| ProcessSeen {
            pid: process.pid.as_raw_pid().cast_unsigned(),
            name: process.name,
            state: process.state,
            cpu_ms: process.ticks * 1000 / clock_ticks_per_second().max(1),
        };
        Vitals { alive, processes: found.into_iter().take(SHOWN).map(seen).collect() }
    }

    /// How the program itself ended, once it has.
    pub(super) fn exit(&self) -> Option<Exit> {
        self.exit
    }

    /// Whether nothing is left. Final: an empty tree cannot grow again.
    pub(super) fn is_empty(&self) -> bool {
        self.empty
    }

    /// Who had to be killed, as `pid name`.
    pub(super) fn survivors(&self) -> Vec<String> {
        self.survivors.iter().take(NAMED).map(|(pid, name)| format!("{pid} {name}")).collect()
    }

    /// Takes the status of every child that has ended, without waiting.
    pub(super) fn reap(&mut self) {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == self.root => self.exit = exit_of(status).or(self.exit),
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => return,
                Err(_) => {
                    self.empty = true;
                    return;
                }
            }
        }
    }

    /// Waits until the tree is empty or `patience` is over.
    pub(super) fn settle(&mut self, patience: Duration) {
        let deadline = Instant::now() + patience;
        let mut pause = Duration::from_micros(250);
        self.reap();
        while !self.empty && Instant::now() < deadline {
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
            self.reap();
        }
    }

    /// Sends a signal to every descendant that can be seen now.
    pub(super) fn signal(&self, signal: Signal) {
        self.send(signal, &descendants());
    }

    /// Sends a signal to those that were found; to the program and its group unseen, should it not be among them: that
    /// is who they are as long as nobody has waited for it, whatever `/proc` shows.
    fn send(&self, signal: Signal, found: &[Process]) {
        for process in found {
            let _gone_meanwhile = kill_process(process.pid, signal);
        }
        if self.exit.is_none() && !self.empty && found.iter().all(|process| process.pid != self.root) {
            let all_got_it = kill_process_group(self.root, signal).is_ok() && signal != Signal::KILL;
            let _gone_meanwhile = if all_got_it { Ok(()) } else { kill_process(self.root, signal) };
        }
    }

    /// Kills until nothing is left; whoever is found besides the program itself is remembered as a survivor. What has
    /// resisted once is not waited for again.
    pub(super) fn kill_all(&mut self) {
        let deadline = Instant::now() + if self.resists { Duration::ZERO } else { RESISTS };
        let mut pause = Duration::from_micros(250);
        self.reap();
        while !self.empty {
            let found = descendants();
            self.killed |= found.is_empty() || found.iter().any(|process| !process.zombie());
            self.send(Signal::KILL, &found);
            if Instant::now() >= deadline {
                self.resisted(found);
                return;
            }
            self.remember(found);
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
            self.reap();
        }
    }

    /// Removes its control group. What is in it still, against all expectation, dies with it.
    pub(super) fn close(&self) {
        if let Some(group) = &self.group {
            group.kill();
            let _left_for_the_next_resume = group.remove();
        }
    }

    fn remember(&mut self, found: Vec<Process>) {
        for process in found.into_iter().filter(|p| p.pid != self.root && !p.zombie()) {
            self.survivors.entry(process.pid.as_raw_pid()).or_insert(process.name);
        }
    }

    fn resisted(&mut self, found: Vec<Process>) {
        self.resists = true;
        for process in found.into_iter().filter(|p| !p.zombie()) {
            self.survivors.insert(process.pid.as_raw_pid(), format!("{} (still there)", process.name));
        }
    }
}

fn exit_of(status: WaitStatus) -> Option<Exit> {
    status.exit_status().map(Exit::Code).or_else(|| status.terminating_signal().map(Exit::Signal))
}

/// A line of the process table.
pub(super) struct Process {
    pub(super) pid: Pid,
    pub(super) parent: i32,
    pub(super) session: i32,
    /// The state letter of `/proc/<pid>/stat`.
    pub(super) state: char,
    pub(super) threads: u32,
    /// Processor time in clock ticks.
    pub(super) ticks: u64,
    /// When it was started, in clock ticks since the machine was.
    pub(super) started: u64,
    pub(super) name: String,
}

impl Process {
    /// Whether it has ended and nobody has waited for it yet.
    pub(super) fn zombie(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }
}

fn descendants() -> Vec<Process> {
    below([std::process::id().cast_signed()], processes())
}

/// The children of `roots` in a process table, their children, and so on, without the roots.
pub(super) fn below(roots: impl IntoIterator<Item = i32>, mut rest: Vec<Process>) -> Vec<Process> {
    let mut family: BTreeSet<i32> = roots.into_iter().collect();
    let mut found = Vec::new();
    loop {
        let (children, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(|p| family.contains(&p.parent));
        if children.is_empty() {
            return found;
        }
        family.extend(children.iter().map(|p| p.pid.as_raw_pid()));
        found.extend(children);
        rest = others;
    }
}

/// Every process that can be seen.
pub(super) fn processes() -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(process).collect()
}

/// One process.
pub(super) fn process(pid: i32) -> Option<Process> {
    parse_stat(pid, &std::fs::read(format!("/proc/{pid}/stat")).ok()?)
}

/// Reads `/proc/<pid>/stat`: `pid (name) state ppid pgrp session …`, where the name may hold anything.
fn parse_stat(pid: i32, stat: &[u8]) -> Option<Process> {
    let open = stat.iter().position(|&b| b == b'(')?;
    let close = stat.iter().rposition(|&b| b == b')')?;
    let mut fields = std::str::from_utf8(stat.get(close + 1..)?).ok()?.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    let session = fields.nth(1)?.parse().ok()?;
    // Fields 14 and 15 of proc(5), of which the first three and 4 to 6 are behind us.
    let (user, system): (u64, u64) = (fields.nth(7)?.parse().ok()?, fields.next()?.parse().ok()?);
    let threads = fields.nth(4)?.parse().ok()?;
    let started = fields.nth(1)?.parse().ok()?;
    let name = one_line(stat.get(open + 1..close)?);
    Some(Process { pid: Pid::from_raw(pid)?, parent, session, state, threads, ticks: user + system, started, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_with_parentheses_and_newlines_is_read() {
        let process = parse_stat(7, b"7 (a) b\n(c) S 3 5 6 0 -1 4194304 1 2 3 4 30 12 0 0 20 0 1 0 4711 0")
            .expect("a line of /proc");
        assert_eq!((process.parent, process.session, process.state, process.ticks), (3, 6, 'S', 42));
        assert_eq!((process.threads, process.started), (1, 4711));
        assert_eq!(process.name, "a) b (c");
    }

    #[test]
    fn a_cut_line_is_no_process() {
        assert!(parse_stat(7, b"7 (a) S 3").is_none());
    }
}
