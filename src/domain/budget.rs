//! What a goal may spend and has spent: time, tokens, USD; by whom, and on whose account.

use serde::{Deserialize, Serialize};

use crate::domain::ids::{SliceId, Timestamp};
use crate::domain::review::Role;

/// What may be spent. `None` is without limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Wall-clock time of runs, pauses excluded, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<u64>,
    /// Tokens, input and output together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Money in millionths of a US dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_micros: Option<u64>,
}

impl Limits {
    /// Whether nothing is limited.
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }

    /// These limits with more of what is limited. What has no limit gets none by this: more of it would be less.
    pub fn extended_by(&self, more: &Self) -> Result<Self, Unextendable> {
        let sum = |budget: BudgetKind| match (budget.of(self), budget.of(more)) {
            (have, None) => Ok(have),
            (None, Some(_)) => Err(Unextendable::Unlimited(budget)),
            (Some(have), Some(more)) => have.checked_add(more).map(Some).ok_or(Unextendable::TooMuch(budget)),
        };
        Ok(Self {
            time_ms: sum(BudgetKind::Time)?,
            tokens: sum(BudgetKind::Tokens)?,
            usd_micros: sum(BudgetKind::Usd)?,
        })
    }
}

/// Why more cannot be added to a limit. Its text follows a word for whose limit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unextendable {
    /// There is none.
    Unlimited(BudgetKind),
    /// The sum is more than can be counted.
    TooMuch(BudgetKind),
}

impl std::fmt::Display for Unextendable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unlimited(budget) => {
                write!(f, "has no limit of {}, so there is nothing to add to: it goes on without", budget.as_str())
            }
            Self::TooMuch(budget) => {
                write!(f, "would have a limit of {} that is more than this program can count", budget.as_str())
            }
        }
    }
}

/// In which role something was spent. Written as `executor`, `planner`, `integrator`, or a reviewer's role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spender {
    /// Works on slices.
    #[default]
    Executor,
    /// Makes the plan.
    Planner,
    /// Merges.
    Integrator,
    /// Looks at a change from one side.
    #[serde(untagged)]
    Reviewer(Role),
}

impl Spender {
    /// Whether it is the one that old journals mean.
    pub fn is_executor(&self) -> bool {
        *self == Self::Executor
    }

    /// Every role, reviewers last.
    pub fn all() -> impl Iterator<Item = Self> {
        [Self::Executor, Self::Planner, Self::Integrator].into_iter().chain(Role::ALL.into_iter().map(Self::Reviewer))
    }

    /// The role that a text names; `Err` names all that there are.
    pub fn parse(text: &str) -> Result<Self, String> {
        let known = || Self::all().map(Self::as_str).collect::<Vec<_>>().join(", ");
        let found = Self::all().find(|role| role.as_str() == text);
        found.ok_or_else(|| format!("`{text}` is no role; there are {}", known()))
    }

    /// The role as scripts read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Executor => "executor",
            Self::Planner => "planner",
            Self::Integrator => "integrator",
            Self::Reviewer(role) => role.as_str(),
        }
    }
}

/// Whose limit it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// The goal's.
    #[default]
    Goal,
    /// One slice's.
    Slice(SliceId),
    /// One role's.
    Role(Spender),
}

impl std::fmt::Display for Account {
    /// As a phrase: `the goal`, "slice `a`", `role executor`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Goal => f.write_str("the goal"),
            Self::Slice(slice) => write!(f, "slice `{slice}`"),
            Self::Role(role) => write!(f, "role {}", role.as_str()),
        }
    }
}

impl Account {
    /// The options of `goal budget-add` that name it, with a space before each; empty for the goal's.
    pub fn options(&self) -> String {
        match self {
            Self::Goal => String::new(),
            Self::Slice(slice) => format!(" --slice {slice}"),
            Self::Role(role) => format!(" --role {}", role.as_str()),
        }
    }

    /// Whether it is the one that old journals mean.
    pub fn is_goal(&self) -> bool {
        *self == Self::Goal
    }

    /// Whether nothing of the goal can go on once it is used up.
    pub fn stops_the_run(&self) -> bool {
        match self {
            Self::Goal | Self::Role(_) => true,
            Self::Slice(_) => false,
        }
    }
}

/// What an attempt may spend before it asks again. Zero of what has no limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// The slice.
    pub slice: SliceId,
    /// In which role.
    #[serde(default, skip_serializing_if = "Spender::is_executor")]
    pub role: Spender,
    /// Tokens, input and output together, on top of what the attempt holds already.
    #[serde(default)]
    pub tokens: u64,
    /// Money in millionths of a US dollar, on top of what the attempt holds already.
    #[serde(default)]
    pub usd_micros: u64,
}

impl Price {
    /// What a use costs, in millionths of a US dollar, rounded down.
    pub fn of(&self, usage: &Usage) -> u64 {
        let cached = usage.cached_tokens.min(usage.input_tokens);
        let fresh = usage.input_tokens - cached;
        let parts =
            [(fresh, self.input_micros), (cached, self.cached_micros), (usage.output_tokens, self.output_micros)];
        let sum = parts.iter().map(|(tokens, micros)| u128::from(*tokens) * u128::from(*micros)).sum::<u128>();
        u64::try_from(sum / 1_000_000).unwrap_or(u64::MAX)
    }
}

