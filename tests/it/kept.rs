//! Artifacts in memory, for tests of what writes and reads them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use omk::domain::evidence::ArtifactRef;
use omk::domain::ids::ContentHash;
use omk::domain::order::Fault;
use omk::ports::{Artifacts, Effect, Growing};
use omk::process::output::Bounded;

/// All that was put, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

impl Kept {
    pub(crate) fn text(&self, artifact: &ArtifactRef) -> String {
        self.named(&artifact.path)
    }

    pub(crate) fn named(&self, name: &str) -> String {
        self.found(name).expect("an artifact")
    }

    pub(crate) fn found(&self, name: &str) -> Option<String> {
        let files = self.files.lock().expect("no panic");
        files.get(name).map(|bytes| String::from_utf8(bytes.clone()).expect("text"))
    }
}

/// One that comes piece by piece.
#[derive(Debug)]
struct Piecemeal {
    all: Kept,
    name: String,
    kept: Bounded,
}

impl Growing for Piecemeal {
    fn push(&mut self, bytes: &[u8]) {
        self.kept.push(bytes);
    }

    fn finish(self: Box<Self>) -> Effect<Result<ArtifactRef, Fault>> {
        self.all.put(&self.name, self.kept.finish())
    }
}

impl Artifacts for Kept {
    fn grow(&self, name: &str, ends: usize) -> Box<dyn Growing> {
        Box::new(Piecemeal { all: self.clone(), name: name.to_owned(), kept: Bounded::new(ends, ends) })
    }

    fn put(&self, name: &str, bytes: Vec<u8>) -> Effect<Result<ArtifactRef, Fault>> {
        let sha256 = ContentHash::parse(&"0".repeat(64)).expect("a hash");
        let reference = ArtifactRef { path: name.to_owned(), sha256, bytes: bytes.len() as u64 };
        self.files.lock().expect("no panic").insert(name.to_owned(), bytes);
        Box::pin(std::future::ready(Ok(reference)))
    }

    fn fetch(&self, artifact: &ArtifactRef) -> Effect<Result<Vec<u8>, Fault>> {
        let bytes = self.files.lock().expect("no panic").get(&artifact.path).cloned();
        let missing = || Fault { what: "fetch".into(), detail: "not there".into() };
        Box::pin(std::future::ready(bytes.ok_or_else(missing)))
    }
}
