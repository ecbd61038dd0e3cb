//! Every port in memory, on the paused clock. Each call can be planned to fail, or to be the program's last.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use omk::domain::change::{Change, EntryKind, FileChange, Line};
use omk::domain::event::{Draft, Event};
use omk::domain::evidence::ArtifactRef;
use omk::domain::fact::Branch;
use omk::domain::ids::{CommitId, ContentHash, Moment, Timestamp, TreeId};
use omk::domain::order::{
    CaptureOrder, Captured, ConflictPath, Fault, JournalFailure, MergeInput, Merged, Prepared, WorktreeOrder,
};
use omk::domain::task::{Capture, KeptLines};
use omk::ports::{Artifacts, Clock, Effect, Growing, Journal, Workspace};

use super::World;
use super::fate::{Doom, Point};
use super::repository::{Repository, Tree};
use super::world::State;

/// One run's hold on the world.
pub(crate) struct Port(pub(crate) Arc<World>);

pub(crate) fn fault(detail: &str) -> Fault {
    Fault { what: "simulate".into(), detail: detail.into() }
}

/// What half of an effect leaves behind.
type Half = Box<dyn FnOnce(&mut State) + Send>;

impl Port {
    /// Panics in the caller, where that is planned.
    pub(crate) fn call(&self) {
        let panics = self.0.lock().fate.panics();
        assert!(!panics, "planned");
    }

    /// One more effect, and what is planned for it.
    pub(crate) fn begin(&self, kind: &'static str) -> Option<Doom> {
        self.call();
        let mut state = self.0.lock();
        let records = state.events.len();
        state.fate.next(kind, records)
    }

    /// An effect that takes `pause` and then is `done`.
    fn effect<T: Send + 'static>(
        &self,
        (kind, pause): (&'static str, Duration),
        half: Half,
        done: impl FnOnce(&mut State) -> Result<T, Fault> + Send + 'static,
    ) -> Effect<Result<T, Fault>> {
        let (world, doom) = (Arc::clone(&self.0), self.begin(kind));
        Box::pin(async move {
            world.alive_at(doom, Point::Dispatch).await;
            tokio::time::sleep(pause).await;
            if doom == Some(Doom::Die(Point::During)) {
                half(&mut world.lock());
            }
            world.alive_at(doom, Point::During).await;
            if doom == Some(Doom::Fail) {
                return Err(fault("it is planned to fail"));
            }
            let result = done(&mut world.lock());
            world.returns(doom).await;
            result
        })
    }

    fn quick<T: Send + 'static>(
        &self,
        kind: &'static str,
        done: impl FnOnce(&mut State) -> Result<T, Fault> + Send + 'static,
    ) -> Effect<Result<T, Fault>> {
        self.effect((kind, Duration::from_millis(1)), Box::new(|_| {}), done)
    }
}

impl World {
    /// Goes on only where the program has not died, and is not to die just here.
    pub(crate) async fn alive_at(&self, doom: Option<Doom>, point: Point) {
        if doom == Some(Doom::Die(point)) {
            self.die();
        }
        if self.lock().dead {
            std::future::pending::<()>().await;
        }
    }

    /// The effect is done; its result is about to be told.
    pub(crate) async fn returns(&self, doom: Option<Doom>) {
        self.alive_at(doom, Point::Success).await;
        if doom == Some(Doom::Die(Point::After)) {
            let mut state = self.lock();
            state.fate.die_after = Some(state.events.len() + 1);
        }
    }
}

impl Clock for Port {
    fn now(&self) -> Timestamp {
        self.call();
        self.0.lock().clocks.now()
    }

    fn moment(&self) -> Moment {
        self.call();
        self.0.lock().clocks.moment()
    }

    fn slept_ms(&self) -> u64 {
        self.0.lock().clocks.slept_ms()
    }
}

impl Journal for Port {
    fn append(&self, at: Timestamp, mut drafts: Vec<Draft>) -> Effect<Result<Vec<Event>, JournalFailure>> {
        self.call();
        let world = Arc::clone(&self.0);
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            world.alive_at(None, Point::Dispatch).await;
            let (room, fails) = {
                let mut state = world.lock();
                let records = state.events.len();
                let room = state.fate.die_after.map_or(usize::MAX, |most| most.saturating_sub(records));
                (room, state.fate.next_append())
            };
            let dies = room < drafts.len();
            drafts.truncate(room.min(fails.unwrap_or(usize::MAX)));
            let written = world.write(at, drafts);
            if dies {
                world.die();
            }
            world.alive_at(None, Point::Success).await;
            match fails {
                Some(_) => Err(JournalFailure { path: "events.jsonl".into(), detail: "planned".into() }),
                None => Ok(written),
            }
        })
    }

    fn read(&self) -> Effect<Result<Vec<Event>, JournalFailure>> {
        self.call();
        let events = self.0.events();
        Box::pin(async move { Ok(events) })
    }

    fn distress(&self) -> Option<String> {
        None
    }
}

