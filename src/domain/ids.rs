//! Names of things: goals, slices, attempts, gates, commits, moments.
//!
//! Owns the shape of every identifier and the one place where each is parsed. An identifier that exists is valid;
//! nothing downstream checks it again.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A text that is not the identifier that it was meant to be.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{kind} `{text}` {problem}")]
pub struct InvalidId {
    /// What it should have been: `slice id`, `goal id`, …
    pub kind: &'static str,
    /// The text as it was given.
    pub text: String,
    /// What is wrong with it, as the end of a sentence.
    pub problem: &'static str,
}

fn invalid(kind: &'static str, text: &str, problem: &'static str) -> InvalidId {
    InvalidId { kind, text: text.to_owned(), problem }
}

/// Declares a string newtype whose `parse` runs a check.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Reads the identifier from text, or says what is wrong with it.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                $check(text)?;
                Ok(Self(text.to_owned()))
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                $check(&text)?;
                Ok(Self(text))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

text_id!(
    /// A goal: `<slug>-<code>`, where the code is the moment of creation in Crockford base 32, so that the codes
    /// of goals sort by age.
    GoalId, check_goal
);
text_id!(
    /// A slice of a goal, as its plan names it: `[a-z0-9][a-z0-9-]{0,39}`, never `integration` or `base`.
    SliceId, check_slice
);
text_id!(
    /// A gate, as the plan or the configuration names it: `[a-z0-9][a-z0-9_.-]{0,39}`.
    GateName, check_gate
);
text_id!(
    /// A git commit, 40 lower-case hexadecimal digits.
    CommitId, check_object
);
text_id!(
    /// A git tree, 40 lower-case hexadecimal digits.
    TreeId, check_object
);
text_id!(
    /// The content of a file: a SHA-256, 64 lower-case hexadecimal digits.
    ContentHash, check_sha256
);

fn check_goal(text: &str) -> Result<(), InvalidId> {
    const KIND: &str = "goal id";
    if text.is_empty() || text.len() > 64 {
        return Err(invalid(KIND, text, "has not between 1 and 64 characters"));
    }
    if !text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') || text.starts_with('-') {
        return Err(invalid(KIND, text, "holds more than lower-case letters, digits and inner dashes"));
    }
    Ok(())
}

fn check_slice(text: &str) -> Result<(), InvalidId> {
    const KIND: &str = "slice id";
    if text == "integration" || text == "base" {
        return Err(invalid(KIND, text, "is reserved"));
    }
    if text.is_empty() || text.len() > 40 {
        return Err(invalid(KIND, text, "has not between 1 and 40 characters"));
    }
    if !text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') || text.starts_with('-') {
        return Err(invalid(KIND, text, "does not match [a-z0-9][a-z0-9-]*"));
    }
    Ok(())
}

fn check_gate(text: &str) -> Result<(), InvalidId> {
    const KIND: &str = "gate name";
    if text.is_empty() || text.len() > 40 {
        return Err(invalid(KIND, text, "has not between 1 and 40 characters"));
    }
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
    if !text.bytes().all(inner) || text.starts_with(['-', '_', '.']) {
        return Err(invalid(KIND, text, "does not match [a-z0-9][a-z0-9_.-]*"));
    }
    Ok(())
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn check_object(text: &str) -> Result<(), InvalidId> {
    if is_hex(text, 40) { Ok(()) } else { Err(invalid("object id", text, "is not 40 lower-case hexadecimal digits")) }
}

fn check_sha256(text: &str) -> Result<(), InvalidId> {
    if is_hex(text, 64) { Ok(()) } else { Err(invalid("sha256", text, "is not 64 lower-case hexadecimal digits")) }
}

impl CommitId {
    /// The first seven digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..7]
    }
}

impl TreeId {
    /// The first seven digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..7]
    }
}

