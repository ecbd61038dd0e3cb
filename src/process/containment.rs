//! How processes are held together on this machine: what a keeper can rely on beside itself.

use std::path::PathBuf;

use super::contain::place;
use super::orphans::adopt;

/// The directory in which each tree of processes gets a control group of its own; `None` where the system gives none,
/// and a keeper has to do without. Looked up once, by making a group and entering it.
pub fn group_directory() -> Option<PathBuf> {
    place().cloned()
}

/// Whether `/proc` shows the processes that this one starts, by the numbers that it knows them by; `Err` is a phrase.
pub fn own_proc() -> Result<(), String> {
    let own = std::process::id();
    match std::fs::read_link("/proc/self") {
        Ok(shown) if shown.as_os_str() == own.to_string().as_str() => Ok(()),
        Ok(shown) => {
            Err(format!("/proc is that of another pid namespace (process {own} is {} there)", shown.display()))
        }
        Err(error) => Err(format!("/proc is not there ({error})")),
    }
}

/// Whether this process can be the parent of what dead keepers leave; it is from then on.
pub fn adopts_orphans() -> std::io::Result<()> {
    adopt()
}
