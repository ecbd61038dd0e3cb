//! Which slices are offered next and from which state, and whether anything is left to offer.

use super::{Intent, Scheduler};
use std::collections::BTreeSet;

use crate::domain::decided::Decided;
use crate::domain::fact::{AttemptFact, Fact};
use crate::domain::ids::{AttemptRef, CommitId, Now, SliceId, TreeId};
use crate::domain::settlement::Settlement;
use crate::workflow::assignment::continues;
use crate::workflow::breaker::Passage;
use crate::workflow::profiles::next_agent;
use crate::workflow::settling::{is_exhausted, settlement_of};
use crate::workflow::slices::{NextStart, SliceRecord, Stage};

impl Scheduler {
    /// Offers what is ready, as far as there are permits.
    pub(super) fn offer_ready(&mut self, decided: &mut Decided<Intent>, now: Now) {
        let ready: Vec<_> = self.frontier.ready().cloned().collect();
        for slice in ready {
            if self.live.len() >= self.charter.max_agents as usize {
                return;
            }
            if self.may_offer(&slice) {
                self.offer(&slice, decided, now);
            }
        }
    }

    /// Whether a slice could get an attempt, were there a permit and a provider.
    pub(super) fn may_offer(&self, slice: &SliceId) -> bool {
        let waiting = self.table.slice(slice).is_some_and(|r| r.stage == Stage::Waiting && !is_exhausted(r));
        let in_pass = self.pass.as_ref().is_none_or(|pass| pass.contains(slice));
        waiting && in_pass && !self.awaits_queue(slice) && !self.live.iter().any(|attempt| attempt.slice == *slice)
    }

    /// What it clashed with may still be in the merge queue: begun before that has landed, its next attempt would
    /// clash with the same thing again.
    fn awaits_queue(&self, slice: &SliceId) -> bool {
        let clashed = |record: &SliceRecord| record.next_start == NextStart::Tip && !record.take_up;
        self.table.slice(slice).is_some_and(clashed) && self.table.iter().any(|other| other.stage == Stage::Accepted)
    }

    fn offer(&mut self, slice: &SliceId, decided: &mut Decided<Intent>, now: Now) {
        let Some(record) = self.table.slice(slice) else { return };
        let Some(agent) = next_agent(&self.charter, &self.table, record) else { return };
        let passage = self.passage(record, &agent, now);
        if passage == Passage::Parked {
            return;
        }
        let attempt =
            AttemptRef { slice: slice.clone(), attempt: record.attempt.next(), epoch: self.table.epoch.next() };
        if passage == Passage::Probe {
            self.probes.sent(&self.table.breakers, &agent, &attempt);
        }
        let (start, content) = self.start_of(record, continues(&agent));
        self.record(
            decided,
            Fact::Attempt(AttemptFact::AttemptOffered { attempt: attempt.clone(), start, content, agent }),
            now,
        );
        self.live.insert(attempt.clone());
        decided.intents.push(Intent::StartWorker(attempt));
    }

    /// The commit that the next attempt starts from, and the tree that its worktree holds where that differs.
    fn start_of(&self, record: &SliceRecord, continues: bool) -> (CommitId, Option<TreeId>) {
        let base = &self.charter.repository.base;
        if record.take_up
            && let Some(start) = &record.start
        {
            return (start.clone(), None);
        }
        match (&record.next_start, &record.start) {
            (NextStart::Tip, _) => (self.table.tip.as_ref().unwrap_or(base).clone(), None),
            (NextStart::Continue(tree), Some(start)) if continues => (start.clone(), Some(tree.clone())),
            (NextStart::Continue(_) | NextStart::Dependencies, _) => (self.newest_dependency(record), None),
        }
    }

    /// The merge that brought in the last of the slice's dependencies: the earliest integrated commit that holds all
    /// of them.
    fn newest_dependency(&self, record: &SliceRecord) -> CommitId {
        let dependencies = self.merged_before(&record.spec.id);
        let merges = dependencies.into_iter().filter_map(|id| match &self.table.slice(id)?.stage {
            Stage::Integrated { merge, order, .. } => Some((*order, merge)),
            Stage::Waiting
            | Stage::Offered
            | Stage::Running { .. }
            | Stage::Reviewing { .. }
            | Stage::Accepted
            | Stage::Unchanged { .. }
            | Stage::Asking { .. }
            | Stage::GivenUp { .. } => None,
        });
        merges.max().map_or_else(|| self.charter.repository.base.clone(), |(_, merge)| merge.clone())
    }

    /// The slices that a slice stands on, through those that changed nothing.
    fn merged_before(&self, slice: &SliceId) -> BTreeSet<&SliceId> {
        let (mut todo, mut found) = (vec![slice], BTreeSet::new());
        while let Some(slice) = todo.pop() {
            for before in self.graph.dependencies(slice) {
                let unchanged = |record: &SliceRecord| matches!(record.stage, Stage::Unchanged { .. });
                if found.insert(before) && self.table.slice(before).is_some_and(unchanged) {
                    todo.push(before);
                }
            }
        }
        found
    }

    /// Whether nothing runs and nothing can be started.
    pub(super) fn is_settled(&self) -> bool {
        if !self.live.is_empty() {
            return false;
        }
        let halted = self.obstruction.is_some();
        self.table.iter().all(|record| match record.stage {
            Stage::Offered | Stage::Running { .. } => false,
            Stage::Reviewing { .. } | Stage::Accepted => halted,
            Stage::Waiting => halted || !self.frontier.is_ready(&record.spec.id) || self.cannot_start(&record.spec.id),
            Stage::Integrated { .. } | Stage::Unchanged { .. } | Stage::Asking { .. } | Stage::GivenUp { .. } => true,
        })
    }

    /// Whether a slice that is ready gets no attempt in this run. One that is parked does, unless the user does not
    /// want to wait for its provider.
    fn cannot_start(&self, slice: &SliceId) -> bool {
        !self.may_offer(slice) || (!self.charter.settings.wait_for_quota && self.is_parked(slice))
    }

    /// How the slices stand then.
    pub(super) fn settlement(&self) -> Settlement {
        let obstacle = self.obstruction.clone().or_else(|| self.shut_provider());
        Settlement { obstacle, ..settlement_of(&self.table) }
    }
}
