//! The worktree's files, for agents that read and write them through us.
//!
//! Owns what a path really names: links are resolved before the policy judges, and the last component may not be one.
//! Writes are done one after another, in the order in which they came, and none once the conversation is on its way out.

use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;
use serde_json::{Value, json};

use super::writes::Writes;
use crate::agents::jsonrpc::message::{Answer, INTERNAL, INVALID_PARAMS, RpcError};
use crate::agents::jsonrpc::serve::Answering;
use crate::agents::links::resolve;
use crate::agents::policy::Judgement;
use crate::agents::scene::Scene;

/// The largest file that is read for an agent, in bytes.
const LARGEST: u64 = 16 << 20;
/// A file that is not there, as agents understand it.
const NOT_FOUND: i64 = -32002;

/// What a write is told that comes when the conversation ends.
const LEAVING: &str = "this run is being ended; nothing is written any more";

/// The files.
pub(super) struct Files {
    place: Place,
    writes: Writes,
}

/// Where they are, and who may do what with them.
#[derive(Clone)]
struct Place {
    scene: Arc<Scene>,
    worktree: PathBuf,
}

impl Files {
    pub(super) fn new(scene: Arc<Scene>, worktree: PathBuf) -> Self {
        Self { place: Place { scene, worktree }, writes: Writes::begin() }
    }

    /// `fs/read_text_file`.
    pub(super) fn read(&self, params: &Value) -> Answering {
        let place = self.place.clone();
        let path = path_of(params);
        let number = |name: &str| params.get(name).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let (line, limit) = (number("line"), number("limit"));
        blocking(move || {
            let path = place.permitted(&path?, "reading", |path| place.scene.policy.read(path))?;
            let text = read_text(&path).map_err(|error| fault(&path, &error))?;
            Ok(json!({ "content": window(&text, line, limit) }))
        })
    }

    /// `fs/write_text_file`.
    pub(super) fn write(&self, params: Value) -> Answering {
        let place = self.place.clone();
        self.writes.push(move || place.write(&params))
    }

    /// Takes no further writes, and waits for those that came.
    pub(super) async fn close(&self) {
        self.writes.close().await;
    }
}

impl Place {
    fn write(&self, params: &Value) -> Answer {
        if self.scene.lock().leaving {
            return Err(RpcError::new(INTERNAL, LEAVING));
        }
        let path = self.permitted(&path_of(params)?, "writing", |path| self.scene.policy.write(path))?;
        let content = params.get("content").and_then(Value::as_str);
        let content = content.ok_or_else(|| RpcError::new(INVALID_PARAMS, "there is no content"))?;
        write_text(&path, content).map_err(|error| fault(&path, &error))?;
        Ok(json!({}))
    }

    fn permitted(&self, path: &Path, act: &str, judge: impl Fn(&Path) -> Judgement) -> Result<PathBuf, RpcError> {
        let resolved = resolve(&self.worktree, path).map_err(|error| fault(path, &error))?;
        let judgement = judge(&resolved);
        let refusal = |reason| RpcError::new(INVALID_PARAMS, reason);
        self.scene.enforce(&format!("{act} {}", self.scene.shown(path)), judgement).map_err(refusal)?;
        Ok(resolved)
    }
}

fn path_of(params: &Value) -> Result<PathBuf, RpcError> {
    let path = params.get("path").and_then(Value::as_str).filter(|path| !path.is_empty());
    path.map(PathBuf::from).ok_or_else(|| RpcError::new(INVALID_PARAMS, "there is no path"))
}

fn fault(path: &Path, error: &io::Error) -> RpcError {
    match error.kind() {
        io::ErrorKind::NotFound => RpcError::new(NOT_FOUND, format!("Resource not found: {}", path.display())),
        _ => RpcError::new(INTERNAL, format!("{}: {error}", path.display())),
    }
}

fn blocking(work: impl FnOnce() -> Answer + Send + 'static) -> Answering {
    let running = tokio::task::spawn_blocking(work);
    Box::pin(async move {
        running.await.unwrap_or_else(|error| Err(RpcError::new(INTERNAL, format!("omk could not do it: {error}"))))
    })
}

/// Neither a link (it was resolved) nor a pipe (it could block for ever).
fn flags() -> i32 {
    (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed()
}

fn read_text(path: &Path) -> io::Result<String> {
    let file = std::fs::File::options().read(true).custom_flags(flags()).open(path)?;
    plain(&file)?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other(format!("larger than {LARGEST} bytes; read a part of it with a command")));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn write_text(path: &Path, content: &str) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let mut options = std::fs::File::options();
    let mut file = options.write(true).create(true).truncate(false).custom_flags(flags()).open(path)?;
    plain(&file)?;
    file.set_len(0)?;
    file.write_all(content.as_bytes())
}

fn plain(file: &std::fs::File) -> io::Result<()> {
    match file.metadata()?.is_file() {
        true => Ok(()),
        false => Err(io::Error::other("is no plain file")),
    }
}

/// `limit` lines from `line` on, which counts from 1.
fn window(text: &str, line: Option<usize>, limit: Option<usize>) -> String {
    if line.is_none() && limit.is_none() {
        return text.to_owned();
    }
    let first = line.unwrap_or(1).max(1) - 1;
    text.split_inclusive('\n').skip(first).take(limit.unwrap_or(usize::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;
    use crate::agents::keeping::Keeping;
    use crate::agents::profile::quirks::Quirks;
    use crate::agents::rehearsal::errand;
    use crate::domain::access::PathPattern;

    #[tokio::test]
    async fn nothing_is_written_once_the_conversation_is_on_its_way_out() {
        let place = tempfile::tempdir().expect("a directory");
        let worktree = place.path().canonicalize().expect("a directory");
        let mut errand = errand(Quirks::default(), worktree.clone());
        errand.access.writes = vec![PathPattern::parse("a").expect("a pattern")];
        let scene = Arc::new(Scene::new(&errand, unbounded_channel().0, Keeping::default()));
        let files = Files::new(Arc::clone(&scene), worktree.clone());
        let write = |content: &str| files.write(json!({"path": worktree.join("a"), "content": content}));
        assert_eq!(write("one").await, Ok(json!({})));
        scene.lock().leaving = true;
        assert_eq!(write("two").await, Err(RpcError::new(INTERNAL, LEAVING)));
        files.close().await;
        assert_eq!(std::fs::read_to_string(worktree.join("a")).expect("a file"), "one");
    }

    #[test]
    fn a_part_of_a_file_counts_lines_from_one() {
        let part = |line, limit| window("a\nb\nc", line, limit);
        assert_eq!((part(None, None).as_str(), part(Some(2), None).as_str()), ("a\nb\nc", "b\nc"));
        assert_eq!((part(Some(2), Some(1)).as_str(), part(None, Some(0)).as_str()), ("b\n", ""));
        assert_eq!(part(Some(9), Some(3)), "");
    }
}
