//! Whether a program that gates need can be run here at all: tried as they would, before anything is begun.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::environment::kept;
use crate::process::direct::run_captured;
use crate::process::program::Program;
use crate::process::sanitise::one_line;

/// Asks a program for its version, with what gates see of the environment `host`; what it says, or what is wrong. Blocks
/// until it answers.
pub fn version_of(program: &str, host: &BTreeMap<OsString, OsString>) -> Result<String, String> {
    let env = kept(host).collect();
    let asked = Program { program: program.into(), args: vec!["--version".into()], env, cwd: "/".into() };
    let output = run_captured(&asked, &[]).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "it is not found in PATH".to_owned(),
        _ => format!("it cannot be started: {error}"),
    })?;
    if output.status.success() {
        return Ok(one_line(&output.stdout));
    }
    let said = one_line(output.stderr.trim_ascii());
    Err(if said.is_empty() { output.status.to_string() } else { said })
}
