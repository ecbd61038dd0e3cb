//! When the silence of an agent says that it is lost.
//!
//! Some try again for ever when their model does not answer, and say nothing of it. Invariant: no silence counts while
//! it is our turn, while a tool of the agent's works, or while it waits for its provider and has said until when; behind
//! each of them it counts anew.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::jsonrpc::peer::Peer;
use super::scene::{Interruption, Scene};

/// An agent as it is heard.
pub(super) trait Voice {
    /// How long neither side has said anything; `None` while that says nothing of it: it is our turn, or what comes
    /// before its session has clocks of its own.
    fn silent_for(&self, scene: &Scene, now: Instant) -> Option<Duration>;
}

impl Voice for Peer {
    fn silent_for(&self, scene: &Scene, now: Instant) -> Option<Duration> {
        scene.session()?;
        self.life().silent_for(now)
    }
}

/// Longer silences than this are not told from those without an end.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// Breaks the conversation off when an agent says nothing any more. A tool of its own may take as long as the attempt's
/// other clocks allow.
pub(super) async fn listen(voice: &impl Voice, scene: &Scene) -> Infallible {
    let longest = Duration::from_millis(scene.profile.quirks.idle_ms);
    silence(voice, scene, longest).await;
    let silence = humantime::format_duration(longest);
    scene.interrupt(Interruption::Broken(format!("the agent said nothing for {silence}; its model may not answer")));
    pending().await
}

/// Resolves when the agent has been silent for so long without a reason.
pub(super) async fn silence(voice: &impl Voice, scene: &Scene, longest: Duration) {
    let longest = longest.min(LONGEST);
    loop {
        let now = Instant::now();
        let due = silent_since(voice, scene, now) + longest;
        if due <= now {
            return;
        }
        // A reason may be gone earlier than was thought; it is not gone for `longest` before this looks again.
        sleep_until(due.min(now + longest)).await;
    }
}

/// Since when its silence counts; a moment to come where it waits for its provider until then.
fn silent_since(voice: &impl Voice, scene: &Scene, now: Instant) -> Instant {
    let Some(silent) = voice.silent_for(scene, now) else { return now };
    let state = scene.lock();
    if !state.calls.is_empty() {
        return now;
    }
    let (last, wall) = (now.checked_sub(silent).unwrap_or(now), (scene.now)());
    let waited = state.waits.and_then(|until| {
        let left = Duration::from_millis(until.since(wall));
        match left.is_zero() {
            true => now.checked_sub(Duration::from_millis(wall.since(until))),
            false => Some(now + left.min(LONGEST)),
        }
    });
    waited.map_or(last, |waited| waited.max(last))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::agents::policy::ToolCall;
    use crate::agents::profile::quirks::Quirks;
    use crate::agents::rehearsal::{self, Rehearsal, seconds};
    use crate::domain::agent::AgentEnd;

    /// An agent that is in a session, and cut off after ten silent seconds.
    fn rehearsal() -> Rehearsal {
        let it = Rehearsal::of(Quirks { idle_ms: 10_000, ..Quirks::default() });
        it.scene.lock().session = Some("s".to_owned());
        it
    }

    async fn cut_off(rehearsal: &Rehearsal, meanwhile: impl Future<Output = ()>) -> u64 {
        rehearsal::cut_off(&rehearsal.peer, &rehearsal.scene, meanwhile).await
    }

    #[tokio::test(start_paused = true)]
    async fn silence_counts_from_the_last_word_of_either_side() {
        let it = rehearsal();
        let meanwhile = async {
            seconds(7).await;
            it.says(&json!({"method": "x"}));
            seconds(2).await;
            it.peer.tell("y", &json!({}));
        };
        assert_eq!(cut_off(&it, meanwhile).await, 19);
        let detail = "the agent said nothing for 10s; its model may not answer".to_owned();
        assert_eq!(it.scene.interruption(), AgentEnd::Failed { detail });
    }

    #[tokio::test(start_paused = true)]
    async fn an_open_call_holds_the_timer_off_and_its_end_starts_it_anew() {
        let it = rehearsal();
        it.scene.lock().calls.begin("1", ToolCall::default());
        let meanwhile = async {
            seconds(33).await;
            it.scene.lock().calls.end("1");
            it.says(&json!({"method": "ended"}));
        };
        assert_eq!(cut_off(&it, meanwhile).await, 43);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_the_turn_left_open_does_not_hold_the_next_one() {
        let it = rehearsal();
        it.scene.lock().calls.begin("1", ToolCall::default());
        let meanwhile = async {
            seconds(25).await;
            it.scene.lock().begin_turn();
            it.peer.tell("prompt", &json!({}));
        };
        assert_eq!(cut_off(&it, meanwhile).await, 35);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_wait_gives_the_whole_time_anew() {
        let it = rehearsal();
        let until = (it.scene.now)().plus(60_000);
        it.scene.lock().waits = Some(until);
        assert_eq!(cut_off(&it, async {}).await, 70);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_is_over_early_is_no_reason_any_more() {
        let it = rehearsal();
        let until = (it.scene.now)().plus(3_600_000);
        it.scene.lock().waits = Some(until);
        let meanwhile = async {
            seconds(4).await;
            it.scene.lock().relief();
            it.says(&json!({"method": "on"}));
        };
        assert_eq!(cut_off(&it, meanwhile).await, 14);
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_not_silent_while_we_owe_it_an_answer_or_there_is_no_session() {
        let it = rehearsal();
        it.scene.lock().session = None;
        let meanwhile = async {
            it.says(&json!({"id": 7, "method": "x"}));
            seconds(25).await;
            it.scene.lock().session = Some("s".to_owned());
            seconds(25).await;
            it.peer.answer(&serde_json::from_value(json!(7)).expect("an id"), &Ok(json!({})));
        };
        assert_eq!(cut_off(&it, meanwhile).await, 60);
    }
}
