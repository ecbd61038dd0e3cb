//! A change of a running plan as a value: proposed, judged by the same rules as the plan, applied or refused.
//!
//! Invariant: what has begun keeps its place. No accepted change puts an order before a slice that has begun, and none
//! removes an order.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::domain::ids::SliceId;
use crate::domain::task::{AcceptedPlan, SliceSpec};
use crate::graph::error::GraphError;
use crate::graph::task_graph::TaskGraph;
use crate::graph::validate::validate;

/// One change that someone wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A further slice, behind all others of the plan.
    AddSlice(Box<SliceSpec>),
    /// A further order between two slices.
    AddDependency {
        /// The slice that shall wait.
        slice: SliceId,
        /// What it shall wait for.
        after: SliceId,
    },
}

/// Why a change is not made.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// The plan would be none.
    #[error("the changed plan is refused: {}", list(.0))]
    Invalid(Vec<GraphError>),
    /// A slice of the change does not exist.
    #[error("there is no slice `{0}` to change; name a slice of the plan")]
    UnknownSlice(SliceId),
    /// A slice that has begun would have to wait.
    #[error("slice `{slice}` has begun and cannot wait for `{after}` any more; let `{after}` come after it instead")]
    Begun {
        /// The slice that has begun.
        slice: SliceId,
        /// What it would have to wait for.
        after: SliceId,
    },
}

fn list(errors: &[GraphError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// A change that was accepted; holds the plan that comes of it.
#[derive(Clone, Debug)]
pub struct Delta {
    plan: AcceptedPlan,
    graph: TaskGraph,
}

impl Delta {
    /// Judges changes of a plan together. `begun` are the slices that have begun, ended ones included.
    pub fn propose(plan: &AcceptedPlan, changes: Vec<Change>, begun: &BTreeSet<SliceId>) -> Result<Self, Refusal> {
        let mut slices = plan.slices.clone();
        for change in changes {
            make(&mut slices, change)?;
        }
        let graph = validate(slices, &plan.gates, plan.serialised.clone()).map_err(Refusal::Invalid)?;
        let before = TaskGraph::of(plan).map_err(Refusal::Invalid)?;
        for slice in begun {
            let known = before.dependencies(slice);
            if let Some(after) = graph.dependencies(slice).into_iter().find(|after| !known.contains(after)) {
                return Err(Refusal::Begun { slice: slice.clone(), after: after.clone() });
            }
        }
        let plan = AcceptedPlan {
            slices: graph.slices().to_vec(),
            gates: plan.gates.clone(),
            serialised: graph.serialised().to_vec(),
            source: plan.source.clone(),
        };
        Ok(Self { plan, graph })
    }

    /// The changed plan and its graph.
    pub fn apply(self) -> (AcceptedPlan, TaskGraph) {
        (self.plan, self.graph)
    }
}

fn make(slices: &mut Vec<SliceSpec>, change: Change) -> Result<(), Refusal> {
    match change {
        Change::AddSlice(slice) => slices.push(*slice),
        Change::AddDependency { slice, after } => {
            let found = slices.iter_mut().find(|known| known.id == slice);
            let known = found.ok_or(Refusal::UnknownSlice(slice))?;
            if !known.after.contains(&after) {
                known.after.push(after);
            }
        }
    }
    Ok(())
}
