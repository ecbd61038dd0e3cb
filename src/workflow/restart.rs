//! Whether an actor that ended where it should not have is built anew.
//!
//! Restart intensity as in Erlang/OTP's supervisors: at most `intensity` restarts within `period`, then escalate.
//! The history is folded from the journal, so that a crash of the whole program does not reset it.

use crate::domain::event::Fact;
use crate::domain::ids::Timestamp;

/// The restarts so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestartHistory {
    restarts: Vec<Timestamp>,
}

/// What follows from an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartDecision {
    /// Build it anew from the journal.
    Restart,
    /// It ended too often: the run ends `failed_infra`, resumable.
    Escalate,
}

impl RestartHistory {
    /// Applies a fact of time `at`.
    pub fn apply(&mut self, fact: &Fact, at: Timestamp) {
        if let Fact::ActorRestarted { .. } = fact {
            self.restarts.push(at);
        }
    }

    /// Decides about an end at `now`: restarts younger than `period_ms` count.
    pub fn decide(&self, now: Timestamp, intensity: u32, period_ms: u64) -> RestartDecision {
        let recent = self.restarts.iter().filter(|at| now.since(**at) < period_ms).count();
        if recent < intensity as usize { RestartDecision::Restart } else { RestartDecision::Escalate }
    }
}
