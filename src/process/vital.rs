//! Whether a tree of processes can go on by itself.
//!
//! A tree in which whoever is not stopped does nothing but wait for somebody who is stopped stands still for ever.
//! Invariant: in doubt a process works; an agent that waits for its model looks much like one that waits for a child.

use std::collections::{BTreeMap, BTreeSet};

use rustix::process::Pid;

use super::tree::Process;

/// Whether the program `root` and what it has started can go on, `family` being all of them that have not ended.
pub(super) fn is_alive(root: Pid, family: &[Process], waits: &dyn Fn(&Process) -> bool) -> bool {
    let above = above_the_stopped(family);
    let stands = |process: &Process| stopped(process) || (above.contains(&process.pid.as_raw_pid()) && waits(process));
    let root = family.iter().find(|process| process.pid == root);
    root.is_some_and(|root| !stopped(root) && !family.iter().all(stands))
}

fn stopped(process: &Process) -> bool {
    matches!(process.state, 'T' | 't')
}

/// The ancestors of all who are stopped.
fn above_the_stopped(family: &[Process]) -> BTreeSet<i32> {
    let parents: BTreeMap<i32, i32> = family.iter().map(|process| (process.pid.as_raw_pid(), process.parent)).collect();
    let mut above = BTreeSet::new();
    for process in family.iter().filter(|process| stopped(process)) {
        let mut at = process.parent;
        while above.insert(at) {
            let Some(parent) = parents.get(&at) else { break };
            at = *parent;
        }
    }
    above
}

/// Whether a process sleeps until a child ends, and does nothing else. One of whom the system does not say it does not.
pub(super) fn only_waits(process: &Process) -> bool {
    let place = || std::fs::read_to_string(format!("/proc/{}/wchan", process.pid.as_raw_pid())).unwrap_or_default();
    process.state == 'S' && process.threads == 1 && place().trim_end() == "do_wait"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process((pid, parent, state): (i32, i32, char)) -> Process {
        let pid = Pid::from_raw(pid).expect("a process id");
        Process { pid, parent, session: 1, state, threads: 1, ticks: 0, started: 0, name: "p".to_owned() }
    }

    #[test]
    fn a_tree_stands_still_when_all_of_it_is_stopped_or_waits_for_who_is() {
        let root = Pid::from_raw(2).expect("a process id");
        // By id, parent and state; whose state is `W` waits for its children.
        let alive = |family: &[(i32, i32, char)]| {
            let family: Vec<_> = family.iter().copied().map(process).collect();
            is_alive(root, &family, &|process| process.state == 'W')
        };
        assert!(!alive(&[(2, 1, 'T')]));
        assert!(!alive(&[(2, 1, 't'), (3, 2, 'R')]));
        assert!(!alive(&[(2, 1, 'W'), (3, 2, 'T')]));
        assert!(!alive(&[(2, 1, 'W'), (3, 2, 'W'), (4, 3, 'T'), (5, 3, 'T')]));
        assert!(!alive(&[(3, 2, 'R')]));
        assert!(alive(&[(2, 1, 'S')]));
        assert!(alive(&[(2, 1, 'W'), (3, 2, 'S')]));
        assert!(alive(&[(2, 1, 'W'), (3, 2, 'T'), (4, 2, 'S')]));
        assert!(alive(&[(2, 1, 'S'), (3, 2, 'T')]), "its root does more than wait");
        assert!(alive(&[(2, 1, 'W'), (3, 2, 'W'), (4, 3, 'S'), (5, 2, 'T')]));
    }
}
