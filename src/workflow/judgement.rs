//! What the verdicts on a merged batch mean: a flake, red before, or one slice to blame.
//!
//! Pure. A red gate is run once more; red twice, it is run on what the batch was merged onto; green there, the batch is
//! bisected by prefixes, each of whose trees is at hand. Invariant: somebody is blamed only for a gate that is green
//! without his slice and red with it.

use crate::domain::evidence::GateScope;
use crate::domain::fact::{Fact, GateFact};
use crate::domain::ids::{Batch, CommitId, GateName, TreeId};
use crate::workflow::merge_queue::Queued;

/// A slice that was merged, not yet gated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergedSlice {
    /// The slice.
    pub queued: Queued,
    /// The merge.
    pub merge: CommitId,
    /// The tree after it.
    pub tree: TreeId,
}

/// A merged batch under its gates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The batch.
    pub batch: Batch,
    /// The tree that it was merged onto.
    pub onto_tree: TreeId,
    /// The commit that it was merged onto.
    pub onto: CommitId,
    /// The slices, in merge order.
    pub merged: Vec<MergedSlice>,
    /// The place of the gate under way, among the required ones.
    pub gate: usize,
    /// What is looked for since a gate was red.
    pub doubt: Doubt,
    /// What the newest red verdict said.
    pub red: String,
}

/// What a red gate makes us look at next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// Nothing is red so far.
    None,
    /// It was red once: is it a flake?
    Flake,
    /// It was red twice: was it red before the batch?
    Before,
    /// It was green before: which slice turns it red? The first `good` slices are green, the first `bad` red.
    Bisect {
        /// So many are green together.
        good: usize,
        /// So many are red together.
        bad: usize,
    },
}

impl Judgement {
    /// The tree on which the next verdict is needed.
    pub fn probe(&self) -> Option<TreeId> {
        match &self.doubt {
            Doubt::None | Doubt::Flake => self.tree_after(self.merged.len()),
            Doubt::Before => Some(self.onto_tree.clone()),
            Doubt::Bisect { good, bad } => self.tree_after(middle(*good, *bad)),
        }
    }

    fn tree_after(&self, count: usize) -> Option<TreeId> {
        self.merged.get(count.checked_sub(1)?).map(|merged| merged.tree.clone())
    }

    /// What one verdict of `gate` on the probed tree says, and what is looked for next.
    pub fn weigh(&mut self, gate: &GateName, green: bool) -> Option<Fact> {
        let doubt = std::mem::replace(&mut self.doubt, Doubt::None);
        match (doubt, green) {
            (Doubt::None, true) => self.gate += 1,
            (Doubt::None, false) => self.doubt = Doubt::Flake,
            (Doubt::Flake, true) => {
                self.gate += 1;
                let scope = GateScope::Batch { batch: self.batch };
                let tree = self.tree_after(self.merged.len())?;
                return Some(Fact::Gate(GateFact::FlakeSeen { scope, gate: gate.clone(), tree }));
            }
            (Doubt::Flake, false) => self.doubt = Doubt::Before,
            (Doubt::Before, false) => {
                self.gate += 1;
                return Some(Fact::Gate(GateFact::RedBefore {
                    batch: self.batch,
                    gate: gate.clone(),
                    onto: self.onto.clone(),
                }));
            }
            (Doubt::Before, true) => self.doubt = Doubt::Bisect { good: 0, bad: self.merged.len() },
            (Doubt::Bisect { good, bad }, true) => self.doubt = Doubt::Bisect { good: middle(good, bad), bad },
            (Doubt::Bisect { good, bad }, false) => self.doubt = Doubt::Bisect { good, bad: middle(good, bad) },
        }
        None
    }

    /// The slice that turns the batch red, once bisection has found it.
    pub fn culprit(&self) -> Option<&MergedSlice> {
        match self.doubt {
            Doubt::Bisect { good, bad } if bad - good <= 1 => self.merged.get(bad.checked_sub(1)?),
            Doubt::Bisect { .. } | Doubt::None | Doubt::Flake | Doubt::Before => None,
        }
    }
}

fn middle(good: usize, bad: usize) -> usize {
    good + (bad - good) / 2
}
