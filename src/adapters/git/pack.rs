//! Copies commits with all that is new below them from one store into another, durably, as one pack.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use git2::{Oid, Repository};

use super::objects::{failed, fault};
use crate::ports::Fault;

/// Copies what `tips` reach and `base` does not into `objects`. When it returns, the pack and its directory are synced.
pub(super) fn copy(repo: &Repository, base: Oid, tips: &[Oid], objects: &Path) -> Result<(), Fault> {
    let what = || format!("copy the results into {}", objects.display());
    let mut walk = repo.revwalk().map_err(failed(what()))?;
    walk.hide(base).map_err(failed(what()))?;
    for &tip in tips {
        walk.push(tip).map_err(failed(what()))?;
    }
    let mut builder = repo.packbuilder().map_err(failed(what()))?;
    builder.set_threads(1);
    builder.insert_walk(&mut walk).map_err(failed(what()))?;
    if builder.object_count() == 0 {
        return Ok(());
    }
    let directory = objects.join("pack");
    fs::create_dir_all(&directory).map_err(failed(what()))?;
    builder.write(&directory, 0o444).map_err(failed(what()))?;
    let name = builder.name().ok().flatten().ok_or_else(|| fault(what(), "the pack has no name"))?;
    sync(&directory, name).map_err(failed(what()))
}

fn sync(directory: &Path, name: &str) -> io::Result<()> {
    for extension in ["pack", "idx"] {
        File::open(directory.join(format!("pack-{name}.{extension}")))?.sync_all()?;
    }
    File::open(directory)?.sync_all()
}