impl Artifacts for Port {
    fn put(&self, name: &str, bytes: Vec<u8>) -> Effect<Result<ArtifactRef, Fault>> {
        let path = format!("artifacts/{name}");
        self.quick("put", move |_| Ok(ArtifactRef { path, sha256: ContentHash::zero(), bytes: bytes.len() as u64 }))
    }

    fn grow(&self, name: &str, _ends: usize) -> Box<dyn Growing> {
        unreachable!("agents are played here, and nothing else grows: {name}")
    }

    fn fetch(&self, _artifact: &ArtifactRef) -> Effect<Result<Vec<u8>, Fault>> {
        Box::pin(async { Err(fault("nothing is read back here")) })
    }
}

fn merge_one(repository: &mut Repository, tip: &mut CommitId, input: MergeInput) -> Merged {
    let base = repository.at(&input.capture.start).clone();
    let ours = repository.at(tip).clone();
    let theirs = repository.at(&input.capture.commit).clone();
    match Repository::merge(&base, &ours, &theirs) {
        Ok(tree) => {
            let parents = vec![tip.clone(), input.capture.commit];
            *tip = repository.commit(&tree, parents, &input.message);
            Merged::Clean { merge: tip.clone(), tree: repository.add_tree(&tree) }
        }
        Err(paths) => {
            let side = |tree: &Tree, path: &String| tree.get(path).map(|text| text.clone().into_bytes());
            let paths = paths.into_iter().map(|path| ConflictPath {
                base: side(&base, &path),
                ours: side(&ours, &path),
                theirs: side(&theirs, &path),
                path,
            });
            Merged::Conflict { onto: tip.clone(), paths: paths.collect() }
        }
    }
}

fn change_between(before: &Tree, after: &Tree) -> Change {
    let lines = |content: Option<&String>| {
        let numbered = content.map(String::as_str).unwrap_or_default().lines().zip(1..);
        numbered.map(|(text, number)| Line { number, text: text.to_owned() }).collect()
    };
    let files = Repository::changed(before, after).into_iter().map(|path| FileChange {
        before: before.get(&path).map(|_| EntryKind::File),
        after: after.get(&path).map(|_| EntryKind::File),
        binary: false,
        added: lines(after.get(&path)),
        removed: lines(before.get(&path)),
        link_target: None,
        path,
    });
    Change { files: files.collect() }
}

fn capture_of(state: &mut State, order: &CaptureOrder) -> Result<Captured, Fault> {
    let tree = state.worktrees.get(&order.worktree).cloned().ok_or_else(|| fault("the worktree is gone"))?;
    let before = state.repository.at(&order.start).clone();
    let paths = Repository::changed(&before, &tree);
    let capture = (!paths.is_empty()).then(|| Capture {
        start: order.start.clone(),
        tree: state.repository.add_tree(&tree),
        commit: state.repository.commit(&tree, vec![order.start.clone()], &order.message),
        added: paths.len() as u64,
        removed: 0,
        paths,
        ignored: Vec::new(),
    });
    Ok(Captured { capture, refused: Vec::new(), outside: Vec::new(), checkout: Vec::new() })
}

fn lines_of<'a>(state: &'a State, commit: &CommitId, path: &str) -> Vec<&'a str> {
    state.repository.at(commit).get(path).map(|text| text.lines().collect()).unwrap_or_default()
}

impl Workspace for Port {
    fn prepare(&self, order: WorktreeOrder) -> Effect<Result<Prepared, Fault>> {
        let own = PathBuf::from(format!("worktrees/{}.{}", order.attempt.slice, order.attempt.attempt));
        let path = Path::new("/sim").join(order.place.as_ref().map_or(&own, |place| &place.worktree));
        let (begun, start) = (path.clone(), order.start.clone());
        let stands = order.place.as_ref().is_some_and(|place| place.as_it_stands);
        let half: Half = Box::new(move |state| {
            if !stands || state.heads.get(&begun) != Some(&start) {
                state.heads.remove(&begun);
                state.worktrees.insert(begun, Tree::new());
            }
        });
        self.effect(("prepare", Duration::from_millis(2)), half, move |state| {
            if stands && state.heads.get(&path) == Some(&order.start) {
                return Ok(Prepared { path, stood: true });
            }
            state.heads.insert(path.clone(), order.start.clone());
            let tree = match &order.content {
                Some(tree) => state.repository.tree(tree).clone(),
                None => state.repository.at(&order.start).clone(),
            };
            state.worktrees.insert(path.clone(), tree);
            Ok(Prepared { path, stood: false })
        })
    }

