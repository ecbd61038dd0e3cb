//! What is planned to go wrong: deaths of the program at five points of every effect, failing effects, panics.

use std::collections::BTreeMap;

use super::scenario::Dice;

/// Where around an effect the program dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// Before the facts that let it start are durable.
    BeforeCommit,
    /// They are durable, the effect has not begun.
    Dispatch,
    /// Half of it is done.
    During,
    /// The world has changed, and nobody has been told.
    Success,
    /// Its result was told; the first record that follows from it is durable.
    After,
}

impl Point {
    pub(crate) const ALL: [Self; 5] = [Self::BeforeCommit, Self::Dispatch, Self::During, Self::Success, Self::After];
}

/// What becomes of one effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doom {
    /// The program dies there.
    Die(Point),
    /// It fails, and says so.
    Fail,
}

/// Which call of an actor panics.
#[derive(Clone, Debug)]
pub(crate) struct Panic {
    /// The module of the actor that makes the call: `actors::scheduler`.
    pub(crate) caller: &'static str,
    /// How many of its calls go well before, each time.
    pub(crate) skip: u32,
    /// How many panics in all.
    pub(crate) times: u32,
}

/// Effects that fail at random, each for a while.
#[derive(Clone, Debug)]
pub(crate) struct Faults {
    /// One in so many.
    pub(crate) one_in: u64,
    /// How many more.
    pub(crate) left: u32,
    pub(crate) dice: Dice,
    /// The kind that is failing now, and how many more calls of it do.
    pub(crate) failing: Option<(&'static str, u64)>,
}

/// The plan of one life of the program.
#[derive(Debug, Default)]
pub(crate) struct Fate {
    /// It dies once the journal has that many records.
    pub(crate) die_after: Option<usize>,
    /// By the number of the effect in this life, from 0.
    pub(crate) dooms: BTreeMap<usize, Doom>,
    pub(crate) faults: Option<Faults>,
    /// The append of this number, from 0, fails with that many of its records written.
    pub(crate) journal_fails: Option<(usize, usize)>,
    pub(crate) panic: Option<Panic>,
    /// Every effect of this life: its kind, and how many records there were when it was asked for.
    pub(crate) calls: Vec<(&'static str, usize)>,
    pub(crate) appends: usize,
    pub(crate) skipped: u32,
}

impl Fate {
    /// The next effect is asked for.
    pub(crate) fn next(&mut self, kind: &'static str, records: usize) -> Option<Doom> {
        let number = self.calls.len();
        self.calls.push((kind, records));
        self.dooms.get(&number).copied().or_else(|| self.faults.as_mut()?.next(kind))
    }

    /// Whether this append fails, and how many of its records are written nevertheless.
    pub(crate) fn next_append(&mut self) -> Option<usize> {
        let number = self.appends;
        self.appends += 1;
        self.journal_fails.filter(|(at, _)| *at == number).map(|(_, written)| written)
    }

    /// Whether this call panics. The caller is read off the stack: only armed plans pay for that.
    pub(crate) fn panics(&mut self) -> bool {
        let Some(plan) = self.panic.as_mut().filter(|plan| plan.times > 0) else { return false };
        if !std::backtrace::Backtrace::force_capture().to_string().contains(plan.caller) {
            return false;
        }
        self.skipped += 1;
        let due = self.skipped > plan.skip;
        if due {
            self.skipped = 0;
            plan.times -= 1;
        }
        due
    }
}

impl Faults {
    fn next(&mut self, kind: &'static str) -> Option<Doom> {
        if let Some((failing, left)) = self.failing.as_mut().filter(|(_, left)| *left > 0) {
            let same = *failing == kind;
            *left -= u64::from(same);
            return same.then_some(Doom::Fail);
        }
        if self.left == 0 || self.dice.roll(self.one_in) != 0 {
            return None;
        }
        self.left -= 1;
        self.failing = Some((kind, self.dice.roll(3)));
        Some(Doom::Fail)
    }
}
