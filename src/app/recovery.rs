//! What taking a goal up finds of the run before: clears away what is left, notices what is lost, and decides whether
//! the goal can go on.
//!
//! Runs under the goal's lock, before any effect of the new run. What is lost of the goal's commits is a matter of
//! `losses`.

use std::fmt::Display;

use crate::adapters::gate::warm::{self, Wanted};
use crate::adapters::git::leftovers::{self, Before};
use crate::adapters::removal::remove_tree;
use crate::domain::goal::{Charter, GoalStatus};
use crate::domain::order::Fault;
use crate::domain::supervision::Leftovers;
use crate::process::containment::group_directory;
use crate::process::sweep::{Swept, kill_leftovers};
use crate::store::atomic::sweep;
use crate::store::layout::GoalDir;
use crate::store::lock::this_process;
use crate::workflow::slices::SliceRecord;
use crate::workflow::state::GoalState;

/// Why a goal cannot be taken up now, and what helps.
#[derive(Debug)]
pub(super) struct Halt {
    /// What is wrong and what is safe, one sentence.
    pub(super) reason: String,
    /// The commands that go on, the best first.
    pub(super) next: Vec<String>,
    /// The status in which it ends.
    pub(super) status: GoalStatus,
}

impl Halt {
    /// Something failed that may not fail the next time.
    pub(super) fn passing(charter: &Charter, problem: &dyn Display) -> Self {
        let next = vec![format!("omk goal resume {}", charter.id)];
        Self { reason: problem.to_string(), next, status: GoalStatus::FailedInfra }
    }

    /// The run before died after the operator had cancelled it.
    pub(super) fn cancelled(charter: &Charter) -> Self {
        let reason = "cancelled by the operator, before the end of the run before".to_owned();
        Self { reason, next: vec![format!("omk goal show {}", charter.id)], status: GoalStatus::Cancelled }
    }
}

/// Kills and removes what the run before left, and mends what is ours.
pub(super) fn clear(dir: &GoalDir, state: &GoalState, charter: &Charter) -> Result<Leftovers, Halt> {
    let before = before(state);
    // First of all: what still runs could write into what is mended below.
    let swept = match before {
        Before::Nothing => Swept::default(),
        Before::Death | Before::Failure | Before::Rest => kill_leftovers(&dir.owner()),
    };
    let halt = |problem: &dyn Display| Halt::passing(charter, &format!("{problem}; nothing of the goal was changed"));
    if let Some(resisting) = resisting(&swept.resisting) {
        return Err(halt(&resisting));
    }
    let halt = |fault: Fault| halt(&fault);
    let rebooted = before == Before::Death && !is_of_this_boot(state);
    // A machine that stopped at once leaves files empty that agents and gates had written: nothing goes on from those.
    let kept = state.slices.iter().filter(|_| !rebooted).filter_map(SliceRecord::left_worktree).cloned().collect();
    let mut found = leftovers::clear(dir.path(), &charter.id, &charter.repository, (before, &kept)).map_err(halt)?;
    found.processes = swept.killed;
    sweep(dir.path());
    let gates = clear_gates(dir);
    if gates > 0 {
        found.repairs.push(format!("removed what {gates} unfinished gate run(s) left"));
    }
    if rebooted {
        warm::set_aside(&dir.gates(), Wanted::Nothing).map_err(|error| Halt::passing(charter, &error))?;
        found.repairs.push("left aside what gates had built before the machine was started anew".to_owned());
    }
    if before == Before::Death {
        let unfindable = if is_of_this_boot(state) { unfindable() } else { None };
        found.left_alone.extend(elsewhere(state).into_iter().chain(unfindable));
    }
    let there = leftovers::base_is_there(&charter.repository).map_err(halt)?;
    if there { Ok(found) } else { Err(base_gone(charter)) }
}

/// What is known of the run before.
pub(super) fn before(state: &GoalState) -> Before {
    match state.goal.status {
        _ if state.goal.runs == 0 => Before::Nothing,
        Some(GoalStatus::Running) => Before::Death,
        Some(GoalStatus::FailedInfra) => Before::Failure,
        Some(_) | None => Before::Rest,
    }
}

/// Removes the places of gate runs that did not end; warm places are kept, and those that were set aside have time until
/// the run is over. Returns how many runs did not end.
fn clear_gates(dir: &GoalDir) -> usize {
    let places = std::fs::read_dir(dir.gates()).into_iter().flatten().flatten();
    let cold = places.filter(|place| place.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit()));
    cold.filter(|place| remove_tree(&place.path()).is_ok()).count()
}

/// Whether something of the run before can be running here still.
fn is_of_this_boot(state: &GoalState) -> bool {
    let here = this_process();
    state.goal.holder.as_ref().is_none_or(|holder| (&holder.host, &holder.boot_id) == (&here.host, &here.boot_id))
}

/// A run that died on another host may have left processes there.
fn elsewhere(state: &GoalState) -> Option<String> {
    let holder = state.goal.holder.as_ref()?;
    let host = this_process().host;
    (holder.host != host).then(|| {
        format!(
            "the run before was process {} on host {}: what it left running there is not seen here",
            holder.pid, holder.host
        )
    })
}

/// Says of processes of a goal that they cannot be ended, where there are any.
pub(super) fn resisting(processes: &[String]) -> Option<String> {
    let (first, more) = processes.split_first()?;
    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    Some(format!("process {first}{more} of the goal resists SIGKILL and still runs"))
}

/// Where no control group says who belongs to it, a process is known by its environment only.
pub(super) fn unfindable() -> Option<String> {
    group_directory().is_none().then(|| {
        "what has cleared its environment and outlived its keeper, if anything has: no control group can be made here, by \
         which it would be found"
            .to_owned()
    })
}

fn base_gone(charter: &Charter) -> Halt {
    let base = &charter.repository.base;
    let reason = format!(
        "your repository {} has the goal's base {} no more: the ref refs/omk/{}/base was deleted and git has pruned the \
         commit; the journal and the evidence are safe: fetch the commit back (git fetch REMOTE {base}), then resume",
        charter.repository.root.display(),
        base.short(),
        charter.id,
    );
    Halt {
        reason,
        next: vec![format!("omk goal resume {}", charter.id), format!("omk goal cancel {}", charter.id)],
        status: GoalStatus::FailedInfra,
    }
}
