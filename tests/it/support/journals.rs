//! Journals as bytes and as files.

use omk::domain::event::{Draft, Event};
use omk::domain::evidence::JournalPosition;
use omk::domain::ids::Timestamp;
use omk::store::codec::{encode, genesis, position_of};
use sha2::{Digest, Sha256};

/// The moment of every sample record.
pub(crate) const AT: Timestamp = Timestamp(1_763_700_000_123);

/// A journal of these facts: its bytes and its records.
pub(crate) fn encoded(drafts: impl IntoIterator<Item = Draft>) -> (Vec<u8>, Vec<Event>) {
    let (mut bytes, mut events, mut position): (_, Vec<Event>, JournalPosition) = (Vec::new(), Vec::new(), genesis());
    for draft in drafts {
        let event = encode(&position, AT, draft, &mut bytes).expect("a fact with a form in JSON");
        position = position_of(&event);
        events.push(event);
    }
    (bytes, events)
}

/// Adds its hash to a record that was written by hand, `{…}` without `hash`.
pub(crate) fn sealed(unsealed: &str) -> String {
    let hash: String = Sha256::digest(unsealed.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{},\"hash\":\"{hash}\"}}\n", unsealed.strip_suffix('}').expect("an object"))
}
