//! The fold of the merge queue: who waits, and what is integrated.
//!
//! Durable state only. Invariant: the tip is the merge of the last slice that is integrated, or the base.

use crate::domain::fact::{AttemptFact, Fact, MergeFact, SliceFact};
use crate::domain::goal::RepositoryFacts;
use crate::domain::ids::{Attempt, Batch, CommitId, SliceId, TreeId};
use crate::domain::task::Capture;

/// An accepted attempt that waits to be merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// The slice.
    pub slice: SliceId,
    /// Which try.
    pub attempt: Attempt,
    /// What it captured.
    pub capture: Capture,
}

/// A slice in the integrated history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integrated {
    /// The slice.
    pub slice: SliceId,
    /// What it captured.
    pub capture: Capture,
    /// Which try.
    pub attempt: Attempt,
    /// The merge.
    pub merge: CommitId,
    /// The tree after it.
    pub tree: TreeId,
}

/// The queue, and what has left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeQueue {
    /// The integrated commit.
    pub tip: CommitId,
    /// Its tree.
    pub tree: TreeId,
    /// Batches formed so far.
    pub batches: Batch,
    /// Who waits, in the order of acceptance.
    pub waiting: Vec<Queued>,
    /// Who is in, in the order of the merges.
    pub integrated: Vec<Integrated>,
    /// The newest capture of each slice under way, from the workers' facts.
    captures: Vec<Queued>,
}

impl MergeQueue {
    /// The queue of a goal in which nothing is integrated.
    pub fn new(repository: &RepositoryFacts) -> Self {
        Self {
            tip: repository.base.clone(),
            tree: repository.base_tree.clone(),
            batches: Batch(0),
            waiting: Vec::new(),
            integrated: Vec::new(),
            captures: Vec::new(),
        }
    }

    /// Puts an accepted attempt into the queue; a second time changes nothing.
    pub fn enqueue(&mut self, queued: Queued) {
        if !self.waiting.iter().any(|known| known.slice == queued.slice) {
            self.waiting.push(queued);
        }
    }

    fn leave(&mut self, slice: &SliceId) -> Option<Queued> {
        let place = self.waiting.iter().position(|queued| queued.slice == *slice)?;
        Some(self.waiting.remove(place))
    }

    /// Takes a slice out of the history, and puts it into the queue again where its work is `whole`.
    fn take_back(&mut self, slice: &SliceId, whole: bool) {
        let Some(place) = self.integrated.iter().position(|done| done.slice == *slice) else { return };
        let Integrated { slice, capture, attempt, .. } = self.integrated.remove(place);
        if whole {
            self.enqueue(Queued { slice, attempt, capture });
        }
    }

    /// Applies a fact; `slice` and `attempt` are those of the journal's record, where it bears them.
    pub fn apply(&mut self, fact: &Fact, of: Option<(&SliceId, Attempt)>) {
        match fact {
            Fact::Attempt(fact) => self.apply_attempt(fact, of),
            Fact::Slice(fact) => self.apply_slice(fact),
            Fact::Merge(fact) => self.apply_merge(fact),
            Fact::Goal(_)
            | Fact::Plan(_)
            | Fact::Gate(_)
            | Fact::Review(_)
            | Fact::Budget(_)
            | Fact::Supervision(_) => {}
        }
    }

    fn apply_attempt(&mut self, fact: &AttemptFact, of: Option<(&SliceId, Attempt)>) {
        if let AttemptFact::SliceCaptured { capture } = fact {
            if let Some((slice, attempt)) = of {
                self.captures.retain(|known| known.slice != *slice);
                self.captures.push(Queued { slice: slice.clone(), attempt, capture: capture.clone() });
            }
        } else if let AttemptFact::AttemptFinished { attempt, .. } = fact {
            // An attempt that took up the capture of an interrupted one has no capture fact of its own.
            if let Some(known) = self.captures.iter_mut().find(|known| known.slice == attempt.slice) {
                known.attempt = attempt.attempt;
            }
        }
    }

    fn apply_slice(&mut self, fact: &SliceFact) {
        match fact {
            SliceFact::SliceAccepted { slice, .. } => {
                if let Some(queued) = self.captures.iter().find(|known| known.slice == *slice).cloned() {
                    self.enqueue(queued);
                }
            }
            SliceFact::SliceReopened { slice, .. } | SliceFact::SliceGivenUp { slice, .. } => drop(self.leave(slice)),
            SliceFact::SliceReturned { .. }
            | SliceFact::SliceUnchanged { .. }
            | SliceFact::SliceSteered { .. }
            | SliceFact::QuestionAsked { .. }
            | SliceFact::QuestionAnswered { .. } => {}
        }
    }

    fn apply_merge(&mut self, fact: &MergeFact) {
        match fact {
            MergeFact::BatchFormed { batch, .. } => self.batches = *batch,
            MergeFact::MergeConflicted { slice, .. } | MergeFact::SliceBlamed { slice, .. } => drop(self.leave(slice)),
            MergeFact::SliceIntegrated { slice, merge, tree, .. } => {
                if let Some(queued) = self.leave(slice) {
                    let Queued { slice, attempt, capture } = queued;
                    let (merge, tree) = (merge.clone(), tree.clone());
                    self.integrated.push(Integrated { slice, capture, attempt, merge, tree });
                }
                self.tip = merge.clone();
                self.tree = tree.clone();
            }
            MergeFact::IntegrationLost { slices, begin_again, tip, tree } => {
                for slice in slices {
                    self.take_back(slice, !begin_again.contains(slice));
                }
                (self.tip, self.tree) = (tip.clone(), tree.clone());
            }
        }
    }
}
