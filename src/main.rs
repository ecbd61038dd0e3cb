//! The `omk` program. Hidden verbs first: they start in a millisecond and need neither parser nor runtime.

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args_os().nth(1).as_deref().and_then(std::ffi::OsStr::to_str) {
        Some("__keeper") => omk::process::keeper::main(),
        Some("__script-agent") => omk::agents::script::main(),
        Some(_) | None => {
            println!("omk");
            ExitCode::SUCCESS
        }
    }
}
