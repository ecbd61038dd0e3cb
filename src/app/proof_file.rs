//! The proof on disk, compared byte for byte with what the journal folds to.
//!
//! Rebuilds a file that is missing, or that a dead run left behind. Any other difference is an edit, and fails: also one
//! that a reader of JSON would pass over. A file of an earlier release is compared with what that release wrote.

use std::io::ErrorKind;

use rustix::io::Errno;
use serde::Deserialize;

use crate::app::Omk;
use crate::app::check::claim;
use crate::domain::event::Event;
use crate::domain::evidence::{JournalPosition, ProofStatement};
use crate::domain::goal::GoalStatus;
use crate::domain::ids::GoalId;
use crate::domain::view::CheckedClaim;
use crate::store::atomic::read_confined;
use crate::store::error::StoreError;
use crate::workflow::proof::{prove, prove_by, render};
use crate::workflow::state::GoalState;

/// The largest proof that is read, in bytes.
const LARGEST_PROOF: u64 = 64 << 20;
/// The name of the file.
const FILE: &str = "proof.json";

/// What a proof says of how it was made.
#[derive(Deserialize)]
struct Origin {
    predicate: OriginPredicate,
}

#[derive(Deserialize)]
struct OriginPredicate {
    #[serde(default = "first_rules")]
    rules: u32,
    journal: JournalPosition,
}

fn first_rules() -> u32 {
    1
}

/// The proof of a goal as it was found on the disk.
pub(super) struct ProofFile(Result<Vec<u8>, StoreError>);

impl Omk {
    /// Reads the proof of a goal. To be called before the journal is read: a run may write both meanwhile.
    pub(super) fn proof_file(&self, id: &GoalId) -> ProofFile {
        ProofFile(read_confined(self.state.goal(id).path(), FILE, LARGEST_PROOF))
    }

    /// Compares the proof on disk with the journal.
    pub(super) fn check_file(&self, id: &GoalId, found: ProofFile, events: &[Event]) -> CheckedClaim {
        let bytes = match found.0 {
            Ok(bytes) => bytes,
            Err(StoreError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                self.rebuild(id);
                return claim("proof", true, "proof.json was missing; it is folded from the journal anew");
            }
            Err(StoreError::Io { source, .. }) if Errno::from_io_error(&source) == Some(Errno::LOOP) => {
                return claim("proof", false, "proof.json is a symlink: what it names is not the proof of this goal");
            }
            Err(error) => return claim("proof", false, format!("proof.json cannot be read: {}", error.chain())),
        };
        match judge(&bytes, events) {
            File::Current(detail) => claim("proof", true, detail),
            File::Stale(detail) => {
                self.rebuild(id);
                claim("proof", true, detail)
            }
            File::Different(detail) => claim("proof", false, detail),
        }
    }
}

/// How a file compares with the journal.
enum File {
    /// It is what the journal folds to.
    Current(String),
    /// It is what the journal folded to earlier in its last run, and claims no more than the journal does now.
    Stale(String),
    /// It is something else.
    Different(String),
}

fn judge(bytes: &[u8], events: &[Event]) -> File {
    let Ok(Origin { predicate: OriginPredicate { rules, journal } }) = serde_json::from_slice(bytes) else {
        return File::Different("proof.json is not a proof: it was edited".to_owned());
    };
    let seq = journal.seq;
    let last = events.last().map_or(0, |event| event.seq.0);
    if seq.0 > last {
        return File::Different(format!("proof.json names record {seq}, and the journal ends at {last}"));
    }
    let until: Vec<Event> = events.iter().take_while(|event| event.seq <= seq).cloned().collect();
    match prove_by(rules, &until) {
        None => File::Different(format!("proof.json was made by rules {rules}, which this omk does not know")),
        Some(proof) if render(&proof) != bytes => {
            File::Different("proof.json is not what the journal folds to: it was edited".to_owned())
        }
        Some(_) if seq.0 == last => {
            File::Current(format!("proof.json is, to the byte, what the journal folds to at record {last}"))
        }
        Some(proof) if claims_no_more(&proof, events) => {
            File::Stale(format!("proof.json was of record {seq} of {last}, and claimed no more than the journal does"))
        }
        Some(_) => File::Different(format!(
            "proof.json is of record {seq}, and the journal has said otherwise since (it ends at {last}); `omk goal replay` \
             writes it anew"
        )),
    }
}

/// Whether an earlier proof says nothing that the journal does not say any more. One that says `ready` must leave out
/// no gap.
fn claims_no_more(earlier: &ProofStatement, events: &[Event]) -> bool {
    let ready = GoalStatus::Ready.as_str();
    let (was, now) = (&earlier.predicate, prove(&GoalState::replay(events)).map(|now| now.predicate));
    was.status != ready
        || now.is_some_and(|now| {
            let same = (&now.status, &now.head, &now.branch) == (&was.status, &was.head, &was.branch);
            same && now.gaps.iter().all(|gap| was.gaps.contains(gap))
        })
}
