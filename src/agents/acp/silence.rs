//! The life timer: an agent from which nothing comes any more, while nothing of its is ours to answer.
//!
//! Some try a failing model again for ever, without a word. Only lines of the conversation count, in either direction;
//! the stall clock of the attempt, which is longer, looks at processes and files as well.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::scene::Scene;
use crate::agents::jsonrpc::peer::Peer;

/// Resolves to how long there was silence, once that is longer than the profile allows. Not before a session is open.
pub(super) async fn silence(peer: &Peer, scene: &Scene) -> Duration {
    let usual = Duration::from_millis(scene.profile.quirks.idle_ms);
    loop {
        let silent = peer.life().silent_for(Instant::now());
        let left = match (silent, allowed(scene)) {
            (Some(silent), Some(allowed)) if silent >= allowed => return silent,
            (Some(silent), Some(allowed)) => allowed.saturating_sub(silent),
            // It is our turn: the silence can begin now at the earliest.
            (None, _) | (_, None) => usual,
        };
        // A tool call may end meanwhile, and with it the longer patience.
        sleep(left.min(usual)).await;
    }
}

/// How long it may be silent at this moment.
fn allowed(scene: &Scene) -> Option<Duration> {
    let quirks = &scene.profile.quirks;
    let state = scene.lock();
    state.session.as_ref()?;
    let ms = if state.calls.is_empty() { quirks.idle_ms } else { quirks.tool_idle_ms.max(quirks.idle_ms) };
    Some(Duration::from_millis(ms))
}

/// The words for it.
pub(super) fn told(silent: Duration) -> String {
    let seconds = silent.as_secs();
    let shown = match (seconds / 60, seconds % 60) {
        (0, _) => format!("{:.1} s", silent.as_secs_f32()),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    };
    format!("the agent said nothing for {shown}, while nothing was waited for on this side")
}
