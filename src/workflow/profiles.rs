//! Which agents may work on a slice, in the order in which they stand in for each other.

use crate::domain::goal::Charter;
use crate::domain::supervision::Breaker;
use crate::domain::task::SliceSpec;
use crate::workflow::slices::{SliceRecord, SliceTable};

/// The built-in agent, which does a slice's own `run`.
pub const SCRIPT: &str = "script";

/// The agents of a slice: the built-in one for a `run`, else the goal's own and its stand-ins.
pub fn candidates(charter: &Charter, spec: &SliceSpec) -> Vec<String> {
    if spec.run.is_some() {
        return vec![SCRIPT.to_owned()];
    }
    let mut agents = Vec::new();
    for agent in charter.agent.iter().chain(&charter.stand_ins) {
        if !agents.contains(agent) {
            agents.push(agent.clone());
        }
    }
    agents
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
