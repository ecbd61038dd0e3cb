//! The fold of gate verdicts: what is known green or red on which tree.
//!
//! A verdict is reused only for the same gate on the same tree, so it says the same thing twice. A gate that gave both
//! answers on one tree is flaky, and what it said there is no evidence.

use std::collections::BTreeMap;

use crate::domain::evidence::{ArtifactRef, GateOutcome, GateResult, GateScope};
use crate::domain::fact::{Fact, GateFact};
use crate::domain::ids::{GateName, TreeId};

/// How often a gate may be red on the base before its redness there counts.
const RED_ON_BASE: u32 = 2;

/// Verdicts by gate and tree; verdicts on the base and on the tip kept whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GateLedger {
    answers: BTreeMap<(GateName, TreeId), Answers>,
    base: BTreeMap<GateName, GateResult>,
    tip: BTreeMap<GateName, GateResult>,
}

/// What one gate said of one tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Answers {
    /// The newest verdict.
    passes: bool,
    /// Whether that was compared with the base's tests, or has nothing to be compared with.
    compared: bool,
    greens: u32,
    /// How often the gate said that the tree is bad: a run without a test says nothing.
    reds: u32,
    /// Whether the tree is the base.
    base: bool,
    /// Whether an earlier release ran it, which did not ask twice.
    earlier: bool,
}

impl Answers {
    fn is_flaky(self) -> bool {
        self.greens > 0 && self.reds > 0 && !self.earlier
    }

    fn shows_red(self) -> bool {
        let needed = if self.base { RED_ON_BASE } else { 1 };
        self.earlier && self.reds > 0 || self.greens == 0 && self.reds >= needed
    }
}

impl GateLedger {
    /// Applies a fact.
    pub fn apply(&mut self, fact: &Fact) {
        let Fact::Gate(GateFact::GateFinished { scope, result }) = fact else { return };
        let answers = self.answers.entry((result.gate.clone(), result.tree.clone())).or_default();
        match result.outcome {
            GateOutcome::Green => answers.greens += 1,
            GateOutcome::Red { .. } | GateOutcome::TestsFailed { .. } | GateOutcome::TimedOut => answers.reds += 1,
            // Earlier releases took that for red, and their proofs are folded again.
            GateOutcome::Unstartable { .. } if result.reading.is_none() => answers.reds += 1,
            GateOutcome::Unstartable { .. } | GateOutcome::NoTests => {}
            GateOutcome::Stopped => return,
        }
        answers.passes = result.passes();
        answers.base |= *scope == GateScope::Base;
        answers.compared = result.compared || answers.base;
        answers.earlier |= result.reading.is_none();
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

    fn answers(&self, gate: &GateName, tree: &TreeId) -> Option<Answers> {
        self.answers.get(&(gate.clone(), tree.clone())).copied()
    }

    /// Whether the gate passes on the tree; `None` where nobody has looked, or has not looked for lost tests.
    pub fn verdict(&self, gate: &GateName, tree: &TreeId) -> Option<bool> {
        let answers = self.answers(gate, tree)?;
        let compared = answers.compared || self.base_tests(gate).is_none();
        (compared || !answers.passes).then_some(answers.passes)
    }

    /// The verdict on the base.
    pub fn on_base(&self, gate: &GateName) -> Option<&GateResult> {
        self.base.get(gate)
    }

    /// Whether the gate has to be run on the base: it was not, or it was red there and only once.
    pub fn is_open_on_base(&self, gate: &GateName) -> bool {
        let Some(result) = self.base.get(gate) else { return true };
        let seen = self.answers(gate, &result.tree).unwrap_or_default();
        let red = matches!(result.outcome, GateOutcome::Red { .. } | GateOutcome::TestsFailed { .. });
        red && seen.reds < RED_ON_BASE && seen.greens == 0
    }

    /// Whether the gate was red on the base, twice and never green.
    pub fn is_red_on_base(&self, gate: &GateName) -> bool {
        let answers = self.base.get(gate).and_then(|result| self.answers(gate, &result.tree));
        answers.is_some_and(|answers| answers.greens == 0 && answers.reds >= RED_ON_BASE)
    }

    /// The newest verdict on an integrated tree, cold.
    pub fn on_tip(&self, gate: &GateName) -> Option<&GateResult> {
        self.tip.get(gate)
    }

    /// Whether the gate was seen red on a tree on which it was never green: evidence that it can be.
    pub fn shown_red(&self, gate: &GateName) -> bool {
        self.of_gate(gate).any(|(_, answers)| answers.shows_red())
    }

    /// A tree on which the gate gave both answers.
    pub fn flaky_on(&self, gate: &GateName) -> Option<&TreeId> {
        self.of_gate(gate).find(|(_, answers)| answers.is_flaky()).map(|(tree, _)| tree)
    }

    fn of_gate(&self, gate: &GateName) -> impl Iterator<Item = (&TreeId, Answers)> {
        let of_gate = self.answers.iter().filter(move |((name, _), _)| name == gate);
        of_gate.map(|((_, tree), answers)| (tree, *answers))
    }

    /// The names of the base's tests, where the gate told them.
    pub fn base_tests(&self, gate: &GateName) -> Option<&ArtifactRef> {
        self.base.get(gate)?.test_names.as_ref()
    }
}
