//! The verbs that `omk` starts itself with: keepers of child processes, the script agent.
//!
//! They are answered before the command line is parsed, so that a child costs no more than it must.

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the hidden verb that `args` (without the program's name) begin with; `None` where they begin with none.
pub fn dispatch(_args: &[OsString]) -> Option<ExitCode> {
    None
}
