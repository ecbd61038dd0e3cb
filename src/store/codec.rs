//! One record, one line.
//!
//! Owns the bytes of a journal line, versions 1 to 3: the order of the keys, the split of a fact into `type` and `data`,
//! and what `hash` covers. A line that was decoded has the hash that it names; whether it stands in its place is
//! the chain's business (`replay`).

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::domain::event::{ActorName, Draft, Event, JOURNAL_VERSION};
use crate::domain::evidence::JournalPosition;
use crate::domain::fact::Fact;
use crate::domain::ids::{AttemptRef, ContentHash, Seq, Timestamp};

/// How a line of each known version begins.
const KNOWN_HEADS: [&[u8]; JOURNAL_VERSION as usize] = [b"{\"v\":1,", b"{\"v\":2,", b"{\"v\":3,"];
const SEAL_HEAD: &[u8] = b",\"hash\":\"";
const SEAL_TAIL: &[u8] = b"\"}";
const HEX_DIGITS: usize = 64;
const SEAL: usize = SEAL_HEAD.len() + HEX_DIGITS + SEAL_TAIL.len();

/// Why a line is no record, or no record of this place.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BadRecord {
    /// A version of the schema that this program does not know.
    #[error("it was written by a newer omk: version {version} of the schema")]
    Newer {
        /// The version.
        version: u32,
    },
    /// Not the form of a record.
    #[error("it is no record: {detail}")]
    Malformed {
        /// What the parser says.
        detail: String,
    },
    /// The bytes are not those that were hashed.
    #[error("its hash does not fit its bytes")]
    WrongHash,
    /// A record is missing, or stands twice.
    #[error("it has number {found} where {expected} follows")]
    WrongSeq {
        /// The number that follows the record before.
        expected: Seq,
        /// The number that it has.
        found: Seq,
    },
    /// The record before it is not the one that it was written after.
    #[error("its prev_hash is not the hash of the record before")]
    BrokenChain,
}

/// A fact that has no form in JSON, such as one with a path that is not UTF-8.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the fact cannot be written as JSON: {0}")]
pub struct Unencodable(String);

/// The place before the first record.
pub fn genesis() -> JournalPosition {
    JournalPosition { seq: Seq(0), hash: ContentHash::zero() }
}

/// The place of a record.
pub fn position_of(event: &Event) -> JournalPosition {
    JournalPosition { seq: event.seq, hash: event.hash.clone() }
}

#[derive(Serialize)]
struct Unsealed<'a> {
    v: u32,
    seq: Seq,
    ts: Timestamp,
    actor: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Seq>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<&'a AttemptRef>,
    r#type: &'a str,
    data: &'a RawValue,
    prev_hash: &'a str,
}

#[derive(Deserialize)]
struct Sealed<'a> {
    seq: Seq,
    ts: Timestamp,
    actor: ActorName,
    #[serde(default)]
    cause: Option<Seq>,
    #[serde(default)]
    attempt: Option<AttemptRef>,
    r#type: &'a str,
    #[serde(borrow)]
    data: &'a RawValue,
    prev_hash: ContentHash,
    hash: ContentHash,
}

/// Appends the line of `draft`, its newline included, to `out`: the record that follows `after`. `out` is as it was
/// where the fact has no form in JSON.
pub fn encode(after: &JournalPosition, at: Timestamp, draft: Draft, out: &mut Vec<u8>) -> Result<Event, Unencodable> {
    let start = out.len();
    let seq = after.seq.next();
    if let Err(error) = write_unsealed(after, at, &draft, out) {
        out.truncate(start);
        return Err(Unencodable(error.to_string()));
    }
    let hash = ContentHash::from_digest(Sha256::digest(&out[start..]).into());
    out.pop();
    for part in [SEAL_HEAD, hash.as_str().as_bytes(), SEAL_TAIL, b"\n"] {
        out.extend_from_slice(part);
    }
    let Draft { actor, cause, attempt, fact } = draft;
    Ok(Event { seq, ts: at, actor, cause, attempt, fact, prev_hash: after.hash.clone(), hash })
}

fn write_unsealed(
    after: &JournalPosition,
    at: Timestamp,
    draft: &Draft,
    out: &mut Vec<u8>,
) -> Result<(), serde_json::Error> {
    let fact = serde_json::to_string(&draft.fact)?;
    let (kind, data) = split_fact(&fact);
    let line = Unsealed {
        v: JOURNAL_VERSION,
        seq: after.seq.next(),
        ts: at,
        actor: draft.actor.as_str(),
        cause: draft.cause,
        attempt: draft.attempt.as_ref(),
        r#type: kind,
        data: serde_json::from_str(data)?,
        prev_hash: after.hash.as_str(),
    };
    serde_json::to_writer(out, &line)
}

/// Splits `{"kind":data}`, the form that serde gives to a fact; a fact without fields is only `"kind"`. As text,
/// because serde's own way to split an enum builds the whole value in memory first.
fn split_fact(json: &str) -> (&str, &str) {
    match json.strip_prefix("{\"").and_then(|rest| rest.strip_suffix('}')).and_then(|rest| rest.split_once("\":")) {
        Some(parts) => parts,
        None => (json.trim_matches('"'), "null"),
    }
}

/// Reads one line, without its newline, and checks it against its own hash.
pub fn decode(line: &[u8]) -> Result<Event, BadRecord> {
    check_version(line)?;
    let hash = check_seal(line)?;
    let record: Sealed<'_> = serde_json::from_slice(line).map_err(malformed)?;
    if record.hash != hash {
        return Err(BadRecord::WrongHash);
    }
    let fact = join_fact(record.r#type, record.data.get())?;
    let Sealed { seq, ts, actor, cause, attempt, prev_hash, .. } = record;
    Ok(Event { seq, ts, actor, cause, attempt, fact, prev_hash, hash })
}

/// The version comes before everything else: a newer one may have another rule for the rest.
fn check_version(line: &[u8]) -> Result<(), BadRecord> {
    #[derive(Deserialize)]
    struct Versioned {
        v: u32,
    }
    if KNOWN_HEADS.iter().any(|head| line.starts_with(head)) {
        return Ok(());
    }
    let Versioned { v: version } = serde_json::from_slice(line).map_err(malformed)?;
    if version > JOURNAL_VERSION {
        return Err(BadRecord::Newer { version });
    }
    Err(BadRecord::Malformed { detail: "`v` is not its first member".to_owned() })
}

/// The hash that the bytes before the seal have. Its place is fixed: the last 75 bytes of the line.
fn check_seal(line: &[u8]) -> Result<ContentHash, BadRecord> {
    let unsealed =
        line.len().checked_sub(SEAL).filter(|&at| line[at..].starts_with(SEAL_HEAD) && line.ends_with(SEAL_TAIL));
    let Some(end) = unsealed else {
        return Err(BadRecord::Malformed { detail: "it does not end with its hash".to_owned() });
    };
    let digest = Sha256::new().chain_update(&line[..end]).chain_update(b"}").finalize();
    Ok(ContentHash::from_digest(digest.into()))
}

fn join_fact(kind: &str, data: &str) -> Result<Fact, BadRecord> {
    let mut json = String::with_capacity(kind.len() + data.len() + 5);
    for part in ["{\"", kind, "\":", data, "}"] {
        json.push_str(part);
    }
    serde_json::from_str(&json).map_err(|error| BadRecord::Malformed { detail: format!("in `{kind}`: {error}") })
}

fn malformed(error: serde_json::Error) -> BadRecord {
    BadRecord::Malformed { detail: error.to_string() }
}
