//! Agents, met for real: several at once, as far as there is memory for them.

use std::collections::BTreeSet;
use std::path::Path;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio_util::sync::CancellationToken;

use crate::adapters::machine::available_memory;
use crate::agents::greeting::{Answer, Meeting};
use crate::agents::host::AgentHost;
use crate::agents::name::{AgentName, parse_agent_among};
use crate::agents::profile::login::Login;
use crate::agents::profile::quirks::Resume;
use crate::agents::profile::{AgentProfile, Protocol};
use crate::app::Omk;
use crate::app::doctor::report::{Abilities, AgentCheck, AgentState, Control, LoginCheck};

/// The most agents that are met at once.
const MOST: usize = 4;
/// What an agent may take until it has said hello, in bytes: the largest that was measured took 645 MB.
const NEEDS: u64 = 700 << 20;

/// An agent's name, and how it was found.
pub(super) type Met = (String, Meeting);

/// Meets agents, in the order of their names' list.
pub(super) async fn try_all(host: &AgentHost, names: &[String], place: &Path) -> Vec<Met> {
    let mut waiting = names.iter().enumerate();
    let mut running = FuturesUnordered::new();
    let mut met: Vec<(usize, Met)> = Vec::with_capacity(names.len());
    loop {
        while may_start(running.len(), available_memory()) {
            let Some((index, name)) = waiting.next() else { break };
            let meeting = host.meet(name, place.to_owned(), CancellationToken::new());
            running.push(async move { (index, (name.clone(), meeting.await)) });
        }
        match running.next().await {
            Some(next) => met.push(next),
            None => break,
        }
    }
    met.sort_by_key(|(index, _)| *index);
    met.into_iter().map(|(_, met)| met).collect()
}

/// Whether another agent may be started beside those that run. One always may; of those that run it is taken that they
/// have not grown yet.
fn may_start(running: usize, available: Option<u64>) -> bool {
    let wanted = NEEDS.saturating_mul(u64::try_from(running).unwrap_or(u64::MAX).saturating_add(1));
    running == 0 || (running < MOST && available.is_some_and(|bytes| bytes >= wanted))
}

impl Omk {
    /// What is reported of an agent.
    pub(super) fn agent_check(&self, (name, meeting): Met, wanted: &BTreeSet<String>) -> AgentCheck {
        let profiles = &self.config.agents.profiles;
        let plain = AgentProfile::plain_acp("");
        let profile = match parse_agent_among(&name, profiles) {
            Ok(AgentName::Profile(name)) => profiles.find(&name),
            Ok(AgentName::Acp(_)) => Some(&plain),
            Ok(AgentName::Script | AgentName::Command(_)) | Err(_) => None,
        };
        let problem = meeting.problem().map(str::to_owned);
        let (state, answered) = match &meeting.answer {
            Answer::Session => (AgentState::Usable, Some(meeting.took)),
            Answer::Silent => (AgentState::Untried, None),
            Answer::Missing(_) => (AgentState::NotInstalled, None),
            Answer::Refused(_) => (AgentState::Unusable, None),
        };
        AgentCheck {
            wanted: wanted.contains(&name),
            state,
            program: meeting.program,
            version: meeting.version,
            protocol: profile.map(|profile| protocol(profile.protocol)),
            answered_ms: answered.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
            can: profile.map(abilities),
            login: meeting.login.map(login),
            problem,
            mend: meeting.mend,
            name,
        }
    }
}

/// The protocol as the configuration names it.
fn protocol(protocol: Protocol) -> String {
    let name = serde_json::to_value(protocol).ok();
    name.and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

fn login(login: Login) -> LoginCheck {
    match login {
        Login::There => LoginCheck::There,
        Login::Missing(words) => LoginCheck::Missing { words },
        Login::NotKnown => LoginCheck::NotKnown,
    }
}

fn abilities(profile: &AgentProfile) -> Abilities {
    let quirks = &profile.quirks;
    let (writes, commands) = match profile.protocol {
        Protocol::Acp => (through_us(quirks.fs_write_cap), through_us(quirks.terminal_cap)),
        Protocol::ClaudeStreamJson | Protocol::KimiWire => (Control::Asked, Control::Asked),
        Protocol::CodexExec | Protocol::Cmd => (Control::Afterwards, Control::Afterwards),
    };
    Abilities { resume: quirks.resume != Resume::No, steer: profile.hears(), writes, commands }
}

fn through_us(capable: bool) -> Control {
    if capable { Control::ThroughUs } else { Control::Asked }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_agents_start_at_once_as_there_is_memory_for_and_always_one() {
        let room = |agents: u64| Some(agents * NEEDS);
        let started = |available| (0..10).take_while(|running| may_start(*running, available)).count();
        assert_eq!([None, room(0), room(1), room(3), room(100)].map(started), [1, 1, 1, 3, MOST]);
    }
}
