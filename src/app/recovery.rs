//! What taking a goal up finds of the run before: clears away what is left, notices what is lost, and decides whether
//! the goal can go on.
//!
//! Runs under the goal's lock, before any effect of the new run. Never guesses: work that the journal calls integrated
//! and that no repository has any more ends the run with words, everything else is done again.

use std::collections::BTreeSet;
use std::fmt::Display;

use crate::adapters::git::leftovers::{self, Before};
use crate::adapters::git::workspace::GitWorkspace;
use crate::adapters::removal::remove_tree;
use crate::domain::event::Fact;
use crate::domain::goal::{Charter, GoalStatus};
use crate::domain::ids::{CommitId, SliceId};
use crate::domain::order::Fault;
use crate::domain::supervision::Leftovers;
use crate::process::containment::group_directory;
use crate::process::sweep::{Swept, kill_leftovers};
use crate::store::atomic::sweep;
use crate::store::layout::GoalDir;
use crate::store::lock::this_process;
use crate::workflow::settling::cut_off_by_the_end;
use crate::workflow::slices::{SliceRecord, Stage};
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
    let kept = state.slices.iter().filter_map(SliceRecord::left_worktree).cloned().collect();
    let mut found = leftovers::clear(dir.path(), &charter.id, &charter.repository, (before, &kept)).map_err(halt)?;
    found.processes = swept.killed;
    sweep(dir.path());
    let gates = clear_gates(dir);
    if gates > 0 {
        found.repairs.push(format!("removed what {gates} unfinished gate run(s) left"));
    }
    if before == Before::Death {
        let unfindable = if is_of_this_boot(state) { unfindable() } else { None };
        found.left_alone.extend(elsewhere(state).into_iter().chain(unfindable));
    }
    let there = leftovers::base_is_there(&charter.repository).map_err(halt)?;
    if there { Ok(found) } else { Err(base_gone(charter)) }
}

fn before(state: &GoalState) -> Before {
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

/// What the repositories lack of what the journal names.
#[derive(Debug, Default)]
pub(super) struct Losses {
    /// Slices whose captured work is gone and is done again.
    pub(super) slices: BTreeSet<SliceId>,
    /// The facts that send them back.
    pub(super) facts: Vec<Fact>,
}

impl Losses {
    /// Has slices that are reopened begin afresh where what they would go on from is gone.
    pub(super) fn freshen(&self, facts: &mut [Fact]) {
        for fact in facts {
            if let Fact::SliceReopened { slice, fresh, .. } = fact {
                *fresh |= self.slices.contains(slice);
            }
        }
    }
}

/// Looks for every commit that the goal goes on from. Work that is not integrated yet and is lost is done again;
/// integrated work that is lost ends the run.
pub(super) async fn losses(workspace: &GitWorkspace, state: &GoalState, charter: &Charter) -> Result<Losses, Halt> {
    let Some(queue) = state.queue.as_ref().filter(|_| before(state) != Before::Nothing) else {
        return Ok(Losses::default());
    };
    let integrated: Vec<_> = queue
        .integrated
        .iter()
        .flat_map(|done| [(&done.slice, &done.merge, "merge"), (&done.slice, &done.capture.commit, "work")])
        .collect();
    let open: Vec<(&SliceRecord, &CommitId)> = state
        .slices
        .iter()
        .filter(|record| !matches!(record.stage, Stage::Integrated { .. } | Stage::Unchanged { .. }))
        .filter_map(|record| record.capture.as_ref().map(|(_, capture)| (record, &capture.commit)))
        .collect();
    let wanted = integrated.iter().map(|(_, commit, _)| (*commit).clone());
    let wanted = wanted.chain(open.iter().map(|(_, commit)| (*commit).clone())).collect();
    let broken = workspace.broken(wanted).await.map_err(|fault| Halt::passing(charter, &fault))?;
    let gone = |commit: &CommitId| broken.contains(commit);
    let lost: Vec<_> = integrated.into_iter().filter(|(_, commit, _)| gone(commit)).collect();
    if !lost.is_empty() {
        return Err(work_gone(charter, state, &lost));
    }
    Ok(done_again(open.into_iter().filter(|(_, commit)| gone(commit))))
}

fn work_gone(charter: &Charter, state: &GoalState, lost: &[(&SliceId, &CommitId, &str)]) -> Halt {
    const SHOWN: usize = 3;
    let named: Vec<_> = lost
        .iter()
        .take(SHOWN)
        .map(|(slice, commit, kind)| format!("the {kind} of `{slice}` ({})", commit.short()))
        .collect();
    let more = lost.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let delivered = match state.goal.branches.is_empty() {
        true => "to which nothing was delivered",
        false => "whose delivered branches are as they were",
    };
    let reason = format!(
        "the goal's private repository has lost integrated commits: {}{more}; the journal, the evidence and your \
         repository, {delivered}, are safe: put repo.git back from a copy and resume, or cancel the goal and run its \
         plan anew",
        named.join(", "),
    );
    let id = &charter.id;
    Halt {
        reason,
        next: vec![format!("omk goal resume {id}"), format!("omk goal cancel {id}")],
        status: GoalStatus::FailedInfra,
    }
}

fn done_again<'a>(lost: impl Iterator<Item = (&'a SliceRecord, &'a CommitId)>) -> Losses {
    let mut losses = Losses::default();
    for (record, commit) in lost {
        let slice = record.spec.id.clone();
        losses.slices.insert(slice.clone());
        if matches!(record.stage, Stage::GivenUp { .. }) {
            continue;
        }
        losses.facts.extend(cut_off_by_the_end(record));
        let reason = format!("its captured work {} is lost; it begins again", commit.short());
        losses.facts.push(Fact::SliceGivenUp { slice: slice.clone(), reason });
        losses.facts.push(Fact::SliceReopened { slice, fresh: true, hint: None });
    }
    losses
}
