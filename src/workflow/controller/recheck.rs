//! What a `verify` or `review` of a `ready` goal may change.
//!
//! Pure. Invariant: `ready` ends only by required gates that were red twice, and never if the result is merged. A check
//! that comes to no verdict records nothing.

use super::{Controller, Intent, Proof};
use crate::domain::decided::Decided;
use crate::domain::evidence::{GateOutcome, GateResult};
use crate::domain::goal::{Drive, GoalStatus};
use crate::domain::review::Verdict;
use crate::workflow::verdict::Ruling;

/// What the deciding gates say of a `ready` goal.
enum Finding {
    /// A required gate was red twice.
    Red,
    /// Every required gate passed, or has a verdict and is not red.
    NotRed,
    /// A required gate has no verdict: it could not be started.
    NoVerdict(String),
}

impl Controller {
    /// Whether the goal is `ready`, and the run only looks at it.
    pub(super) fn is_ready(&self) -> bool {
        self.record.status == Some(GoalStatus::Ready)
    }

    /// Ends a look at a `ready` goal, or asks first whether the result is merged.
    pub(super) fn conclude_ready(&mut self, decided: &mut Decided<Intent>, proof: &Proof, ruling: Ruling) {
        if let Some(stopped) = self.stopping() {
            return self.settle(decided, stopped);
        }
        if self.drive == Drive::Review {
            return self.conclude_review(decided);
        }
        match finding(&proof.results) {
            Finding::Red => {
                self.red = Some(ruling);
                decided.intents.push(Intent::LookForMerge { tip: proof.tip.clone() });
            }
            Finding::NoVerdict(detail) => {
                let next = vec![self.command("verify")];
                self.settle(decided, Ruling::new(GoalStatus::BlockedOnExternal, detail, next));
            }
            Finding::NotRed => self.conclude_review(decided),
        }
    }

    /// The gates are as they were; what the reviews found changes nothing.
    fn conclude_review(&mut self, decided: &mut Decided<Intent>) {
        let reviews = self.record.wall.as_ref().map_or(&[][..], |(_, reviews)| reviews.as_slice());
        let blocked: Vec<_> =
            reviews.iter().filter(|r| r.verdict == Verdict::Blocked).map(|r| r.role.as_str()).collect();
        let (reason, next) = match blocked.as_slice() {
            [] => (self.record.reason.clone(), self.record.next.clone()),
            roles => {
                (format!("ready as before; a later review blocks: {}", roles.join(", ")), vec![self.command("proof")])
            }
        };
        self.finish(decided, Ruling::new(GoalStatus::Ready, reason, next));
    }

    /// Whether the result is merged is known: a red check ends `ready` only if it is not.
    pub fn merge_looked_for(&mut self, merged: Result<bool, String>) -> Decided<Intent> {
        let mut decided = Decided::default();
        let Some(ruling) = self.red.take() else { return decided };
        if let Some(stopped) = self.stopping() {
            self.settle(&mut decided, stopped);
            return decided;
        }
        match merged {
            Err(problem) => {
                let reason = format!("failed to see whether the result is merged: {problem}");
                self.settle(&mut decided, Ruling::new(GoalStatus::FailedInfra, reason, vec![self.command("verify")]));
            }
            Ok(false) => self.finish(&mut decided, ruling),
            Ok(true) => {
                let reason = format!("merged, so it stays ready; a later check is red: {}", ruling.reason);
                self.finish(&mut decided, Ruling::new(GoalStatus::Ready, reason, vec![self.command("proof")]));
            }
        }
        decided
    }
}

fn finding(results: &[GateResult]) -> Finding {
    let failed = || results.iter().filter(|result| result.required && !result.passes());
    let red = |result: &&GateResult| match &result.outcome {
        // Without tests of the base.
        GateOutcome::Green
        | GateOutcome::Red { .. }
        | GateOutcome::TestsFailed { .. }
        | GateOutcome::NoTests
        | GateOutcome::TimedOut => true,
        GateOutcome::Unstartable { .. } | GateOutcome::Stopped => false,
    };
    match failed().next() {
        None => Finding::NotRed,
        Some(_) if failed().any(|result| red(&result)) => Finding::Red,
        Some(first) => Finding::NoVerdict(match &first.outcome {
            GateOutcome::Unstartable { detail } => format!("gate `{}` could not be started: {detail}", first.gate),
            GateOutcome::Green
            | GateOutcome::Red { .. }
            | GateOutcome::TestsFailed { .. }
            | GateOutcome::NoTests
            | GateOutcome::TimedOut
            | GateOutcome::Stopped => {
                format!("gate `{}` has no verdict", first.gate)
            }
        }),
    }
}
