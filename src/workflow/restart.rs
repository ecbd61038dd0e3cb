//! Whether an actor that ended where it should not have is built anew.
//!
//! Restart intensity as in Erlang/OTP's supervisors: at most `intensity` restarts within `period`, then escalate.
//! The history is folded from the journal, so that a crash of the whole program does not reset it.

use crate::domain::fact::{Fact, SupervisionFact};
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
        if let Fact::Supervision(SupervisionFact::ActorRestarted { .. }) = fact {
            self.restarts.push(at);
        }
    }

    /// Decides about an end at `now`: restarts younger than `period_ms` count. One that lies ahead, because the clock was
    /// set back since, has an age that nobody knows, and does not.
    pub fn decide(&self, now: Timestamp, intensity: u32, period_ms: u64) -> RestartDecision {
        let recent = self.restarts.iter().filter(|at| **at <= now && now.since(**at) < period_ms).count();
        if recent < intensity as usize { RestartDecision::Restart } else { RestartDecision::Escalate }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::ActorName;

    #[test]
    fn restarts_count_within_the_period_and_those_from_before_the_clock_was_set_back_do_not() {
        let (mut history, start) = (RestartHistory::default(), Timestamp(1_000_000));
        for ms in [0, 10, 20] {
            let cause = "it panicked".to_owned();
            history.apply(
                &Fact::Supervision(SupervisionFact::ActorRestarted { child: ActorName::Budget, cause }),
                start.plus(ms),
            );
        }
        let decide = |now| history.decide(now, 3, 1_000);
        assert_eq!(decide(start.plus(30)), RestartDecision::Escalate);
        assert_eq!(decide(start.plus(1_000)), RestartDecision::Restart);
        assert_eq!(decide(Timestamp(start.0 - 86_400)), RestartDecision::Restart);
    }
}