impl ContentHash {
    /// Names 32 bytes of a SHA-256.
    pub fn from_digest(digest: [u8; 32]) -> Self {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let digits = digest.iter().flat_map(|byte| [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        Self(digits.map(char::from).collect())
    }

    /// 64 zeros: what the first record of a journal names as the one before it.
    pub fn zero() -> Self {
        Self::from_digest([0; 32])
    }
}

const CROCKFORD: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 2025-01-01T00:00:00Z, the first moment that a goal's code can say.
const CODE_EPOCH_MS: u64 = 1_735_689_600_000;
const CODE_DIGITS: usize = 8;

impl GoalId {
    /// Names a goal after its text and the moment of its creation. Two goals of one millisecond and one slug would
    /// get one name; whoever creates the directory tries the next millisecond then.
    pub fn coined(goal: &str, created: Timestamp) -> Self {
        let mut code = [b'0'; CODE_DIGITS];
        let mut rest = created.0.saturating_sub(CODE_EPOCH_MS);
        for digit in code.iter_mut().rev() {
            *digit = CROCKFORD[(rest % 32) as usize];
            rest /= 32;
        }
        let code: String = code.iter().map(|&b| char::from(b)).collect();
        Self(format!("{}-{code}", slug(goal)))
    }

    /// The time-sorted part behind the last dash; sorting by it sorts goals by age.
    pub fn code(&self) -> &str {
        self.0.rsplit('-').next().unwrap_or(&self.0)
    }
}

fn slug(text: &str) -> String {
    const LONGEST: usize = 30;
    let mut slug = String::new();
    for word in text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()) {
        if !slug.is_empty() && slug.len() + 1 + word.len() > LONGEST {
            break;
        }
        if !slug.is_empty() {
            slug.push('-');
        }
        slug.extend(word.chars().take(LONGEST).map(|c| c.to_ascii_lowercase()));
    }
    if slug.is_empty() { "goal".to_owned() } else { slug }
}

/// Declares a counter newtype.
macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// The number that follows.
            #[must_use]
            pub fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number_id!(
    /// Which try of a slice, from 1.
    Attempt, u32
);
number_id!(
    /// The fencing token of a lease: grows with every claim in the goal; a result of an older one is dropped.
    Epoch, u64
);
number_id!(
    /// The place of a record in a goal's journal, from 1.
    Seq, u64
);
number_id!(
    /// Which batch of the merge queue, from 1.
    Batch, u32
);

/// One attempt of one slice under one lease; what every late message is checked against.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptRef {
    /// The slice.
    pub slice: SliceId,
    /// Which try of it.
    pub attempt: Attempt,
    /// The lease under which it runs.
    pub epoch: Epoch,
}

impl fmt::Display for AttemptRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.slice, self.attempt)
    }
}

/// A moment of the steady clock: milliseconds since some fixed moment of this boot, the machine's sleep excluded. What
/// leases and budgets are measured by; means nothing in another process's journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u64);

impl Moment {
    /// Milliseconds from `earlier` to this moment.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment `ms` milliseconds later.
    #[must_use]
    pub fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

/// The present by both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// By the wall clock: for show, and for times that somebody states.
    pub wall: Timestamp,
    /// By the steady clock: for whatever is measured.
    pub steady: Moment,
}

/// A moment of the wall clock: milliseconds since 1970-01-01T00:00:00Z. Written as RFC 3339 with milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Milliseconds from `earlier` to this moment, zero where the clock went back.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment `ms` milliseconds later.
    #[must_use]
    pub fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

/// The last moment that RFC 3339 can show, the end of the year 9999; later ones are shown as that.
const LAST_SHOWN_MS: u64 = 253_402_300_799_999;

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_millis(self.0.min(LAST_SHOWN_MS));
        humantime::format_rfc3339_millis(time).fmt(f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let time = humantime::parse_rfc3339(&text).map_err(serde::de::Error::custom)?;
        let since = time.duration_since(std::time::UNIX_EPOCH).map_err(serde::de::Error::custom)?;
        u64::try_from(since.as_millis()).map(Timestamp).map_err(serde::de::Error::custom)
    }
}
