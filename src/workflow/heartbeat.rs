//! When a worker may renew its lease: only on a sign of life of what works under it.
//!
//! Pure. Between two renewals the keeper of the running program must have said that the program lives and is not
//! stopped. A step of our own (a worktree, a capture, a record that becomes durable) has no program and lives as long
//! as its worker does. Where no keeper has spoken since the program was started, there is none to ask (an adapter
//! without vitals): then the lease is renewed and the deadline alone ends the program.

use crate::domain::vitals::Vitals;

/// What is known of the life of one attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Heartbeat {
    /// A step of our own.
    #[default]
    Ours,
    /// A program runs, and no keeper has spoken yet.
    Unheard,
    /// A program runs, and its keeper has spoken before.
    Heard {
        /// Whether it has said since the last renewal that the program lives.
        alive: bool,
    },
}

impl Heartbeat {
    /// A program is being started.
    pub fn program_begins(&mut self) {
        *self = Self::Unheard;
    }

    /// The program has ended, and all that it started.
    pub fn program_ended(&mut self) {
        *self = Self::Ours;
    }

    /// The program's keeper has spoken.
    pub fn heard(&mut self, vitals: &Vitals) {
        *self = match *self {
            Self::Ours => Self::Ours,
            Self::Unheard => Self::Heard { alive: vitals.alive },
            Self::Heard { alive } => Self::Heard { alive: alive || vitals.alive },
        };
    }

    /// Whether the lease may be renewed now; what was heard until now counts once.
    pub fn beat(&mut self) -> bool {
        match self {
            Self::Ours | Self::Unheard => true,
            Self::Heard { alive } => std::mem::take(alive),
        }
    }
}
