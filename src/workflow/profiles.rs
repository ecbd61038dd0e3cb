//! Which agents may work on a slice, in the order in which they stand in for each other.

use crate::domain::agent::SCRIPT;
use crate::domain::goal::Charter;
use crate::domain::supervision::Breaker;
use crate::domain::task::SliceSpec;
use crate::workflow::slices::{SliceRecord, SliceTable};

/// The agents of a slice: the built-in one for a `run`, else its own or the goal's, and then the goal's stand-ins.
pub fn candidates(charter: &Charter, spec: &SliceSpec) -> Vec<String> {
    if spec.run.is_some() {
        return vec![SCRIPT.to_owned()];
    }
    each_once(spec.agent.as_ref().or(charter.agent.as_ref()).into_iter().chain(&charter.stand_ins))
}

/// All agents that may work on the goal, the built-in one left out: its failures are its slices' own. Those that stand
/// in come last.
pub fn all<'a>(charter: &'a Charter, slices: impl Iterator<Item = &'a SliceSpec>) -> Vec<String> {
    let own = slices.filter_map(|spec| spec.agent.as_ref());
    let mut agents = each_once(charter.agent.iter().chain(own).chain(&charter.stand_ins));
    agents.retain(|agent| agent != SCRIPT);
    agents
}

/// Who may take over from an agent that the goal no longer uses.
pub fn successors(charter: &Charter, agent: &String) -> Vec<String> {
    let team = each_once(charter.agent.iter().chain(&charter.stand_ins));
    if team.contains(agent) { team } else { charter.stand_ins.clone() }
}

fn each_once<'a>(agents: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut once: Vec<String> = Vec::new();
    for agent in agents {
        if !once.contains(agent) {
            once.push(agent.clone());
        }
    }
    once
}

/// The agent of a slice's next attempt: empty where the goal names none, `None` where all are in quarantine.
pub fn next_agent(charter: &Charter, table: &SliceTable, record: &SliceRecord) -> Option<String> {
    if record.take_up {
        return Some(record.agent.clone());
    }
    let agents = candidates(charter, &record.spec);
    match agents.is_empty() {
        true => Some(String::new()),
        false => agents.into_iter().find(|agent| table.quarantines.admits(&record.spec.id, agent)),
    }
}

/// The breaker that stands before a slice's next attempt. Work that is only to be checked needs no provider.
pub fn breaker_before<'a>(charter: &Charter, table: &'a SliceTable, record: &SliceRecord) -> Option<&'a Breaker> {
    let agent = next_agent(charter, table, record).filter(|_| !record.take_up)?;
    table.breakers.before(&agent)
}
