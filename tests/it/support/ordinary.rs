//! What only an ordinary user sees: root may write where permissions say no.

use std::process::{Command, Output};

/// The user that a test of root's is run as.
const NOBODY: &str = "65534";

/// Runs the test of this name again as an ordinary user where root runs it, and says whether that was done: the caller
/// has nothing more to do then. Where that cannot be, it says so, and nothing is tested.
pub(crate) fn was_run_as_an_ordinary_user(test: &str) -> bool {
    if !rustix::process::geteuid().is_root() {
        return false;
    }
    // By way of a shell: `setpriv` keeps root's rights until it has started something, and reaches what nobody else can.
    let may_start = as_ordinary_user("sh", &["-c", "exec \"$0\" --version", env!("CARGO_BIN_EXE_omk")]);
    if !may_start.as_ref().is_ok_and(|output| output.status.success()) {
        eprintln!(
            "SKIPPED: root cannot start the programs here as another user, so {test} is not tried: {may_start:?}"
        );
        return true;
    }
    let exe = std::env::current_exe().unwrap();
    let output = as_ordinary_user(exe.to_str().unwrap(), &["--exact", test, "--nocapture"]).unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
    true
}

fn as_ordinary_user(program: &str, args: &[&str]) -> std::io::Result<Output> {
    let mut command = Command::new("setpriv");
    command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", program]).args(args);
    // Root's own directory for temporary files may be closed to others.
    command.current_dir("/").env("HOME", "/nonexistent").env_remove("TMPDIR").output()
}
