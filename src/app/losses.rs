//! What the repositories have lost of the commits that the journal names, and the facts by which it is done again.
//!
//! Runs under the goal's lock, before any effect of the new run. Captured work that is lost begins again; the integrated
//! history ends before the first commit that is lost, and what came later is merged or done again. A goal that is
//! `ready` is not touched.

use std::collections::BTreeSet;

use crate::adapters::git::leftovers::Before;
use crate::adapters::git::workspace::GitWorkspace;
use crate::app::recovery::{Halt, before};
use crate::domain::fact::{Fact, MergeFact, SliceFact};
use crate::domain::goal::{Charter, GoalStatus};
use crate::domain::ids::{CommitId, SliceId};
use crate::workflow::merge_queue::{Integrated, MergeQueue};
use crate::workflow::settling::cut_off_by_the_end;
use crate::workflow::slices::{SliceRecord, Stage};
use crate::workflow::state::GoalState;

/// What the repositories lack of what the journal names.
#[derive(Debug, Default)]
pub(super) struct Losses {
    /// Slices whose captured work is gone and is done again.
    slices: BTreeSet<SliceId>,
    /// The fact that shortens the integrated history, where that has lost something.
    pub(super) history: Option<Fact>,
    /// The facts that send slices back.
    pub(super) facts: Vec<Fact>,
}

impl Losses {
    /// Has slices that are reopened begin afresh where what they would go on from is gone.
    pub(super) fn freshen(&self, facts: &mut [Fact]) {
        for fact in facts {
            if let Fact::Slice(SliceFact::SliceReopened { slice, fresh, .. }) = fact {
                *fresh |= self.slices.contains(slice);
            }
        }
    }
}

/// Looks for every commit that the goal goes on from.
pub(super) async fn losses(workspace: &GitWorkspace, state: &GoalState, charter: &Charter) -> Result<Losses, Halt> {
    let Some(queue) = state.queue.as_ref().filter(|_| before(state) != Before::Nothing) else {
        return Ok(Losses::default());
    };
    let broken = workspace.broken(wanted(state, queue)).await.map_err(|fault| Halt::passing(charter, &fault))?;
    let mut gone: BTreeSet<CommitId> = broken.into_iter().collect();
    let lost = after_the_first_loss(queue, &gone);
    if !lost.is_empty() && state.goal.status == Some(GoalStatus::Ready) {
        return Err(work_gone(charter, lost));
    }
    // What began at a merge that is out of the history has nothing to go on from either.
    gone.extend(lost.iter().map(|done| done.merge.clone()));
    let mut losses = Losses { history: shortened(charter, queue, lost, &gone), ..Losses::default() };
    for record in
        state.slices.iter().filter(|record| !matches!(record.stage, Stage::Integrated { .. } | Stage::Unchanged { .. }))
    {
        if let Some(commit) = needed(record).find(|commit| gone.contains(*commit)) {
            losses.begin_again(record, commit);
        }
    }
    Ok(losses)
}

/// The commits that the goal goes on from.
fn wanted(state: &GoalState, queue: &MergeQueue) -> Vec<CommitId> {
    let integrated = queue.integrated.iter().flat_map(|done| [&done.merge, &done.capture.commit, &done.capture.start]);
    let open = state.slices.iter().flat_map(needed);
    integrated.chain(open).cloned().collect::<BTreeSet<_>>().into_iter().collect()
}

/// What the next attempt at a slice, or its merge, may go on from.
fn needed(record: &SliceRecord) -> impl Iterator<Item = &CommitId> {
    let capture = record.capture.as_ref().map(|(_, capture)| capture);
    record.start.iter().chain(capture.map(|capture| &capture.commit)).chain(capture.map(|capture| &capture.start))
}

/// The merges from the first one on of which something is lost.
fn after_the_first_loss<'a>(queue: &'a MergeQueue, gone: &BTreeSet<CommitId>) -> &'a [Integrated] {
    let lost = |done: &Integrated| {
        [&done.merge, &done.capture.commit, &done.capture.start].into_iter().any(|commit| gone.contains(commit))
    };
    let first = queue.integrated.iter().position(lost).unwrap_or(queue.integrated.len());
    &queue.integrated[first..]
}

/// The fact that ends the history before `lost`, where there is any.
fn shortened(charter: &Charter, queue: &MergeQueue, lost: &[Integrated], gone: &BTreeSet<CommitId>) -> Option<Fact> {
    if lost.is_empty() {
        return None;
    }
    let kept = queue.integrated.len() - lost.len();
    let (tip, tree) = match queue.integrated[..kept].last() {
        Some(last) => (last.merge.clone(), last.tree.clone()),
        None => (charter.repository.base.clone(), charter.repository.base_tree.clone()),
    };
    let again = lost.iter().filter(|done| gone.contains(&done.capture.commit) || gone.contains(&done.capture.start));
    let begin_again = again.map(|done| done.slice.clone()).collect();
    let slices = lost.iter().map(|done| done.slice.clone()).collect();
    Some(Fact::Merge(MergeFact::IntegrationLost { slices, begin_again, tip, tree }))
}

/// A goal that is `ready` stays so: the user has its branches, and nothing is merged over them.
fn work_gone(charter: &Charter, lost: &[Integrated]) -> Halt {
    const SHOWN: usize = 3;
    let named: Vec<_> =
        lost.iter().take(SHOWN).map(|done| format!("the merge of `{}` ({})", done.slice, done.merge.short())).collect();
    let more = lost.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let reason = format!(
        "the goal is ready, and your repository and the private one have lost commits of it: {}{more}; the journal and the \
         evidence are safe: put the branches or repo.git back from a copy, or run the plan anew",
        named.join(", "),
    );
    Halt { reason, next: vec![format!("omk goal show {}", charter.id)], status: GoalStatus::FailedInfra }
}

impl Losses {
    fn begin_again(&mut self, record: &SliceRecord, lost: &CommitId) {
        let slice = record.spec.id.clone();
        self.slices.insert(slice.clone());
        if matches!(record.stage, Stage::GivenUp { .. }) {
            return;
        }
        self.facts.extend(cut_off_by_the_end(record));
        let reason = format!("its captured work {} is lost; it begins again", lost.short());
        self.facts.push(Fact::Slice(SliceFact::SliceGivenUp { slice: slice.clone(), reason }));
        self.facts.push(Fact::Slice(SliceFact::SliceReopened { slice, fresh: true, hint: None }));
    }
}
