//! Trees whose keeper is gone: found by what they bear, killed, and seen to be gone.
//!
//! A process that was started under a keeper bears a marker in its environment, and where the system gives us control
//! groups it is in one; what a keeper of this very process held becomes our child. Each is enough to find it. Invariant:
//! nothing else is killed, but for what descends from such a process.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::contain::{Group, place};
use super::orphans::{is_adopted, reap, start_of};
use super::sanitise::one_line;
use super::tree::{Process, below, process, processes};

/// The variable that every process under a keeper inherits.
pub(super) const MARKER: &str = "OMK_TREE";
/// How long a process may resist SIGKILL before it is reported instead.
const RESISTS: Duration = Duration::from_secs(5);
/// How often processes are looked at that end by themselves.
const LOOKS: Duration = Duration::from_millis(10);

/// What became of processes that should not run any more, each as `pid name`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// They ran, and are gone.
    pub killed: Vec<String>,
    /// They are still there after SIGKILL: they wait for a disk or a network, are frozen, or belong to somebody else.
    pub resisting: Vec<String>,
}

/// The value of the marker: who it belongs to, which `omk` started it, and its number there.
pub(super) fn marker(owner: &str, number: u64) -> String {
    format!("{owner}:{}:{number}", std::process::id())
}

/// Kills what is left of one tree after its keeper `leader` died; says what it was, and what of it resists. Blocks as
/// long as something does, some seconds at most.
pub(super) fn sweep(marker: &str, leader: u32, group: Option<&Group>) -> Vec<String> {
    let since = start_of(leader);
    let of_tree = |process: &Process| {
        u32::try_from(process.session).is_ok_and(|session| session == leader)
            || bears(process.pid, &|value| value == marker)
            || is_adopted(process, since)
    };
    let deadline = Instant::now() + RESISTS;
    await_death(leader, deadline);
    let mut killed = BTreeMap::new();
    if let Some(group) = group {
        clear(group, &mut killed);
    }
    kill_until(deadline, &of_tree, &mut killed);
    reap(since);
    killed.into_iter().map(|(pid, name)| if is_there(pid) { format!("{name} (still there)") } else { name }).collect()
}

/// Waits until a killed keeper is dead: its channel closes a moment before its children have their new parent.
fn await_death(keeper: u32, deadline: Instant) {
    while is_there(keeper.cast_signed()) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_micros(250));
    }
}

/// Kills every process that an earlier `omk` started for `owner` and that still runs. To be called by whoever holds the
/// goal: no living `omk` has any for it. Blocks until they are gone, or resist for some seconds.
pub fn kill_leftovers(owner: &str) -> Swept {
    let mut found = BTreeMap::new();
    kill_all(&|process| belongs(process, owner), &mut found);
    for group in abandoned_groups(owner) {
        clear(&group, &mut found);
    }
    let (resisting, killed): (BTreeMap<_, _>, _) = found.into_iter().partition(|(pid, _)| is_there(*pid));
    Swept { killed: killed.into_values().collect(), resisting: resisting.into_values().collect() }
}

/// What runs of `owner` still, as `pid name`, though it is about to end: it is left some seconds. Nothing is killed.
pub fn still_running(owner: &str) -> Vec<String> {
    let deadline = Instant::now() + RESISTS;
    loop {
        let found = seen_running(owner);
        if found.is_empty() || Instant::now() >= deadline {
            return found;
        }
        std::thread::sleep(LOOKS);
    }
}

/// What runs of `owner` at this moment, as `pid name`. Nothing is killed or waited for.
pub fn seen_running(owner: &str) -> Vec<String> {
    let mut found = BTreeMap::new();
    for process in find(&|process| belongs(process, owner)) {
        found.insert(process.pid.as_raw_pid(), shown(&process));
    }
    abandoned_groups(owner).iter().for_each(|group| remember(&mut found, &group.members()));
    found.retain(|pid, _| is_there(*pid));
    found.into_values().collect()
}

/// Whether a process was started for `owner`.
fn belongs(process: &Process, owner: &str) -> bool {
    bears(process.pid, &|value| value.strip_prefix(owner).is_some_and(|rest| rest.starts_with(':')))
}

fn is_there(pid: i32) -> bool {
    process(pid).is_some_and(|process| !process.zombie())
}

fn shown(process: &Process) -> String {
    format!("{} {}", process.pid.as_raw_pid(), process.name)
}

/// Groups of `owner`, all of them abandoned: who calls holds the goal, whatever process has the number of the `omk` that
/// made them now. Those of others are theirs to find.
fn abandoned_groups(owner: &str) -> Vec<Group> {
    let Some(entries) = place().and_then(|place| std::fs::read_dir(place).ok()) else { return Vec::new() };
    let abandoned = entries.flatten().filter(|it| it.file_name().to_str().is_some_and(|it| Group::is_of(it, owner)));
    abandoned.map(|entry| Group::at(entry.path())).filter(|group| !group.is_foreign()).collect()
}

/// Kills what is in a group, and removes it.
fn clear(group: &Group, killed: &mut BTreeMap<i32, String>) {
    remember(killed, &group.members());
    group.kill();
    let _left_for_the_next_resume = group.remove();
}

fn kill_all(wanted: &dyn Fn(&Process) -> bool, killed: &mut BTreeMap<i32, String>) {
    kill_until(Instant::now() + RESISTS, wanted, killed);
}

/// Kills until nothing is left, or the deadline has come.
fn kill_until(deadline: Instant, wanted: &dyn Fn(&Process) -> bool, killed: &mut BTreeMap<i32, String>) {
    let mut pause = Duration::from_micros(250);
    loop {
        let found = find(wanted);
        for process in &found {
            let _gone_meanwhile = kill_process(process.pid, Signal::KILL);
            killed.entry(process.pid.as_raw_pid()).or_insert_with(|| shown(process));
        }
        if found.is_empty() || Instant::now() >= deadline {
            return;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Who is wanted, and all below them: a child that has cleaned its environment is found while its parent is there.
fn find(wanted: &dyn Fn(&Process) -> bool) -> Vec<Process> {
    let me = std::process::id().cast_signed();
    let others = processes().into_iter().filter(|p| p.pid.as_raw_pid() != me);
    let (mut found, rest): (Vec<_>, Vec<_>) = others.partition(|p| wanted(p));
    found.extend(below(found.iter().map(|p| p.pid.as_raw_pid()).collect::<Vec<_>>(), rest));
    found.retain(|p| !p.zombie());
    found
}

fn remember(killed: &mut BTreeMap<i32, String>, pids: &[Pid]) {
    for pid in pids.iter().map(|pid| pid.as_raw_pid()) {
        let name = std::fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
        killed.entry(pid).or_insert_with(|| format!("{pid} {}", one_line(name.trim_ascii_end())));
    }
}

/// Whether a process was started with a marker whose value is wanted. Another user's processes show nothing.
fn bears(pid: Pid, wanted: &dyn Fn(&str) -> bool) -> bool {
    let environment = std::fs::read(format!("/proc/{}/environ", pid.as_raw_pid())).unwrap_or_default();
    environment.split(|&b| b == 0).any(|entry| {
        let value = std::str::from_utf8(entry).ok().and_then(|entry| entry.strip_prefix(MARKER)?.strip_prefix('='));
        value.is_some_and(wanted)
    })
}
