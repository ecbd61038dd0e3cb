//! Who is kept from working: an agent from one slice, or from the whole goal.
//!
//! Durable: folded from the journal, decided by comparing the fold with the goal's settings, so that a run that died
//! in between decides the same. An attempt is stale when a clock ended it (`expired`). Ends that say nothing of the
//! agent (stopped, at its provider's limit, a fault of ours) neither count nor break a row of failures.

use std::collections::BTreeMap;

use crate::domain::ids::{Attempt, SliceId};
use crate::domain::supervision::{ProfileQuarantine, Quarantine};
use crate::domain::task::{AttemptOutcome, FeedbackKind, SliceSpec};

/// The stale ends of one agent at one slice, since the slice was planned or reopened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Stale {
    ends: u32,
    last: String,
}

/// An agent's failures in a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Row {
    slices: Vec<SliceId>,
    last: String,
}

/// The fold: what counts towards a quarantine, and the quarantines in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quarantines {
    stale: BTreeMap<(SliceId, String), Stale>,
    rows: BTreeMap<String, Row>,
    pairs: BTreeMap<(SliceId, String), Quarantine>,
    profiles: BTreeMap<String, ProfileQuarantine>,
}

/// What an end says of the agent.
enum Word<'a> {
    Stale(&'a str),
    Failed(&'a str),
    Works,
    Nothing,
}

fn word(outcome: &AttemptOutcome) -> Word<'_> {
    match outcome {
        AttemptOutcome::Expired { detail } => Word::Stale(detail),
        AttemptOutcome::Rejected { feedback } => match feedback.kind {
            FeedbackKind::Agent => Word::Failed(&feedback.summary),
            FeedbackKind::Gate
            | FeedbackKind::Review
            | FeedbackKind::Policy
            | FeedbackKind::Conflict
            | FeedbackKind::Operator => Word::Works,
        },
        AttemptOutcome::Passed | AttemptOutcome::Unchanged | AttemptOutcome::Asked { .. } => Word::Works,
        AttemptOutcome::Interrupted { .. }
        | AttemptOutcome::Unavailable { .. }
        | AttemptOutcome::Limited { .. }
        | AttemptOutcome::Errored { .. } => Word::Nothing,
    }
}

impl Quarantines {
    /// An attempt of `agent` at `slice` ended.
    pub fn ended(&mut self, slice: &SliceId, agent: &str, outcome: &AttemptOutcome) {
        match word(outcome) {
            Word::Stale(detail) => {
                let stale = self.stale.entry((slice.clone(), agent.to_owned())).or_default();
                stale.ends += 1;
                detail.clone_into(&mut stale.last);
                self.failed_in_row(slice, agent, detail);
            }
            Word::Failed(summary) => self.failed_in_row(slice, agent, summary),
            Word::Works => drop(self.rows.remove(agent)),
            Word::Nothing => {}
        }
    }

    fn failed_in_row(&mut self, slice: &SliceId, agent: &str, how: &str) {
        let row = self.rows.entry(agent.to_owned()).or_default();
        if !row.slices.contains(slice) {
            row.slices.push(slice.clone());
        }
        how.clone_into(&mut row.last);
    }

    /// A pair is in quarantine.
    pub fn pair(&mut self, quarantine: &Quarantine) {
        let pair = (quarantine.slice.clone(), quarantine.agent.clone());
        self.stale.remove(&pair);
        self.pairs.insert(pair, quarantine.clone());
    }

    /// A profile is in quarantine.
    pub fn profile(&mut self, quarantine: &ProfileQuarantine) {
        self.rows.remove(&quarantine.agent);
        self.profiles.insert(quarantine.agent.clone(), quarantine.clone());
    }

    /// The operator wants the slice tried again: what keeps agents from it is lifted. A slice without a `run` may go
    /// to any of the goal's agents, so that is every profile.
    pub fn reopened(&mut self, spec: &SliceSpec) {
        self.stale.retain(|(slice, _), _| *slice != spec.id);
        self.pairs.retain(|(slice, _), _| *slice != spec.id);
        if spec.run.is_none() {
            self.profiles.clear();
            self.rows.clear();
        }
    }

    /// Whether the agent may work on the slice.
    pub fn admits(&self, slice: &SliceId, agent: &str) -> bool {
        !self.profiles.contains_key(agent) && !self.pairs.contains_key(&(slice.clone(), agent.to_owned()))
    }

    /// Why none of the agents may work on the slice, naming the evidence.
    pub fn reason(&self, spec: &SliceSpec, agents: &[String], last: Attempt) -> String {
        let why = |agent: &String| match (self.profiles.get(agent), self.pairs.get(&(spec.id.clone(), agent.clone()))) {
            (Some(profile), _) => {
                let slices: Vec<_> = profile.slices.iter().map(|slice| format!("`{slice}`")).collect();
                let slices = slices.join(", ");
                Some(format!("agent `{agent}` is in quarantine for failing on {slices}: {}", profile.reason))
            }
            (None, Some(pair)) => Some(format!(
                "agent `{agent}` is in quarantine here after {} stale attempts: {}",
                pair.ends, pair.reason
            )),
            (None, None) => None,
        };
        let mut phrases: Vec<_> = agents.iter().filter_map(why).collect();
        if last > Attempt(0) {
            phrases.push(format!("see artifacts/agent-runs/{}.{last}.log", spec.id));
        }
        phrases.join("; ")
    }

    /// The pair of this slice and this agent, where its stale ends are as many as the slice has retries and it is not
    /// in quarantine yet.
    pub fn due_pair(&self, spec: &SliceSpec, agent: &str, agents: &[String]) -> Option<Quarantine> {
        let stale = self.stale.get(&(spec.id.clone(), agent.to_owned()))?;
        if stale.ends < spec.retries.max(1) {
            return None;
        }
        let successor = agents.iter().find(|other| *other != agent && self.admits(&spec.id, other));
        Some(Quarantine {
            slice: spec.id.clone(),
            agent: agent.to_owned(),
            ends: stale.ends,
            reason: stale.last.clone(),
            successor: successor.cloned(),
        })
    }

    /// Those of the agents that failed on `after` slices in a row, or more, and are not in quarantine yet.
    /// `successors` are those who may take over from one.
    pub fn due_profiles(
        &self,
        agents: &[String],
        successors: &dyn Fn(&String) -> Vec<String>,
        after: u32,
    ) -> Vec<ProfileQuarantine> {
        let long = |row: &&Row| u32::try_from(row.slices.len()).unwrap_or(u32::MAX) >= after.max(1);
        let fails = |agent: &String| self.rows.get(agent).filter(long);
        let fit = |other: &&String| !self.profiles.contains_key(*other) && fails(other).is_none();
        let quarantine = |agent: &String| {
            fails(agent).map(|row| ProfileQuarantine {
                agent: agent.clone(),
                slices: row.slices.clone(),
                reason: row.last.clone(),
                successor: successors(agent).into_iter().find(|other| fit(&other)),
            })
        };
        agents.iter().filter_map(quarantine).collect()
    }
}
