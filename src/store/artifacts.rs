//! The evidence of a goal: files that the journal names by their content.
//!
//! Owns `artifacts/`. A file is durable before its name is given out; a file that is not what it was named by is
//! never handed on.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::domain::evidence::ArtifactRef;
use crate::domain::ids::ContentHash;
use crate::domain::order::Fault;
use crate::ports::{Artifacts, Effect, Growing};
use crate::store::atomic::{Durability, read_confined, write_derived};
use crate::store::error::StoreError;
use crate::store::growing::GrowingFile;
use crate::store::layout::GoalDir;

/// The evidence in a goal's directory.
#[derive(Clone, Debug)]
pub struct GoalArtifacts {
    root: PathBuf,
}

impl GoalArtifacts {
    /// The evidence of `goal`.
    pub fn new(goal: &GoalDir) -> Self {
        Self { root: goal.path().to_owned() }
    }

    /// The goal's directory.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Writes evidence and waits for it: `name` below `artifacts/`, relative and in normal form.
    pub fn put_now(&self, name: &str, bytes: &[u8]) -> Result<ArtifactRef, StoreError> {
        let path = format!("artifacts/{name}");
        write_derived(&self.root, &path, bytes, Durability::Synced)?;
        Ok(ArtifactRef { path, sha256: hash_of(bytes), bytes: bytes.len() as u64 })
    }

    /// Reads evidence and waits for it. Refuses `Forged` where its content is another.
    pub fn fetch_now(&self, artifact: &ArtifactRef) -> Result<Vec<u8>, StoreError> {
        let bytes = read_confined(&self.root, &artifact.path, artifact.bytes.saturating_add(1))?;
        if bytes.len() as u64 != artifact.bytes || hash_of(&bytes) != artifact.sha256 {
            return Err(StoreError::Forged { path: self.root.join(&artifact.path) });
        }
        Ok(bytes)
    }
}

impl Artifacts for GoalArtifacts {
    fn put(&self, name: &str, bytes: Vec<u8>) -> Effect<Result<ArtifactRef, Fault>> {
        let (store, name) = (self.clone(), name.to_owned());
        blocking(format!("keep the evidence {name}"), move || store.put_now(&name, &bytes))
    }

    fn grow(&self, name: &str, ends: usize) -> Box<dyn Growing> {
        Box::new(GrowingFile::new(self.clone(), name, ends))
    }

    fn fetch(&self, artifact: &ArtifactRef) -> Effect<Result<Vec<u8>, Fault>> {
        let (store, artifact) = (self.clone(), artifact.clone());
        blocking(format!("fetch the evidence {}", artifact.path), move || store.fetch_now(&artifact))
    }
}

/// Names bytes by their content.
pub fn hash_of(bytes: &[u8]) -> ContentHash {
    ContentHash::from_digest(Sha256::digest(bytes).into())
}

/// Does work of the disk where nobody waits for it.
pub(super) fn blocking<T: Send + 'static>(
    what: String,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Effect<Result<T, Fault>> {
    Box::pin(async move {
        let done = tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string());
        done.and_then(|result| result.map_err(|error| error.chain())).map_err(|detail| Fault { what, detail })
    })
}
