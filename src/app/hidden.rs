//! The verbs that `omk` starts itself with: keepers of child processes, the script agent.
//!
//! They are answered before the command line is parsed, so that a child costs no more than it must.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::agents::script;
use crate::process::{inherited, keeper, spawn};

/// Makes this process independent of how it was started. To be called first thing in `main`.
pub fn prepare() {
    inherited::put_right();
}

/// Runs the hidden verb that `args` (without the program's name) begin with; `None` where they begin with none.
pub fn dispatch(args: &[OsString]) -> Option<ExitCode> {
    let verb = args.first()?;
    if verb == spawn::KEEPER_VERB {
        return Some(keeper::main());
    }
    if verb == script::SCRIPT_VERB {
        return Some(script::main());
    }
    None
}
