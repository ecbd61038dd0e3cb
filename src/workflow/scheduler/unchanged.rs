//! Attempts that changed nothing: done, or a question to the operator.
//!
//! Invariant: a slice is done without a change only where something beside the agent's word shows that there was
//! nothing to change.

use super::{Intent, Scheduler};
use crate::domain::agent::SCRIPT;
use crate::domain::decided::Decided;
use crate::domain::fact::{Fact, SliceFact};
use crate::domain::ids::{AttemptRef, Now, SliceId, TreeId};
use crate::domain::question::{QuestionTopic, UNCHANGED};
use crate::domain::task::UnchangedReason;
use crate::workflow::slices::{SliceRecord, Stage};

impl Scheduler {
    /// An attempt ended well and changed nothing.
    pub(super) fn judge_unchanged(&mut self, attempt: &AttemptRef, decided: &mut Decided<Intent>, now: Now) {
        match self.table.slice(&attempt.slice).and_then(|record| self.nothing_to_change(record)) {
            Some(why) => self.complete_unchanged(&attempt.slice, why, decided, now),
            None => {
                let asked = self.question(attempt, QuestionTopic::Unchanged, UNCHANGED.to_owned());
                self.record(decided, asked, now);
            }
        }
    }

    /// What shows that a slice had nothing to change.
    fn nothing_to_change(&self, record: &SliceRecord) -> Option<UnchangedReason> {
        if record.agent == SCRIPT {
            return Some(UnchangedReason::CommandSucceeded);
        }
        let (start, ledger) = (self.start_tree(record)?, &self.table.gates);
        let gates = self.charter.proposal.gates.iter().filter(|gate| record.spec.is_judged_by(gate));
        let mut mended = gates.map(|gate| &gate.name).filter(|gate| {
            ledger.is_red_on_base(gate) && ledger.verdict(gate, start) == Some(true) && ledger.flaky_on(gate).is_none()
        });
        mended.next().map(|gate| UnchangedReason::GateMended { gate: gate.clone() })
    }

    /// The tree that the newest attempt started from.
    fn start_tree(&self, record: &SliceRecord) -> Option<&TreeId> {
        let (start, repository) = (record.start.as_ref()?, &self.charter.repository);
        if *start == repository.base { Some(&repository.base_tree) } else { self.table.tree_of(start) }
    }

    /// Completes the slices of which the operator said that there is nothing to change.
    pub(super) fn complete_answered(&mut self, decided: &mut Decided<Intent>, now: Now) {
        let said = |record: &&SliceRecord| record.said_done && record.stage == Stage::Waiting;
        let slices: Vec<_> = self.table.iter().filter(said).map(|record| record.spec.id.clone()).collect();
        for slice in slices {
            self.complete_unchanged(&slice, UnchangedReason::Answered, decided, now);
        }
    }

    fn complete_unchanged(&mut self, slice: &SliceId, why: UnchangedReason, decided: &mut Decided<Intent>, now: Now) {
        let Some(attempt) = self.table.slice(slice).map(|record| record.attempt) else { return };
        self.record(decided, Fact::Slice(SliceFact::SliceUnchanged { slice: slice.clone(), attempt, why }), now);
        self.frontier.complete(slice);
    }
}