    fn capture(&self, order: CaptureOrder) -> Effect<Result<Captured, Fault>> {
        let same = order.clone();
        let half: Half = Box::new(move |state| drop(capture_of(state, &same)));
        self.effect(("capture", Duration::from_millis(2)), half, move |state| capture_of(state, &order))
    }

    fn fingerprint(&self, worktree: PathBuf) -> Effect<Result<u64, Fault>> {
        let world = Arc::clone(&self.0);
        Box::pin(async move {
            let mut hasher = DefaultHasher::new();
            world.lock().worktrees.get(&worktree).hash(&mut hasher);
            Ok(hasher.finish())
        })
    }

    fn discard(&self, worktree: PathBuf) -> Effect<Result<(), Fault>> {
        let same = worktree.clone();
        let half: Half = Box::new(move |state| {
            state.heads.remove(&same);
            state.worktrees.entry(same).or_default().clear();
        });
        self.effect(("discard", Duration::from_millis(2)), half, move |state| {
            state.heads.remove(&worktree);
            state.worktrees.remove(&worktree);
            Ok(())
        })
    }

    fn change(&self, from: CommitId, to: CommitId) -> Effect<Result<Arc<Change>, Fault>> {
        self.quick("change", move |state| {
            Ok(Arc::new(change_between(state.repository.at(&from), state.repository.at(&to))))
        })
    }

    fn merge(&self, onto: CommitId, inputs: Vec<MergeInput>, _at: Timestamp) -> Effect<Result<Vec<Merged>, Fault>> {
        let pause = self.0.pause(&format!("merge {onto}"), 300);
        let (mut first, some) =
            (onto.clone(), inputs.iter().take(inputs.len().div_ceil(2)).cloned().collect::<Vec<_>>());
        let half: Half = Box::new(move |state| {
            some.into_iter().for_each(|input| drop(merge_one(&mut state.repository, &mut first, input)));
        });
        self.effect(("merge", pause), half, move |state| {
            let mut tip = onto;
            Ok(inputs.into_iter().map(|input| merge_one(&mut state.repository, &mut tip, input)).collect())
        })
    }

    fn tree_of(&self, commit: CommitId) -> Effect<Result<TreeId, Fault>> {
        self.quick("tree_of", move |state| Ok(state.repository.tree_id(&commit)))
    }

    fn added_lines(&self, from: CommitId, to: CommitId, path: String) -> Effect<Result<Vec<String>, Fault>> {
        self.quick("added_lines", move |state| {
            let before = lines_of(state, &from, &path);
            let added = lines_of(state, &to, &path).into_iter().filter(|line| !before.contains(line));
            Ok(added.map(str::to_owned).collect())
        })
    }

    fn missing_lines(&self, commit: CommitId, kept: Vec<KeptLines>) -> Effect<Result<Vec<KeptLines>, Fault>> {
        self.quick("missing_lines", move |state| {
            let missing = kept.into_iter().filter_map(|kept| {
                let there = lines_of(state, &commit, &kept.path);
                let lines: Vec<_> = kept.lines.iter().filter(|line| !there.contains(&line.as_str())).cloned().collect();
                (!lines.is_empty()).then_some(KeptLines { lines, ..kept })
            });
            Ok(missing.collect())
        })
    }

    fn unreachable(&self, head: CommitId, commits: Vec<CommitId>) -> Effect<Result<Vec<CommitId>, Fault>> {
        self.quick("unreachable", move |state| {
            let lost = |commit: &CommitId| !state.repository.reaches(&head, commit);
            Ok(commits.into_iter().filter(lost).collect())
        })
    }

    fn is_on_branch(&self, _branch: String, _commit: CommitId) -> Effect<Result<bool, Fault>> {
        self.quick("is_on_branch", |_| Ok(false))
    }

    fn deliver(&self, branches: Vec<Branch>) -> Effect<Result<(), Fault>> {
        self.quick("deliver", move |state| {
            let taken =
                |branch: &&Branch| state.branches.iter().any(|b| b.name == branch.name && b.commit != branch.commit);
            if let Some(branch) = branches.iter().find(taken) {
                return Err(fault(&format!("{} names another commit", branch.name)));
            }
            for branch in branches {
                if !state.branches.contains(&branch) {
                    state.branches.push(branch);
                }
            }
            Ok(())
        })
    }
}
