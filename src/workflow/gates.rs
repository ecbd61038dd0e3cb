//! The fold of gate verdicts: what is known green or red on which tree.
//!
//! A verdict is reused only for the same gate on the same tree, so it says the same thing twice.

use std::collections::BTreeMap;

use crate::domain::event::Fact;
use crate::domain::evidence::{ArtifactRef, GateOutcome, GateResult, GateScope};
use crate::domain::ids::{GateName, TreeId};

/// Verdicts by gate and tree, the newest of each; verdicts on the base and on the tip kept whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GateLedger {
    green: BTreeMap<(GateName, TreeId), bool>,
    ever_red: BTreeMap<GateName, GateScope>,
    base: BTreeMap<GateName, GateResult>,
    tip: BTreeMap<GateName, GateResult>,
}

impl GateLedger {
    /// Applies a fact.
    pub fn apply(&mut self, fact: &Fact) {
        let Fact::GateFinished { scope, result } = fact else { return };
        let verdict = match result.outcome {
            GateOutcome::Green => true,
            GateOutcome::Red { .. } | GateOutcome::TimedOut | GateOutcome::Unstartable { .. } => false,
            GateOutcome::Stopped => return,
        };
        if !verdict {
            self.ever_red.entry(result.gate.clone()).or_insert_with(|| scope.clone());
        }
        self.green.insert((result.gate.clone(), result.tree.clone()), verdict);
        match scope {
            GateScope::Base => {
                self.base.insert(result.gate.clone(), (**result).clone());
            }
            GateScope::Tip => {
                self.tip.insert(result.gate.clone(), (**result).clone());
            }
            GateScope::Attempt { .. } | GateScope::Batch { .. } => {}
        }
    }

    /// Whether the gate is green on the tree; `None` where nobody has looked.
    pub fn verdict(&self, gate: &GateName, tree: &TreeId) -> Option<bool> {
        self.green.get(&(gate.clone(), tree.clone())).copied()
    }

    /// The verdict on the base.
    pub fn on_base(&self, gate: &GateName) -> Option<&GateResult> {
        self.base.get(gate)
    }

    /// The newest verdict on an integrated tree, cold.
    pub fn on_tip(&self, gate: &GateName) -> Option<&GateResult> {
        self.tip.get(gate)
    }

    /// Where the gate was first seen red: evidence that it can be.
    pub fn seen_red(&self, gate: &GateName) -> Option<&GateScope> {
        self.ever_red.get(gate)
    }

    /// The names of the base's tests, where the gate told them.
    pub fn base_tests(&self, gate: &GateName) -> Option<&ArtifactRef> {
        self.base.get(gate)?.test_names.as_ref()
    }
}
