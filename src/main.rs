//! The program `omk`: hands everything to the command line and ends with its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    omk::cli::main()
}
