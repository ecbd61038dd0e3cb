//! The clocks of a simulation: a steady one, and the wall's, which people set and which goes on while the machine
//! sleeps.

use omk::domain::ids::{Moment, Timestamp};

pub(crate) const START: u64 = 1_790_000_000_000;
/// A day, the farthest that a clock is set in one move.
pub(crate) const DAY: i64 = 86_400_000;

/// Something that moves the wall clock against the steady one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// The clock is set, forward or back.
    Set(i64),
    /// The machine sleeps.
    Sleep(u64),
}

#[derive(Debug, Default)]
pub(crate) struct Clocks {
    /// When this life of the program began; `None` between lives.
    pub(crate) began: Option<tokio::time::Instant>,
    /// Steady milliseconds before this life.
    lived_ms: u64,
    lives: u64,
    /// What happens when, by the steady milliseconds of all lives.
    pub(crate) moves: Vec<(u64, Move)>,
}

impl Clocks {
    pub(crate) fn begin(&mut self) {
        self.began = Some(tokio::time::Instant::now());
        self.lives += 1;
    }

    pub(crate) fn end(&mut self) {
        self.lived_ms += self.alive_ms();
        self.began = None;
    }

    /// Time passes without the program.
    pub(crate) fn rest(&mut self, ms: u64) {
        self.lived_ms += ms;
    }

    fn alive_ms(&self) -> u64 {
        self.began.map_or(0, |began| began.elapsed().as_millis() as u64)
    }

    pub(crate) fn steady_ms(&self) -> u64 {
        self.lived_ms + self.alive_ms()
    }

    fn past(&self) -> impl Iterator<Item = Move> {
        let now = self.steady_ms();
        self.moves.iter().filter(move |(at, _)| *at <= now).map(|(_, what)| *what)
    }

    pub(crate) fn now(&self) -> Timestamp {
        let moved: i64 = self
            .past()
            .map(|what| match what {
                Move::Set(ms) => ms,
                Move::Sleep(ms) => ms as i64,
            })
            .sum();
        Timestamp((START + self.steady_ms()).saturating_add_signed(moved))
    }

    /// Every life begins somewhere else: a moment means nothing to the next.
    pub(crate) fn moment(&self) -> Moment {
        Moment((self.lives * 7_919_000_000) % 100_000_000_000 + self.alive_ms())
    }

    pub(crate) fn slept_ms(&self) -> u64 {
        self.past()
            .map(|what| match what {
                Move::Set(_) => 0,
                Move::Sleep(ms) => ms,
            })
            .sum()
    }
}
