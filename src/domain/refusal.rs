//! What the policy refused to an agent: all of it counted, some of it listed.
//!
//! Invariant: `count` is at least the sum of all `times`. The texts are an agent's words; they come here without secrets
//! and harmless.

use serde::{Deserialize, Serialize};

use crate::domain::evidence::ArtifactRef;
use crate::domain::ids::Attempt;

/// How many different refusals are listed.
const MOST: usize = 20;

/// An act that was refused, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What the agent was about to do, on one line, bounded.
    pub act: String,
    /// Why not, as the agent was told; on one line, bounded.
    pub reason: String,
    /// How often.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub times: u64,
}

fn once() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_once(times: &u64) -> bool {
    *times == 1
}

/// What an agent was refused in one attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusals {
    /// How many acts, in all.
    pub count: u64,
    /// The first 20 that differ, in the order in which they came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub first: Vec<Refusal>,
    /// A longer list, each act with its time, an artifact of one JSON object a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<ArtifactRef>,
}

impl Refusals {
    /// Whether nothing was refused.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// One more act was refused.
    pub fn add(&mut self, act: String, reason: String) {
        self.absorb(Refusal { act, reason, times: 1 });
    }

    /// Those of both, these first; of the longer lists the one that there is.
    #[must_use]
    pub fn and(mut self, later: Self) -> Self {
        let unlisted = later.unlisted();
        later.first.into_iter().for_each(|refusal| self.absorb(refusal));
        self.count = self.count.saturating_add(unlisted);
        self.list = self.list.or(later.list);
        self
    }

    /// How many acts are not among the first.
    pub fn unlisted(&self) -> u64 {
        let listed = self.first.iter().fold(0, |sum: u64, refusal| sum.saturating_add(refusal.times));
        self.count.saturating_sub(listed)
    }

    fn absorb(&mut self, more: Refusal) {
        self.count = self.count.saturating_add(more.times);
        let same = |known: &&mut Refusal| (&known.act, &known.reason) == (&more.act, &more.reason);
        if let Some(known) = self.first.iter_mut().find(same) {
            known.times = known.times.saturating_add(more.times);
        } else if self.first.len() < MOST {
            self.first.push(more);
        }
    }
}

/// What the agent of one attempt was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRefusals {
    /// The attempt.
    pub attempt: Attempt,
    /// What.
    #[serde(flatten)]
    pub refused: Refusals,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusals(acts: &[&str]) -> Refusals {
        let mut refusals = Refusals::default();
        acts.iter().for_each(|act| refusals.add((*act).to_owned(), "no".to_owned()));
        refusals
    }

    fn listed(refusals: &Refusals) -> Vec<(&str, u64)> {
        refusals.first.iter().map(|refusal| (refusal.act.as_str(), refusal.times)).collect()
    }

    #[test]
    fn the_same_act_is_listed_once_and_counted_each_time() {
        let refused = refusals(&["a", "b", "a"]).and(refusals(&["c", "a"]));
        assert_eq!((refused.count, listed(&refused)), (5, vec![("a", 3), ("b", 1), ("c", 1)]));
        assert_eq!(refused.unlisted(), 0);
    }

    #[test]
    fn the_list_is_bounded_and_the_count_is_not() {
        let acts: Vec<String> = (0..MOST + 5).map(|number| number.to_string()).collect();
        let acts: Vec<&str> = acts.iter().map(String::as_str).collect();
        let many = refusals(&acts);
        assert_eq!((many.count, many.first.len(), many.unlisted()), (25, 20, 5));
        let more = many.and(refusals(&["0", "x"]));
        assert_eq!((more.count, more.first.len(), more.unlisted()), (27, 20, 6));
    }

    #[test]
    fn a_report_of_an_older_program_has_none() {
        let refusal: Refusal = serde_json::from_str(r#"{"act":"a","reason":"b"}"#).expect("a refusal");
        assert_eq!(refusal.times, 1);
        assert_eq!(serde_json::to_string(&refusal).expect("JSON"), r#"{"act":"a","reason":"b"}"#);
    }
}
