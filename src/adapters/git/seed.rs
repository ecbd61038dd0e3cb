//! A new repository with one commit, for demonstrations: reads no configuration of the user.

use std::fs;
use std::path::{Component, Path};

use git2::{IndexAddOption, Repository, RepositoryInitOptions, Signature, Time};

use super::objects::{failed, fault};
use crate::domain::ids::Timestamp;
use crate::domain::order::Fault;

/// Makes a repository in `dir`, which must be new or empty, with one commit on `main` that holds `files` (repository
/// path and content).
pub fn seed(dir: &Path, files: &[(&str, &str)], at: Timestamp) -> Result<(), Fault> {
    let what = || format!("make a repository in {}", dir.display());
    if dir.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(fault(what(), "the directory is not empty".to_owned()));
    }
    for (path, content) in files {
        write(dir, path, content).map_err(failed(what()))?;
    }
    let mut options = RepositoryInitOptions::new();
    options.initial_head("main").external_template(false);
    let repo = Repository::init_opts(dir, &options).map_err(failed(what()))?;
    let mut index = repo.index().map_err(failed(what()))?;
    index.add_all(["*"], IndexAddOption::FORCE, None).map_err(failed(what()))?;
    index.write().map_err(failed(what()))?;
    let tree = index.write_tree().and_then(|id| repo.find_tree(id)).map_err(failed(what()))?;
    let seconds = i64::try_from(at.0 / 1000).unwrap_or(i64::MAX);
    let author = Signature::new("omk", "omk@localhost", &Time::new(seconds, 0)).map_err(failed(what()))?;
    repo.commit(Some("HEAD"), &author, &author, "Begin\n", &tree, &[]).map_err(failed(what()))?;
    Ok(())
}

fn write(dir: &Path, path: &str, content: &str) -> std::io::Result<()> {
    if !Path::new(path).components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(std::io::Error::other(format!("`{path}` leaves the repository")));
    }
    let path = dir.join(path);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, content)
}
