//! Mends the private repository after a loss of power.
//!
//! What is named anywhere was synced first (see `durable`). But a machine that stops while an attempt is captured leaves
//! files that are empty or cut short. Git takes an object whose file exists for written, so such a file would never be
//! written again: it is removed. The check runs once after each boot of the machine, by the kernel's boot id, and after
//! each run that died: a boot id says nothing about a disk that is somewhere else.

use std::fs;
use std::path::{Path, PathBuf};

use git2::{Oid, Repository};

use super::objects::failed;
use super::regular;
use crate::adapters::removal::remove_tree;
use crate::domain::order::Fault;

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Removes loose objects that cannot be read, where the machine was started anew since this was last done, or `anyway`.
/// Returns how many.
pub(super) fn mend(repository: &Path, anyway: bool) -> Result<usize, Fault> {
    let what = || format!("check the objects of {}", repository.display());
    let marker = repository.join("omk-boot");
    let boot = fs::read(BOOT_ID).unwrap_or_default();
    if !anyway && !boot.is_empty() && regular::read(&marker).is_ok_and(|last| last == boot) {
        return Ok(0);
    }
    let mut removed = 0;
    let repo = Repository::open_bare(repository).map_err(failed(what()))?;
    let odb = repo.odb().map_err(failed(what()))?;
    for (id, file) in loose(&repository.join("objects")).map_err(failed(what()))? {
        // What is no file is not even opened: a FIFO would never answer.
        let is_file = fs::symlink_metadata(&file).is_ok_and(|meta| meta.is_file());
        if !is_file || odb.read(id).is_err() {
            remove_tree(&file).map_err(failed(format!("remove the broken object {}", file.display())))?;
            removed += 1;
        }
    }
    remove_tree(&marker).and_then(|()| fs::write(marker, boot)).map_err(failed(what()))?;
    Ok(removed)
}

/// The loose objects of a store, each with its file.
fn loose(objects: &Path) -> std::io::Result<Vec<(Oid, PathBuf)>> {
    let mut found = Vec::new();
    for fan in fs::read_dir(objects)? {
        let fan = fan?;
        let prefix = fan.file_name().to_string_lossy().into_owned();
        if prefix.len() != 2 || !fan.file_type()?.is_dir() {
            continue;
        }
        for file in fs::read_dir(fan.path())? {
            let file = file?.path();
            let rest = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if let (40, Ok(id)) = (prefix.len() + rest.len(), Oid::from_str(&format!("{prefix}{rest}"))) {
                found.push((id, file));
            }
        }
    }
    Ok(found)
}
