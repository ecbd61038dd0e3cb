//! What the agents of a simulation do, from a seed or by hand.

use std::collections::BTreeMap;

use omk::domain::access::{AccessSet, PathPattern};
use omk::domain::ids::{GateName, SliceId};
use omk::domain::task::{GateCommand, GateKind, GateSpec, Risk, SliceSpec};

use super::clocks::{DAY, Move};

/// What one attempt of an agent does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// Writes the slice's file well.
    Succeed,
    /// Writes it so that the gate is red.
    Break,
    /// Writes it so that the gate is red only together with another slice's work.
    BreakTogether,
    /// Exits with a failure.
    Fail,
    /// Never ends.
    Hang,
    /// Claims to be done and changed nothing.
    Lie,
    /// Writes outside of its rights.
    Trespass,
    /// Asks something.
    Ask,
    /// Cannot be used.
    Missing,
    /// Appends its line to the shared file.
    Share,
    /// Replaces the shared file, and with it what others added.
    Clobber,
    /// Leaves a secret behind for the reviewers.
    Leak,
    /// Writes it so that the gate never ends.
    Endless,
    /// Writes half of it, reports one turn and crashes.
    Crash,
    /// Lives and gives no sign.
    Quiet,
    /// Its processes are stopped, as by SIGSTOP.
    Frozen,
    /// Talks so much that `omk` does not come to ask its keeper, who ends it.
    Starve,
    /// Quiet; told to stop it goes on for a while and then claims to be done.
    Late,
    /// Its provider refuses; it states for how many milliseconds, or does not.
    Limited(Option<u64>),
    /// Reports the use of so many turns before it is done.
    Spend(u64),
}

/// A goal and what its agents do, by slice, attempt after attempt; the last behaviour repeats.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) slices: Vec<SliceSpec>,
    pub(crate) gates: Vec<GateSpec>,
    pub(crate) behaviours: BTreeMap<SliceId, Vec<Behaviour>>,
    pub(crate) max_agents: u32,
    pub(crate) time_limit_ms: Option<u64>,
    pub(crate) token_limit: Option<u64>,
    /// Agents that stand in for one in quarantine.
    pub(crate) stand_ins: Vec<String>,
    /// How the wall clock is moved, by the steady milliseconds of all lives.
    pub(crate) moves: Vec<(u64, Move)>,
    /// A number from which every duration follows.
    pub(crate) seed: u64,
}

pub(crate) fn slice(id: &str, after: &[&str]) -> SliceSpec {
    SliceSpec {
        id: SliceId::parse(id).unwrap(),
        title: format!("do {id}"),
        description: String::new(),
        after: after.iter().map(|id| SliceId::parse(id).unwrap()).collect(),
        access: AccessSet {
            reads: Vec::new(),
            writes: vec![PathPattern::parse(&format!("src/{id}.txt")).unwrap()],
            merges: vec![PathPattern::parse("shared.txt").unwrap()],
        },
        risk: Risk::Medium,
        acceptance: Vec::new(),
        gates: Vec::new(),
        retries: 2,
        run: None,
        agent: None,
        budget: omk::domain::budget::Limits::default(),
    }
}

pub(crate) fn gate(name: &str) -> GateSpec {
    GateSpec {
        name: GateName::parse(name).unwrap(),
        command: GateCommand::Shell("true".into()),
        kind: GateKind::Test,
        timeout_ms: 60_000,
        required: true,
    }
}

impl Scenario {
    /// Slices by `id: after`, each of whose agents succeeds.
    pub(crate) fn of(slices: &[(&str, &[&str])]) -> Self {
        Self {
            slices: slices.iter().map(|(id, after)| slice(id, after)).collect(),
            gates: vec![gate("test")],
            behaviours: BTreeMap::new(),
            max_agents: 3,
            time_limit_ms: None,
            token_limit: None,
            stand_ins: Vec::new(),
            moves: Vec::new(),
            seed: 1,
        }
    }

