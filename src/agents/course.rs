//! The course of a conversation that every dialect shares: asking before the work, and seeing the work through.
//!
//! Invariant: whatever breaks the work off, the agent is told to stop before its standard input is closed.

use std::pin::pin;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::ending::{Ending, of_refusal};
use super::jsonrpc::peer::{CallError, Peer};
use super::profile::quirks::Quirks;
use super::scene::Scene;
use crate::domain::agent::AgentEnd;

/// How long an agent that was told to stop may take to end by itself.
const AFTER_CANCEL: Duration = Duration::from_millis(200);

/// Asks something that has to be answered before any work.
pub(super) async fn shake_hands(
    peer: &Peer,
    patience: Duration,
    method: &str,
    params: &Value,
) -> Result<Value, Ending> {
    match timeout(patience, peer.ask(method, params)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(CallError::Refused(error))) => Err(of_refusal(method, &error)),
        Ok(Err(CallError::Closed)) => Err(Ending::Gone { greeted: false }),
        Err(_elapsed) => Err(Ending::Unusable(format!("it did not answer {method} within {patience:?}"))),
    }
}

/// Sees `work` through, unless it is stopped, late or interrupted: then `cancel` tells the agent, and says whether it
/// has a turn to end.
pub(super) async fn see_through(
    scene: &Scene,
    stop: &CancellationToken,
    deadline: Instant,
    work: impl Future<Output = Result<(), Ending>>,
    cancel: impl FnOnce() -> bool,
) -> Ending {
    let mut work = pin!(work);
    let end = tokio::select! {
        biased;
        () = stop.cancelled() => AgentEnd::Stopped,
        () = sleep_until(deadline) => AgentEnd::TimedOut,
        () = scene.interrupted.cancelled() => scene.interruption(),
        ending = &mut work => match ending {
            Ok(()) => return Ending::Over(AgentEnd::Finished),
            Err(ending) => return ending,
        },
    };
    scene.lock().leaving = true;
    if cancel() {
        let patience = Duration::from_millis(scene.profile.quirks.cancel_ms);
        let _too_late_or_done = timeout(patience, work).await;
    }
    Ending::Over(end)
}

/// How long the program may live when we have hung up.
pub(super) fn patience(quirks: &Quirks, ending: &Ending) -> Duration {
    match ending {
        Ending::Over(AgentEnd::Stopped | AgentEnd::TimedOut | AgentEnd::Asked { .. }) => AFTER_CANCEL,
        _ if quirks.stdin_eof_stops => Duration::from_millis(quirks.exit_ms),
        _ => Duration::ZERO,
    }
}
