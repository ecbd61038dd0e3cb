//! Sentences about verdicts of gates that an exit status alone does not explain.

use crate::domain::ids::GateName;

/// The most lost tests that a sentence names.
const NAMED: usize = 3;

/// The gate is green, and tests of the base are gone or ignored.
pub fn without_tests(gate: &GateName, lost: &[String]) -> String {
    let names = lost.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    format!("gate `{gate}` is green without {} test(s) of the base: {names}", lost.len())
}

/// The gate exits with 0, and its output counts tests that failed.
pub fn counts_failures(gate: &GateName, failed: u64) -> String {
    format!("gate `{gate}` exits with 0, but its test runner counts {failed} failed test(s)")
}

/// The gate exits with 0 and has run no test.
pub fn ran_no_test(gate: &GateName) -> String {
    format!("gate `{gate}` exits with 0, but its test runner ran no test")
}
