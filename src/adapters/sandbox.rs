//! What confines agents and gates on this machine.
//!
//! In this version nothing does: they run with the user's rights, under a keeper that ends them but does not fence
//! them in. Whatever is asked for, the level in force is `none`, and the run, the status and the proof say so.

use std::fs;

use crate::domain::goal::SandboxLevel;
use crate::process::direct::run_captured;
use crate::process::program::Program;

/// Settings of the kernel that keep ordinary users from namespaces of their own, each with the value that does.
const FORBIDDING: [(&str, &str); 3] = [
    ("/proc/sys/user/max_user_namespaces", "0"),
    ("/proc/sys/kernel/unprivileged_userns_clone", "0"),
    ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"),
];

/// The confinement in force.
pub fn probe() -> SandboxLevel {
    SandboxLevel::None
}

/// Whether bubblewrap is there and works: its version, or what is wrong. Blocks for some milliseconds.
pub fn bubblewrap() -> Result<String, String> {
    let version = bwrap(&["--version"])?;
    bwrap(&["--unshare-user", "--unshare-pid", "--ro-bind", "/", "/", "true"])?;
    Ok(version.trim().trim_start_matches("bubblewrap ").to_owned())
}

fn bwrap(args: &[&str]) -> Result<String, String> {
    let env = std::env::var_os("PATH").map(|path| ("PATH".into(), path)).into_iter().collect();
    let args = args.iter().map(|arg| (*arg).into()).collect();
    let program = Program { program: "bwrap".into(), args, env, cwd: "/".into() };
    let output = run_captured(&program, &[]).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "not installed".to_owned(),
        _ => error.to_string(),
    })?;
    let text = |bytes: &[u8]| crate::process::sanitise::one_line(bytes);
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Whether the kernel lets users make namespaces of their own; `Err` names the setting that does not.
pub fn user_namespaces() -> Result<(), String> {
    if fs::metadata("/proc/self/ns/user").is_err() {
        return Err("the kernel has none".to_owned());
    }
    let forbids = |(file, value): &&(&str, &str)| fs::read_to_string(file).is_ok_and(|text| text.trim() == *value);
    match FORBIDDING.iter().find(forbids) {
        None => Ok(()),
        Some((file, value)) => Err(format!("{file} is {value}")),
    }
}
