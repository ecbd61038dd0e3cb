//! Whether a proposal becomes the goal's plan.

use thiserror::Error;

use crate::domain::task::{AcceptedPlan, Proposal};
use crate::graph::error::GraphError;
use crate::graph::validate::validate;

/// Why a proposal is no plan.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PlanRefusal {
    /// There is nothing to do.
    #[error("the plan has no slice; give at least one `[[slices]]`")]
    Empty,
    /// Two gates have one name.
    #[error("gate `{0}` is given twice; rename one of them")]
    DuplicateGate(crate::domain::ids::GateName),
    /// The slices are no graph that can be run; every problem, a line each.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Graph(Vec<GraphError>),
}

/// Validates a proposal: ids, dependencies, cycles, accesses, gates. What comes back bears every order that the
/// accesses need.
pub fn accept(proposal: &Proposal) -> Result<AcceptedPlan, PlanRefusal> {
    if proposal.slices.is_empty() {
        return Err(PlanRefusal::Empty);
    }
    for (place, gate) in proposal.gates.iter().enumerate() {
        if proposal.gates[..place].iter().any(|earlier| earlier.name == gate.name) {
            return Err(PlanRefusal::DuplicateGate(gate.name.clone()));
        }
    }
    let graph = validate(proposal.slices.clone(), &proposal.gates, Vec::new()).map_err(PlanRefusal::Graph)?;
    Ok(AcceptedPlan {
        slices: graph.slices().to_vec(),
        gates: proposal.gates.clone(),
        serialised: graph.serialised().to_vec(),
        source: proposal.source.clone(),
    })
}
