//! Runs gates, and tells a verdict from a machine that lacks something.

use tokio_util::sync::CancellationToken;

use crate::domain::evidence::{GateOutcome, GateResult};
use crate::domain::order::{Fault, GateOrder};
use crate::domain::shortage::Disk;
use crate::ports::{Effects, Pulse};

/// Runs a gate. One that is not green while the disk is full, say, has no verdict: that is a fault of ours.
pub(super) async fn run_gate(
    effects: Effects,
    order: GateOrder,
    pulse: Pulse,
    stop: CancellationToken,
) -> Result<GateResult, Fault> {
    let result = effects.gates.run(order, pulse, stop).await?;
    if result.outcome.is_green() || result.outcome == GateOutcome::Stopped {
        return Ok(result);
    }
    match effects.workspace.shortage(Disk::Goal).await {
        Some(lack) => {
            Err(Fault { what: format!("get a verdict from gate `{}`", result.gate), detail: lack.to_string() })
        }
        None => Ok(result),
    }
}
