//! Runs one gate on a tree of the integrator.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::actors::gating;
use crate::domain::evidence::GateResult;
use crate::domain::order::{Fault, GateOrder};
use crate::ports::Effects;

/// Runs a gate, and once more after a fault of our own machinery: one fault is no reason to end a run.
pub(super) async fn run_gate(effects: Effects, order: GateOrder, stop: CancellationToken) -> Result<GateResult, Fault> {
    let run = || {
        let (pulse, _unheard) = mpsc::unbounded_channel();
        gating::run_gate(effects.clone(), order.clone(), pulse, stop.clone())
    };
    match run().await {
        Err(fault) if !stop.is_cancelled() => {
            tracing::warn!(%fault, gate = %order.gate.name, "the gate is run once more");
            run().await
        }
        gated => gated,
    }
}
