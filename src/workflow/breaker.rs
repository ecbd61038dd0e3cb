//! Providers that take no requests for now: a state of the provider, not a failure of a slice.
//!
//! Owns the breaker of each provider: open, it parks every slice whose agent needs it; at its time one slice probes it
//! (half-open); an answer of its model, or that attempt's end, closes it or opens it again, with twice the back-off. Open breakers are durable; who
//! probes, and when a back-off is over by the steady clock, is not. A stated time is one of the wall clock.

use std::collections::BTreeMap;

use crate::domain::fact::{Fact, SupervisionFact};
use crate::domain::goal::Settings;
use crate::domain::ids::{AttemptRef, Moment, Now, Timestamp};
use crate::domain::supervision::Breaker;
use crate::domain::task::AttemptOutcome;

/// The longest back-off, in milliseconds.
const LONGEST_BACKOFF_MS: u64 = 3_600_000;

/// The fold: which providers are shut, and which provider an agent was seen to need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breakers {
    open: BTreeMap<String, Breaker>,
    provider_of: BTreeMap<String, String>,
}

impl Breakers {
    /// A provider was found shut.
    pub fn opened(&mut self, breaker: &Breaker) {
        self.provider_of.insert(breaker.agent.clone(), breaker.provider.clone());
        self.open.insert(breaker.provider.clone(), breaker.clone());
    }

    /// A provider takes requests again.
    pub fn closed(&mut self, provider: &str) {
        self.open.remove(provider);
    }

    /// The open breaker that stands in an agent's way.
    pub fn before(&self, agent: &str) -> Option<&Breaker> {
        self.open.get(self.provider_of(agent))
    }

    /// Every open breaker, by provider.
    pub fn iter(&self) -> impl Iterator<Item = &Breaker> {
        self.open.values()
    }

    fn provider_of<'a>(&'a self, agent: &'a str) -> &'a str {
        self.provider_of.get(agent).map_or(agent, String::as_str)
    }
}

/// Whether an agent may be given a slice now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// Nothing stands in its way.
    Free,
    /// As the one that finds out whether its provider takes requests again.
    Probe,
    /// Not before its provider's time has come and its probe is back.
    Parked,
}

/// What of the breakers a run keeps in memory.
#[derive(Debug, Default)]
pub struct Probes {
    /// When a back-off is over.
    due: BTreeMap<String, Moment>,
    /// Who finds out whether a provider takes requests again.
    out: BTreeMap<String, AttemptRef>,
}

impl Probes {
    /// A run takes up breakers that were open before it: a back-off lasts as long as it has left by the wall clock, and
    /// never longer than it would have in all.
    pub fn take_up(&mut self, breakers: &Breakers, settings: &Settings, now: Now) {
        for breaker in breakers.iter().filter(|breaker| !breaker.stated) {
            let left = breaker.until.since(now.wall).min(backoff_ms(settings, breaker.trips));
            self.due.insert(breaker.provider.clone(), now.steady.plus(left));
        }
    }

    /// Whether `agent` may be given a slice.
    pub fn passage(&self, breakers: &Breakers, agent: &str, now: Now) -> Passage {
        match breakers.before(agent) {
            None => Passage::Free,
            Some(breaker) if self.out.contains_key(&breaker.provider) || !self.is_due(breaker, now) => Passage::Parked,
            Some(_) => Passage::Probe,
        }
    }

    /// How long until the next provider's time comes, in milliseconds; `None` where none is still to come.
    pub fn next_due_ms(&self, breakers: &Breakers, now: Now) -> Option<u64> {
        let awaited = breakers.iter().filter(|breaker| !self.out.contains_key(&breaker.provider));
        let left = awaited.map(|breaker| match self.due.get(&breaker.provider).filter(|_| !breaker.stated) {
            Some(due) => due.since(now.steady),
            None => breaker.until.since(now.wall),
        });
        left.filter(|ms| *ms > 0).min()
    }

    fn is_due(&self, breaker: &Breaker, now: Now) -> bool {
        match self.due.get(&breaker.provider).filter(|_| !breaker.stated) {
            Some(due) => *due <= now.steady,
            None => breaker.until <= now.wall,
        }
    }

    /// The attempt probes the provider of its agent.
    pub fn sent(&mut self, breakers: &Breakers, agent: &str, attempt: &AttemptRef) {
        if let Some(breaker) = breakers.before(agent) {
            self.out.insert(breaker.provider.clone(), attempt.clone());
        }
    }

