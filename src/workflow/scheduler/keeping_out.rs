//! Which agents get nothing more: those in quarantine, and those whose provider takes no requests.

use super::{Intent, Scheduler};
use crate::domain::decided::Decided;
use crate::domain::fact::{Fact, SliceFact, SupervisionFact};
use crate::domain::ids::{AttemptRef, Now, SliceId};
use crate::domain::settlement::Obstruction;
use crate::domain::task::AttemptOutcome;
use crate::workflow::breaker::Passage;
use crate::workflow::profiles::{all, breaker_before, candidates, next_agent, successors};
use crate::workflow::slices::{SliceRecord, Stage};

impl Scheduler {
    /// Puts into quarantine what went stale or failed too often, and gives up what nobody is left for.
    pub(super) fn quarantine(&mut self, decided: &mut Decided<Intent>, now: Now) {
        for quarantine in self.due_pairs() {
            self.record(decided, quarantine, now);
        }
        for quarantine in self.due_profiles() {
            self.record(decided, quarantine, now);
        }
        let left: Vec<_> = self.table.iter().filter(|record| self.is_left_alone(record)).cloned().collect();
        for record in left {
            let agents = candidates(&self.charter, &record.spec);
            let reason = self.table.quarantines.reason(&record.spec, &agents, record.attempt);
            self.record(decided, Fact::Slice(SliceFact::SliceGivenUp { slice: record.spec.id, reason }), now);
        }
    }

    /// How long until a provider's time comes, in milliseconds, where one does.
    pub fn provider_due_ms(&self, now: Now) -> Option<u64> {
        self.probes.next_due_ms(&self.table.breakers, now)
    }

    fn due_pairs(&self) -> Vec<Fact> {
        let due = |record: &SliceRecord| {
            let agents = candidates(&self.charter, &record.spec);
            self.table
                .quarantines
                .due_pair(&record.spec, &record.agent, &agents)
                .map(|it| Fact::Supervision(SupervisionFact::WorkerQuarantined(it)))
        };
        self.table.iter().filter(|record| record.stage == Stage::Waiting).filter_map(due).collect()
    }

    fn due_profiles(&self) -> Vec<Fact> {
        let agents = all(&self.charter, self.table.iter().map(|record| &record.spec));
        let due = self.table.quarantines.due_profiles(
            &agents,
            &|agent| successors(&self.charter, agent),
            self.charter.settings.quarantine_after,
        );
        due.into_iter().map(|it| Fact::Supervision(SupervisionFact::ProfileQuarantined(it))).collect()
    }

    fn is_left_alone(&self, record: &SliceRecord) -> bool {
        record.stage == Stage::Waiting && next_agent(&self.charter, &self.table, record).is_none()
    }

    /// What the end of an attempt says of its agent's provider.
    pub(super) fn judge_provider(
        &mut self,
        attempt: &AttemptRef,
        outcome: &AttemptOutcome,
        decided: &mut Decided<Intent>,
        now: Now,
    ) {
        let Some(agent) = self.table.slice(&attempt.slice).map(|record| record.agent.clone()) else { return };
        let settings = &self.charter.settings;
        let facts = self.probes.ended(&self.table.breakers, (attempt, &agent), outcome, (settings, now));
        for fact in facts {
            self.record(decided, fact, now);
        }
    }

    /// Whether the next attempt of a slice may start, as far as its provider goes. Work that is only to be checked
    /// needs none.
    pub(super) fn passage(&self, record: &SliceRecord, agent: &str, now: Now) -> Passage {
        match record.take_up {
            true => Passage::Free,
            false => self.probes.passage(&self.table.breakers, agent, now),
        }
    }

    /// Whether a slice waits for a provider while nothing runs.
    pub(super) fn is_parked(&self, slice: &SliceId) -> bool {
        self.table.slice(slice).is_some_and(|it| breaker_before(&self.charter, &self.table, it).is_some())
    }

    /// What ends a run that is not to wait for providers: the first one that a slice needs.
    pub(super) fn shut_provider(&self) -> Option<Obstruction> {
        if self.charter.settings.wait_for_quota {
            return None;
        }
        let ready = self.frontier.ready().filter(|slice| self.may_offer(slice));
        let mut records = ready.filter_map(|slice| self.table.slice(slice));
        let breaker = records.find_map(|record| breaker_before(&self.charter, &self.table, record))?;
        let (provider, until, detail) = (&breaker.provider, breaker.until, breaker.detail.trim());
        let said = if detail.is_empty() { String::new() } else { format!(": {detail}") };
        Some(Obstruction::AgentUnavailable(format!("`{provider}` takes no requests until {until}{said}")))
    }
}