/// The time of all runs of a goal, by a clock that neither sleeps nor jumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Milliseconds, pauses and the machine's sleep excluded.
    pub time_ms: u64,
}

/// How the wall clock left the steady one behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockMove {
    /// How long the machine slept, in milliseconds.
    pub slept_ms: u64,
    /// How far the clock was set forward (or back, below zero), in milliseconds.
    pub jumped_ms: i64,
}

/// A set clock is noticed within this time, in milliseconds.
const NOTICED_WITHIN_MS: i64 = 15_000;

impl ClockMove {
    /// Whether a moment was read from the clock before it was set, which was noticed at `now`.
    pub fn is_by_the_old_clock(&self, moment: Timestamp, now: Timestamp) -> bool {
        let (moment, now) = (signed(moment), signed(now));
        // Between the jump and its notice both clocks may have been read: what fits the new one is of the new one.
        self.jumped_ms != 0 && !(now.saturating_sub(NOTICED_WITHIN_MS)..=now).contains(&moment)
    }

    /// The moment by the clock as it is set now.
    pub fn restated(&self, moment: Timestamp, now: Timestamp) -> Timestamp {
        match self.is_by_the_old_clock(moment, now) {
            true => Timestamp(signed(moment).saturating_add(self.jumped_ms).max(0).unsigned_abs()),
            false => moment,
        }
    }
}

fn signed(moment: Timestamp) -> i64 {
    i64::try_from(moment.0).unwrap_or(i64::MAX)
}

/// What a model costs, as the user's configuration says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// The model, as agents name it.
    pub model: String,
    /// Per million input tokens that came from no cache, in millionths of a US dollar.
    pub input_micros: u64,
    /// Per million input tokens that came from a cache.
    pub cached_micros: u64,
    /// Per million output tokens.
    pub output_micros: u64,
    /// The day of the price list, `2026-11-01`.
    pub as_of: String,
}

/// What agents report to have used. Money stays `None` until somebody states a price: unknown is not zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Input tokens, cached ones included.
    #[serde(default)]
    pub input_tokens: u64,
    /// Input tokens that came from a cache.
    #[serde(default)]
    pub cached_tokens: u64,
    /// Output tokens.
    #[serde(default)]
    pub output_tokens: u64,
    /// Money in millionths of a US dollar, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_micros: Option<u64>,
}

impl Usage {
    /// Input and output tokens together.
    pub fn tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }

    /// Whether nothing was used.
    pub fn is_nothing(&self) -> bool {
        self.tokens() == 0 && self.usd_micros.unwrap_or(0) == 0
    }

    /// Whether tokens were used that nobody put a price on.
    pub fn is_unpriced(&self) -> bool {
        self.tokens() > 0 && self.usd_micros.is_none()
    }

    /// The greater of two uses, number by number.
    #[must_use]
    pub fn at_least(&self, other: &Self) -> Self {
        Self {
            input_tokens: self.input_tokens.max(other.input_tokens),
            cached_tokens: self.cached_tokens.max(other.cached_tokens),
            output_tokens: self.output_tokens.max(other.output_tokens),
            usd_micros: self.usd_micros.max(other.usd_micros),
        }
    }

    /// What this use has more of than an earlier one, number by number.
    #[must_use]
    pub fn beyond(&self, earlier: &Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_sub(earlier.input_tokens),
            cached_tokens: self.cached_tokens.saturating_sub(earlier.cached_tokens),
            output_tokens: self.output_tokens.saturating_sub(earlier.output_tokens),
            usd_micros: match (self.usd_micros, earlier.usd_micros) {
                (Some(now), Some(before)) => Some(now.saturating_sub(before)).filter(|more| *more > 0),
                (now, None) => now,
                (None, Some(_)) => None,
            },
        }
    }

    /// The sum of two uses.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            cached_tokens: self.cached_tokens.saturating_add(other.cached_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            usd_micros: match (self.usd_micros, other.usd_micros) {
                (None, None) => None,
                (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
            },
        }
    }
}

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetKind {
    /// Wall-clock time.
    Time,
    /// Tokens.
    Tokens,
    /// Money.
    Usd,
}

impl BudgetKind {
    /// Every kind, in the order in which they are looked at.
    pub const ALL: [Self; 3] = [Self::Time, Self::Tokens, Self::Usd];

    /// The limit of this kind.
    pub fn of(self, limits: &Limits) -> Option<u64> {
        match self {
            Self::Time => limits.time_ms,
            Self::Tokens => limits.tokens,
            Self::Usd => limits.usd_micros,
        }
    }

    /// The kind as scripts read it, which is also the flag of `goal budget-add`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Tokens => "tokens",
            Self::Usd => "usd",
        }
    }
}

/// An amount of US dollars such as `25`, `0.50` or `$1.10`, in millionths; `None` where it is none, is below zero, or
/// is finer than a millionth.
pub fn usd_micros(text: &str) -> Option<u64> {
    let text = text.strip_prefix('$').unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.len() > 6 || !digits(whole) || !digits(fraction) {
        return None;
    }
    format!("{whole}{fraction:0<6}").parse().ok()
}

/// How the reason begins for which a slice is given up whose own budget is used up.
pub const SLICE_USED_UP: &str = "its budget of ";
