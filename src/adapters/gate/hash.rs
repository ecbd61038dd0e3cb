//! Content hashes of what a gate is and of what it is given.

use sha2::{Digest, Sha256};

use crate::domain::ids::ContentHash;
use crate::domain::task::GateSpec;

/// SHA-256 over the canonical JSON (keys sorted, no white space) of a gate's frozen specification.
pub fn gate_hash(gate: &GateSpec) -> ContentHash {
    // Going by way of a `Value` sorts the keys. A specification is plain data, so neither step can fail.
    let canonical = serde_json::to_value(gate).map(|value| value.to_string()).unwrap_or_default();
    content_hash(canonical.as_bytes())
}

/// SHA-256 of bytes.
#[expect(clippy::expect_used, reason = "32 bytes in hexadecimal are 64 digits")]
pub(super) fn content_hash(bytes: &[u8]) -> ContentHash {
    let digest = Sha256::digest(bytes);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    ContentHash::parse(&hex).expect("64 lower-case hexadecimal digits")
}