    /// The same with what one slice's agents do.
    pub(crate) fn with(mut self, slice: &str, behaviours: &[Behaviour]) -> Self {
        self.behaviours.insert(SliceId::parse(slice).unwrap(), behaviours.to_vec());
        self
    }

    /// A goal from a seed: up to nine slices in a random DAG, agents that mostly come to an end.
    pub(crate) fn seeded(seed: u64) -> Self {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let count = 1 + dice.roll(9) as usize;
        let ids: Vec<_> = (0..count).map(|at| format!("s{at}")).collect();
        let slices = (0..count).map(|at| {
            let after: Vec<_> = (0..at).filter(|_| dice.roll(4) == 0).map(|earlier| ids[earlier].as_str()).collect();
            slice(&ids[at], &after)
        });
        let mut slices: Vec<_> = slices.collect();
        for slice in &mut slices {
            slice.budget.tokens = (dice.roll(4) == 0).then(|| 500 + 1_000 * dice.roll(4));
        }
        let behaviours = slices.iter().map(|slice| (slice.id.clone(), dice.behaviours())).collect();
        let max_agents = 1 + dice.roll(4) as u32;
        let token_limit = (dice.roll(4) == 0).then(|| dice.roll(9) * 1_000 + 500);
        let stand_ins = if dice.roll(3) == 0 { vec!["cmd:other".to_owned()] } else { Vec::new() };
        let moves = dice.moves();
        let gates = vec![gate("lint"), gate("test")];
        Self { slices, gates, behaviours, max_agents, token_limit, stand_ins, moves, seed, ..Self::of(&[]) }
    }

    pub(crate) fn behaviour(&self, slice: &SliceId, attempt: u32) -> Behaviour {
        let scripted = self.behaviours.get(slice).map(Vec::as_slice).unwrap_or_default();
        let at = (attempt as usize).saturating_sub(1).min(scripted.len().saturating_sub(1));
        scripted.get(at).copied().unwrap_or(Behaviour::Succeed)
    }
}

/// Numbers from a seed (xorshift64*).
#[derive(Clone, Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    }

    /// Heads or tails.
    pub(crate) fn coin(&mut self) -> bool {
        self.roll(2) == 0
    }

    /// What a slice's agents do; none of them is refused for ever.
    fn behaviours(&mut self) -> Vec<Behaviour> {
        let mut behaviours: Vec<_> = (0..4).map(|_| self.behaviour()).collect();
        if let Some(last) = behaviours.last_mut().filter(|last| matches!(last, Behaviour::Limited(_))) {
            *last = Behaviour::Succeed;
        }
        behaviours
    }

    /// In every other goal the clock is set once, or the machine sleeps once.
    fn moves(&mut self) -> Vec<(u64, Move)> {
        let at = self.roll(120_000);
        match self.roll(8) {
            0 => vec![(at, Move::Set(DAY))],
            1 => vec![(at, Move::Set(-DAY))],
            2 => vec![(at, Move::Sleep(self.roll(DAY as u64)))],
            3 => vec![(at, Move::Sleep(3_600_000)), (at + 60_000, Move::Set(-DAY))],
            _ => Vec::new(),
        }
    }

    fn behaviour(&mut self) -> Behaviour {
        match self.roll(36) {
            12 | 13 => Behaviour::Break,
            14 => Behaviour::BreakTogether,
            15 => Behaviour::Fail,
            16 => Behaviour::Hang,
            17 => Behaviour::Lie,
            18 => Behaviour::Trespass,
            19..=21 => Behaviour::Share,
            22 => Behaviour::Clobber,
            23 => Behaviour::Leak,
            24 => Behaviour::Endless,
            25 => Behaviour::Crash,
            26 => Behaviour::Quiet,
            27 => Behaviour::Frozen,
            28 | 29 => Behaviour::Late,
            30 => Behaviour::Limited(self.coin().then_some(600_000)),
            31 => Behaviour::Ask,
            32 => Behaviour::Spend(1 + self.roll(5)),
            33 => Behaviour::Starve,
            _ => Behaviour::Succeed,
        }
    }
}
