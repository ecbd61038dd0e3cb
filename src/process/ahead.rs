//! Waits ahead for what a program waits for that enters its control group.
//!
//! Before the kernel moves a process into a group it waits until every processor has passed through the scheduler:
//! between 5 and 15 ms, by which each program would begin later. Whoever comes while it waits, or shortly behind, waits
//! no longer than to its end. So as soon as a program is expected, this process is moved to where it is already. Owns
//! the thread that does so. Invariant: nobody is moved anywhere else, and nothing depends on it.

use std::fs::write;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::contain::{Group, place};

/// The way to the thread. Cheap to clone; the thread ends with the last clone.
#[derive(Clone)]
pub(super) struct Ahead {
    /// One wish may wait: who wishes then is served by it.
    wishes: SyncSender<()>,
}

impl Ahead {
    /// Starts the thread. Without it programs only begin later.
    pub(super) fn start() -> Self {
        let (wishes, queue) = sync_channel(1);
        if let Err(error) = std::thread::Builder::new().name("omk-ahead".to_owned()).spawn(move || serve(&queue)) {
            tracing::debug!(%error, "programs will wait for their groups");
        }
        Self { wishes }
    }

    /// A program is going to be started: within a moment, or not at all.
    pub(super) fn expect(&self) {
        let _one_waits_already = self.wishes.try_send(());
    }
}

fn serve(queue: &Receiver<()>) {
    while queue.recv().is_ok() {
        wait();
    }
}

/// Waits until the kernel would move somebody.
fn wait() {
    let Some(place) = place() else { return };
    let ours = Group::at(place.clone());
    // Somebody may have moved us since the place was found; they are not to be undone.
    if ours.holds_this_process() {
        let _refused_behind_the_wait = write(place.join("cgroup.procs"), "0");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_moved() {
        if place().is_none() {
            return eprintln!("SKIPPED: a wait ahead: there is no control group that this user may write to");
        }
        let groups = || std::fs::read_to_string("/proc/self/cgroup").expect("the groups of this process");
        let before = groups();
        wait();
        assert_eq!(groups(), before);
    }
}