    /// The model of an attempt's agent has answered: whose breaker that closes, as a fact to record.
    pub fn answered(&mut self, breakers: &Breakers, attempt: &AttemptRef) -> Option<Fact> {
        let (provider, _) = self.out.iter().find(|(_, probe)| *probe == attempt)?;
        let provider = provider.clone();
        self.out.remove(&provider);
        breakers.open.contains_key(&provider).then_some(Fact::Supervision(SupervisionFact::BreakerClosed { provider }))
    }

    /// An attempt of `agent` ended: what that says of its provider, as facts to record.
    pub fn ended(
        &mut self,
        breakers: &Breakers,
        (attempt, agent): (&AttemptRef, &str),
        outcome: &AttemptOutcome,
        (settings, now): (&Settings, Now),
    ) -> Vec<Fact> {
        let probed = self.out.iter().find(|(_, probe)| *probe == attempt).map(|(provider, _)| provider.clone());
        if let Some(provider) = &probed {
            self.out.remove(provider);
        }
        match outcome {
            AttemptOutcome::Limited { provider, until, detail } => {
                let provider = provider.clone().unwrap_or_else(|| breakers.provider_of(agent).to_owned());
                let refusal = Refusal { agent, provider, until: *until, detail };
                self.refused(breakers, refusal, probed.as_deref(), (settings, now))
            }
            // A probe that was stopped has found nothing out.
            AttemptOutcome::Interrupted { .. } => Vec::new(),
            AttemptOutcome::Passed
            | AttemptOutcome::Rejected { .. }
            | AttemptOutcome::Asked { .. }
            | AttemptOutcome::Unavailable { .. }
            | AttemptOutcome::Expired { .. }
            | AttemptOutcome::Unchanged
            | AttemptOutcome::Errored { .. } => probed
                .into_iter()
                .map(|provider| Fact::Supervision(SupervisionFact::BreakerClosed { provider }))
                .collect(),
        }
    }

    fn refused(
        &mut self,
        breakers: &Breakers,
        refusal: Refusal<'_>,
        probed: Option<&str>,
        (settings, now): (&Settings, Now),
    ) -> Vec<Fact> {
        let elsewhere = probed.filter(|probed| *probed != refusal.provider);
        let mut facts: Vec<_> = elsewhere
            .map(|provider| Fact::Supervision(SupervisionFact::BreakerClosed { provider: provider.to_owned() }))
            .into_iter()
            .collect();
        let before = breakers.open.get(&refusal.provider);
        let breaker = match before {
            // It was under way when the breaker opened: no news, but perhaps a better time.
            Some(open) if probed != Some(open.provider.as_str()) => refusal.joins(open, now),
            Some(open) => refusal.opens(open.trips.saturating_add(1), settings, now),
            None => refusal.opens(1, settings, now),
        };
        if !breaker.stated && before.is_none_or(|before| before.until != breaker.until) {
            let due = now.steady.plus(backoff_ms(settings, breaker.trips));
            self.due.insert(breaker.provider.clone(), due);
        }
        if before != Some(&breaker) {
            facts.push(Fact::Supervision(SupervisionFact::BreakerOpened(breaker)));
        }
        facts
    }
}

/// One answer of a provider that it takes no requests.
struct Refusal<'a> {
    agent: &'a str,
    provider: String,
    until: Option<Timestamp>,
    detail: &'a str,
}

impl Refusal<'_> {
    /// A time that has passed already is as good as none.
    fn stated(&self, now: Now) -> Option<Timestamp> {
        self.until.filter(|until| *until > now.wall)
    }

    fn opens(self, trips: u32, settings: &Settings, now: Now) -> Breaker {
        let stated = self.stated(now);
        Breaker {
            until: stated.unwrap_or_else(|| now.wall.plus(backoff_ms(settings, trips))),
            stated: stated.is_some(),
            provider: self.provider,
            agent: self.agent.to_owned(),
            trips,
            detail: self.detail.to_owned(),
        }
    }

    fn joins(self, open: &Breaker, now: Now) -> Breaker {
        let better = self.stated(now).filter(|until| !open.stated || *until > open.until);
        let stated = open.stated || better.is_some();
        let until = better.unwrap_or(open.until);
        // Only what is new is worth a fact: a time, or an agent of which this was not known.
        let news = better.is_some() || open.agent != self.agent;
        let detail = if news { self.detail.to_owned() } else { open.detail.clone() };
        Breaker { until, stated, detail, agent: self.agent.to_owned(), ..open.clone() }
    }
}

/// How long is waited where no time is stated, after so many refusals in a row.
fn backoff_ms(settings: &Settings, trips: u32) -> u64 {
    let doubled = 1_u64.checked_shl(trips.saturating_sub(1)).unwrap_or(u64::MAX);
    settings.backoff_ms.saturating_mul(doubled).min(LONGEST_BACKOFF_MS)
}
